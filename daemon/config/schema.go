package config

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// read fills c from the file's root. The readers below are the schema: which keys there are, and what each takes. The
// settings that others inherit come first.
func (c *Config) read(v value) {
	found := v.mapping(slices.Concat(
		[]field{
			{"listen", text(&c.Listen, checkListen)},
			{"data_dir", text(&c.DataDir, checkAbsolute)},
			{"poll", c.Poll.read},
			{"discovery", c.Discovery.read},
			{"refs", c.Refs.read},
		},
		c.Reach.fields(v.d.checks),
		[]field{
			{"issue_keys", c.IssueKeys.read},
			{"branch_name", text(&c.BranchName, v.d.checks.BranchName)},
			{"limits", c.Limits.read},
			{"local", c.Local.read},
			{"auth", c.Auth.read},
			{"releases", c.Releases.read},
			{"feed", c.Feed.read},
			{"integrations", c.readIntegrations},
			{"repositories", c.readRepositories},
			{"context_path", text(&c.ContextPath, checkContextPath)},
			{"webhook", c.readWebhook},
			{"jira", c.readJira},
			{"log", c.Log.read},
		},
	)...)
	if at, ok := found["auth"]; ok {
		c.checkTokens(at)
	}
	if at, ok := found["listen"]; ok {
		if err := c.CheckListen(); err != nil && checkListen(c.Listen) == nil {
			at.fail("%v", err)
		}
	}
}

func (p *Poll) read(v value) {
	found := v.mapping(
		field{"interval", duration(&p.Interval, time.Second, math.MaxInt64)},
		field{"max_interval", duration(&p.MaxInterval, time.Second, math.MaxInt64)},
	)
	at, given := found["max_interval"]
	switch {
	case !given:
		p.MaxInterval = max(p.MaxInterval, p.Interval)
	case p.MaxInterval < p.Interval:
		at.fail("%v is less than interval, %v: raise it", p.MaxInterval, p.Interval)
	}
}

func (d *Discovery) read(v value) {
	v.mapping(
		field{"interval", duration(&d.Interval, time.Second, math.MaxInt64)},
		field{"confirmations", integer(&d.Confirmations, 1, 1000)},
	)
}

func (r *Refs) read(v value) {
	v.mapping(
		field{"notes", boolean(&r.Notes)},
		field{"changes", boolean(&r.Changes)},
		field{"other", texts(&r.Other, v.d.checks.Refspec)},
	)
}

func (k *IssueKeys) read(v value) {
	found := v.mapping(
		field{"preset", oneOf(&k.Preset, "jira", "github", "gitlab", "bitbucket")},
		field{"projects", texts(&k.Projects, checkProject)},
		field{"deny", texts(&k.Deny, checkProject)},
		field{"aliases", k.readAliases},
	)
	deny, given := found["deny"]
	if !given { // a project asked for by name is wanted, whatever the default denies
		k.Deny = slices.DeleteFunc(k.Deny, func(p string) bool { return slices.Contains(k.Projects, p) })
		return
	}
	for _, p := range k.Deny {
		if slices.Contains(k.Projects, p) {
			deny.fail("%s is among projects too: take it out of one", p)
		}
	}
}

func (k *IssueKeys) readAliases(v value) {
	entries := v.entries()
	k.Aliases = make(map[string]string, len(entries))
	for _, e := range entries {
		if err := checkProject(e.key); err != nil {
			v.d.fail(e.keyNode, e.path, err.Error())
		}
		var to string
		text(&to, checkProject)(e.value)
		k.Aliases[e.key] = to
	}
	for _, e := range entries {
		to := k.Aliases[e.key]
		if _, chained := k.Aliases[to]; chained {
			e.fail("%s is an alias itself: name the present project", to)
		}
	}
}

func (l *Limits) read(v value) {
	v.mapping(
		field{"requests_per_token", integer(&l.Requests, 1, 100_000)},
		field{"fetches", integer(&l.Fetches, 1, 1024)},
		field{"fetches_per_host", integer(&l.FetchesPerHost, 1, 1024)},
		field{"connect", duration(&l.Connect, time.Second, time.Hour)},
		field{"stall", duration(&l.Stall, time.Second, time.Hour)},
		field{"total", durationOrNone(&l.Total, time.Second, math.MaxInt64)},
		field{"advertisement", size(&l.Advertisement, 1<<20)},
		field{"refs", integer(&l.Refs, 1, math.MaxInt32)},
		field{"pack", size(&l.Pack, 1<<20)},
		field{"memory", size(&l.Memory, 64<<20)},
	)
}

func (r *Releases) read(v value) {
	v.mapping(
		field{"tags", texts(&r.Tags, checkPattern)},
		field{"branches", texts(&r.Branches, checkPattern)},
	)
}

func (f *Feed) read(v value) {
	v.mapping(field{"retention", duration(&f.Retention, time.Hour, math.MaxInt64)})
}

func (l *Local) read(v value) {
	v.mapping(field{"roots", texts(&l.Roots, checkAbsolute)})
}

func (c *Config) readRepositories(v value) {
	names, urls := make(unique), make(unique)
	v.list(func(v value) {
		r := Repository{Refs: c.Refs.clone(), Reach: c.Reach}
		found := v.mapping(slices.Concat(
			[]field{
				{"name", text(&r.Name, checkTitle, names.check)},
				{"url", text(&r.URL, CheckRepositoryURL, urls.check)},
				{"refs", r.Refs.read},
				{"links", r.Links.read},
			},
			r.Credentials.fields(), r.Reach.fields(v.d.checks),
		)...)
		v.require(found, "name", "url")
		r.checkScheme(found)
		c.Repositories = append(c.Repositories, r)
	})
}

// ofSecrets are the keys whose value is a secret.
var ofSecrets = []string{"password", "token", "private_key", "secret"}

// The keys that only some repositories use.
var (
	ofHTTP    = []string{"username", "password", "token", "headers", "ca", "proxy"}
	ofSSH     = []string{"ssh_key", "ssh_key_passphrase", "known_hosts"}
	ofRemotes = []string{"objects", "fetch"}
)

// checkScheme holds the credentials found against the URL's scheme: one that is never used is a mistake.
func (r *Repository) checkScheme(found map[string]value) {
	at, ok := found["url"]
	if !ok || CheckRepositoryURL(r.URL) != nil {
		return
	}
	var foreign []string
	switch scheme(r.URL) {
	case "http", "https":
		foreign = ofSSH
		r.Credentials.check(at, found)
	case "ssh":
		foreign = ofHTTP
		_, hasPassphrase := found["ssh_key_passphrase"]
		if _, hasKey := found["ssh_key"]; hasPassphrase && !hasKey {
			at.fail("has an ssh_key_passphrase and no ssh_key: write the key that it opens")
		}
	case "git":
		foreign = slices.Concat(ofHTTP, ofSSH)
	default:
		foreign = slices.Concat(ofHTTP, ofSSH, ofRemotes)
	}
	for _, key := range foreign {
		if at, ok := found[key]; ok {
			at.fail("is not for %s: take it out", shown(r.URL))
		}
	}
}

func (l *Log) read(v value) {
	v.mapping(
		field{"level", oneOf(&l.Level, "trace", "debug", "info", "warn", "error")},
		field{"format", oneOf(&l.Format, "json", "console")},
	)
}

// unique holds the texts of a list that must differ.
type unique map[string]bool

// check refuses a text that it was asked about before.
func (u unique) check(s string) error {
	if u[s] {
		return fmt.Errorf("%q stands twice: make it differ or take one out", s)
	}
	u[s] = true
	return nil
}
