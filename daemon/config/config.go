// Package config reads keytrail's configuration: strict YAML in, typed and validated settings out.
//
// [Parse] walks the file's syntax tree by the schema in schema.go, so that every fault, of grammar, type or meaning, is
// reported at once, each as an [*Error] with its line, column and key path. Nothing here reads a secret: a [Secret] is
// where to find one, and is read at each use. An error never quotes the file, for the lines near a fault may hold a
// password that somebody wrote down.
//
// Which integration types can run is not decided here; the wiring of the daemon knows.
package config

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"time"
)

// maxFile bounds a configuration file, in bytes. Ten thousand repositories written out take less.
const maxFile = 4 << 20

// Config is a whole configuration, with defaults filled in.
type Config struct {
	Listen       string // host:port of the HTTP listener
	DataDir      string // absolute
	Poll         Poll
	Discovery    Discovery
	Refs         Refs
	Reach        // of every integration and repository that does not override it
	IssueKeys    IssueKeys
	BranchName   string // template by which a new branch is named after an issue
	Limits       Limits
	Local        Local
	Auth         Auth
	Releases     Releases
	Feed         Feed
	Integrations []Integration
	Repositories []Repository
	ContextPath  string  // of the Jira whose address clients of the dialects have, as "/jira"; empty for none
	Webhook      Webhook // of Repositories; those of an integration have its own
	Jira         Jira
	Log          Log
}

// Poll says how often a repository is looked at.
type Poll struct {
	Interval    time.Duration // of a repository that changes
	MaxInterval time.Duration // the longest that a quiet one waits; at least Interval
}

// Discovery says how often integrations are asked for their repositories.
type Discovery struct {
	Interval time.Duration
	// Confirmations is how often in a row, an interval or more apart, a host must say that most of its repositories are gone
	// before it is believed.
	Confirmations int
}

// Refs says what is fetched beside heads and tags.
type Refs struct {
	Notes   bool     // refs/notes/*
	Changes bool     // the host's changes: pull requests, merge requests, Gerrit changes
	Other   []string // refspecs, as "+refs/pull/*:refs/pull/*"
}

// IssueKeys says which issue keys are indexed.
type IssueKeys struct {
	Preset   string            // the grammar: jira, github, gitlab or bitbucket
	Projects []string          // when not empty, only these project keys
	Deny     []string          // never these
	Aliases  map[string]string // former project key to present one
}

// Limits bounds what keytrail takes of its hosts and of this machine.
type Limits struct {
	Requests       int           // at a time, of one token; of all requests together without tokens
	Fetches        int           // at a time, in all
	FetchesPerHost int           // at a time, of one host
	Connect        time.Duration // for a connection to a host
	Stall          time.Duration // without a byte received, after which a fetch is given up
	Total          time.Duration // of one look or fetch; 0 for none
	Advertisement  int64         // bytes of one list of refs
	Refs           int           // of one repository
	Pack           int64         // bytes of one fetch
	// Memory is how many bytes caches and walks may take together. What a first build keeps of each commit until it is
	// written, some 160 bytes with the garbage of it, comes on top.
	Memory int64
}

// Local says which repositories on this machine are read in place.
type Local struct {
	Roots []string // absolute; below them also those that belong to another user than keytrail's
}

// Repository is one repository named by itself.
type Repository struct {
	Name string
	URL  string // http, https, ssh, git or file, without credentials; user@host:path; or an absolute path
	Credentials
	Reach
	Refs  Refs // the configuration's own, where not overridden
	Links Links
}

// Releases says which refs stand for a release: patterns of package path for short names, in which a * stops at a slash. A lone * is
// every name.
type Releases struct {
	Tags     []string
	Branches []string
}

// Feed says how long the changes of the index are told.
type Feed struct {
	Retention time.Duration
}

// Log says what is logged and how.
type Log struct {
	Level  string // trace, debug, info, warn or error
	Format string // json or console
}

// Default is the configuration of an empty file.
func Default() *Config {
	return &Config{
		Listen:     "127.0.0.1:8790",
		DataDir:    "/var/lib/keytrail",
		Poll:       Poll{Interval: 5 * time.Minute, MaxInterval: 24 * time.Hour},
		Discovery:  Discovery{Interval: 10 * time.Minute, Confirmations: 3},
		Refs:       Refs{Notes: true},
		Reach:      Reach{Objects: ObjectsCommits, Fetch: Fetch{Engine: EngineNative}},
		BranchName: "${issuekey}-${summary}",
		IssueKeys:  IssueKeys{Preset: "jira", Deny: []string{"UTF", "SHA", "ISO", "CVE", "RFC"}},
		Releases: Releases{
			Tags: []string{"*"},
			Branches: []string{
				"release/*", "releases/*", "release-*", "[0-9]*.[0-9]*", "v[0-9]*", "stable/*", "support/*", "hotfix/*",
			},
		},
		Feed: Feed{Retention: 30 * 24 * time.Hour},
		Limits: Limits{
			Requests: 64, Fetches: 8, FetchesPerHost: 4, Connect: 30 * time.Second, Stall: time.Minute, Total: 6 * time.Hour,
			Advertisement: 512 << 20, Refs: 5_000_000, Pack: 20 << 30, Memory: 384 << 20,
		},
		Log: Log{Level: "info", Format: "json"},
	}
}

// Checks are what other packages know to be right. A nil check accepts everything; the text of an error follows the
// key path.
type Checks struct {
	Refspec    func(string) error // of refs.other
	Filter     func(string) error // of integrations[].filter
	BranchName func(string) error // of branch_name
	Links      func(Links) error  // of one template among links
	CA         func(string) error // of the file that a ca names
}

// Load reads and parses the file at path.
func Load(path string, checks Checks) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, checks)
}

// NeedsRestart names the settings that differ between c and next and that a running daemon cannot take over.
func (c *Config) NeedsRestart(next *Config) []string {
	var keys []string
	if c.Listen != next.Listen {
		keys = append(keys, "listen")
	}
	if c.DataDir != next.DataDir {
		keys = append(keys, "data_dir")
	}
	if c.ContextPath != next.ContextPath {
		keys = append(keys, "context_path")
	}
	if !reflect.DeepEqual(c.Jira, next.Jira) {
		keys = append(keys, "jira")
	}
	return keys
}

// CheckSecrets reads every secret once and returns what hinders, joined: for a check before the first use.
func (c *Config) CheckSecrets() error {
	var faults faults
	look := func(path string, s Secret) {
		if s.IsZero() {
			return
		}
		if _, err := s.Value(); err != nil {
			faults = append(faults, &Error{Key: path, Problem: err.Error()})
		}
	}
	for i, t := range c.Auth.Tokens {
		look(fmt.Sprintf("auth.tokens[%d].token", i), t.Token)
	}
	look("proxy.password", c.Proxy.Password)
	for i, in := range c.Integrations {
		at := fmt.Sprintf("integrations[%d].", i)
		in.look(at, look)
		look(at+"private_key", in.PrivateKey)
		look(at+"webhook.secret", in.Webhook.Secret)
		look(at+"proxy.password", in.Proxy.Password)
	}
	look("webhook.secret", c.Webhook.Secret)
	look("jira.token", c.Jira.Token)
	for i, r := range c.Repositories {
		at := fmt.Sprintf("repositories[%d].", i)
		r.look(at, look)
		look(at+"proxy.password", r.Proxy.Password)
	}
	return faults.join()
}

// clone gives refs that share nothing with r.
func (r Refs) clone() Refs {
	r.Other = slices.Clone(r.Other)
	return r
}
