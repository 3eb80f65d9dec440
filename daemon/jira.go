package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/daemon/config"
	"keytrail/indexer/command"
	"keytrail/indexer/host"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/jira"
	"keytrail/storage"
)

// jiraSide is what the daemon does with Jira: it carries out smart commits, and has the keys of Jira's projects be the only ones. The one
// of a configuration without a Jira does neither.
type jiraSide struct {
	config   config.Jira
	dir      string // of the data
	client   *jira.Client
	runner   *command.Runner // nil: smart commits are shown only
	log      zerolog.Logger
	read     chan []jira.Project // to the goroutine that takes over what is configured
	projects []jira.Project      // as they were taken over last; nil: never
	isRead   bool                // Jira itself has told them since the start
}

// How Jira is asked. A command that must wait longer is tried again later, and does not keep the others waiting.
const (
	jiraExchange = 30 * time.Second
	jiraTotal    = 2 * time.Minute
	jiraWait     = 5 * time.Second
)

func newJiraSide(d *daemon, registerer prometheus.Registerer) (*jiraSide, error) {
	j := &jiraSide{config: d.settings.Jira, dir: d.settings.DataDir, log: d.log.With().Str("component", "jira").Logger(), read: make(chan []jira.Project)}
	if j.config.IsZero() {
		return j, nil
	}
	transport, err := d.transports.to(d.settings.Reach)
	if err != nil {
		return nil, fmt.Errorf("jira: %w", err)
	}
	j.client, err = jira.New(jira.Options{
		URL: j.config.URL, Username: j.config.Username, Token: secretOf(j.config.Token), Transport: transport,
		Limits: host.Limits{Exchange: jiraExchange, Total: jiraTotal, Wait: jiraWait},
	})
	if err != nil {
		return nil, fmt.Errorf("jira: %w", err)
	}
	if j.config.SmartCommits.Enabled {
		j.runner = command.New(command.Options{
			Store: d.store, Jira: j.client, Rules: d.rules.Load, Projects: j.config.Projects, MaxAge: j.config.SmartCommits.MaxAge,
			Authors: command.Authors(j.config.SmartCommits.Authors), Grace: j.config.SmartCommits.Grace, Log: j.log, Registerer: registerer,
		})
	}
	return j, nil
}

// shownCommands gives what reads commands out of commits where nobody carries them out; else nil.
func (d *daemon) shownCommands() func(storage.Hit) []storage.Command {
	if d.jira.runner != nil {
		return nil
	}
	return func(hit storage.Hit) []storage.Command { return command.Of(hit, d.rules.Load()) }
}

// firstRead is how long the start waits for Jira's projects.
const firstRead = 10 * time.Second

// beginJira does what comes before the first index: it takes over Jira's projects, if they can be had soon.
func (d *daemon) beginJira(ctx context.Context) error {
	if d.jira.runner == nil {
		if err := command.Forget(ctx, d.store); err != nil {
			return fmt.Errorf("end the search for smart commits: %w", err)
		}
	}
	if !d.jira.config.ProjectKeys {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, firstRead)
	defer cancel()
	projects, err := d.jira.client.Projects(bounded)
	if err == nil {
		d.jira.isRead = true
		d.takeProjects(projects)
		return nil
	}
	known, knownErr := d.jira.known()
	if knownErr != nil {
		d.jira.log.Error().Err(knownErr).Msg("the projects of Jira that were known before the start could not be read")
	}
	if len(known) == 0 {
		d.jira.log.Warn().Err(err).Msg("the projects of Jira could not be read; until they are, issue_keys alone says what is a key")
		return ctx.Err()
	}
	d.jira.log.Warn().Err(err).Int("projects", len(known)).Msg("the projects of Jira could not be read; those that were known before the start stay")
	d.takeProjects(known)
	return ctx.Err()
}

// projectsFile lies in the data directory and holds a keptProjects as JSON, for a start at which Jira cannot be read.
const projectsFile = "jira.json"

// keptProjects are the projects of a Jira as they were taken over last.
type keptProjects struct {
	URL      string         `json:"url"`
	Projects []jira.Project `json:"projects"`
}

// known reads the projects that were kept; none when they are of another Jira.
func (j *jiraSide) known() ([]jira.Project, error) {
	path := filepath.Join(j.dir, projectsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept keptProjects
	if err == nil {
		if err = json.Unmarshal(text, &kept); err != nil {
			err = fmt.Errorf("%s: %w: delete it", path, err)
		}
	}
	if err != nil || kept.URL != j.config.URL {
		return nil, err
	}
	return kept.Projects, nil
}

// keep writes the projects down. It need not outlast a power cut: without the file a start does as if none were known.
func (j *jiraSide) keep() error {
	text, err := json.Marshal(keptProjects{j.config.URL, j.projects})
	if err != nil {
		return err
	}
	path := filepath.Join(j.dir, projectsFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// runJira has g do what goes on with Jira.
func (d *daemon) runJira(ctx context.Context, g *errgroup.Group) {
	if d.jira.runner != nil {
		g.Go(func() error { return d.jira.runner.Run(ctx) })
	}
	if d.jira.config.ProjectKeys {
		isRead := d.jira.isRead
		g.Go(func() error { d.jira.watchProjects(ctx, isRead); return nil })
	}
}

// How often Jira's projects are read: hourly, and sooner while they were not since the start.
const (
	projectsInterval = time.Hour
	projectsRetry    = time.Minute
)

// watchProjects reads Jira's projects again and again, until the context ends.
func (j *jiraSide) watchProjects(ctx context.Context, isRead bool) {
	for {
		wait := projectsInterval
		if !isRead {
			wait = projectsRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		projects, err := j.client.Projects(ctx)
		if err != nil {
			if ctx.Err() == nil {
				j.log.Warn().Err(err).Msg("the projects of Jira could not be read; those that are known stay")
			}
			continue
		}
		isRead = true
		select {
		case j.read <- projects:
		case <-ctx.Done():
			return
		}
	}
}

// takeProjects makes key rules of the projects that Jira has, and says what changed. A list that has lost more than half is not believed:
// it is what Jira shows an account that has lost its rights.
func (d *daemon) takeProjects(projects []jira.Project) {
	before := d.jira.projects
	if len(projects) == 0 || 2*len(projects) < len(before) {
		d.jira.log.Warn().Int("had", len(before)).Int("has", len(projects)).
			Msg("Jira shows no project, or less than half of those before: look at the rights of its account; if they are right, restart keytrail")
		return
	}
	rules, err := rulesWith(d.settings.IssueKeys, projects)
	if err != nil {
		d.jira.log.Error().Err(err).Msg("the projects of Jira make no key rules; those that are in force stay")
		return
	}
	d.jira.projects = projects
	if err := d.jira.keep(); err != nil {
		d.jira.log.Error().Err(err).Msg("the projects of Jira could not be written down; a start without Jira will not know them")
	}
	if rules.Fingerprint() == d.rules.Load().Fingerprint() {
		return
	}
	added, gone := difference(projects, before), difference(before, projects)
	d.jira.log.Info().Int("projects", len(projects)).Strs("added", added).Strs("gone", gone).
		Msg("the projects of Jira changed: repositories are indexed again at their next look")
	d.rules.Store(rules)
	d.indexer.SetRules(rules)
}

// difference gives the projects of a list that another does not have as they are, their former keys behind them.
func difference(of, from []jira.Project) []string {
	var lacking []string
	for _, p := range of {
		isThere := slices.ContainsFunc(from, func(q jira.Project) bool { return q.Key == p.Key && slices.Equal(p.Former, q.Former) })
		if isThere {
			continue
		}
		text := p.Key
		for _, former := range p.Former {
			text += ", once " + former
		}
		lacking = append(lacking, text)
	}
	return lacking
}

// rulesWith makes the key rules of a configuration and the projects that Jira has: keys of other projects are none, and former keys
// are aliases. What is configured goes before: projects narrow, deny denies, aliases stay.
func rulesWith(k config.IssueKeys, projects []jira.Project) (*issuekey.Rules, error) {
	o := issuekey.Options{Preset: k.Preset, Deny: k.Deny, Aliases: map[string]string{}}
	isProject := map[string]bool{}
	for _, p := range projects {
		isProject[p.Key] = true
	}
	canBe := func(key string) bool {
		_, err := issuekey.New(issuekey.Options{Preset: k.Preset, Projects: []string{key}})
		return err == nil && !slices.Contains(k.Deny, key)
	}
	for _, p := range projects {
		isWanted := func(key string) bool { return len(k.Projects) == 0 || slices.Contains(k.Projects, key) }
		if !canBe(p.Key) || !isWanted(p.Key) && !slices.ContainsFunc(p.Former, isWanted) {
			continue
		}
		o.Projects = append(o.Projects, p.Key)
		for _, former := range p.Former {
			if canBe(former) && !isProject[former] {
				o.Aliases[former] = p.Key
			}
		}
	}
	for from, to := range k.Aliases {
		o.Aliases[from] = to
	}
	if len(o.Projects) == 0 {
		return nil, fmt.Errorf("none of the %d projects of Jira can be a key by issue_keys: look at its projects and deny", len(projects))
	}
	return issuekey.New(o)
}
