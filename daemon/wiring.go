package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"keytrail/daemon/branchname"
	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/host/link"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/schedule"
	"keytrail/storage"
)

// plan is what a configuration means for the parts of the daemon.
type plan struct {
	targets      []indexer.Target // of the repositories named one by one
	integrations []*integration
	discovery    discovery.Limits
	rules        *issuekey.Rules
	branchName   *branchname.Template
	pages        *pages
	limits       schedule.Limits
	tokens       []httpapi.Token
	hookSecret   host.Secret // of the repositories named one by one; nil: none
}

// checks are those of what a configuration holds and other packages know to be right.
func checks() config.Checks {
	return config.Checks{
		Refspec: func(spec string) error {
			_, err := mirror.ParseRefspecs(false, false, []string{spec})
			return err
		},
		Filter: func(expression string) error {
			_, err := filter.Compile(expression)
			return err
		},
		BranchName: func(template string) error {
			_, err := branchname.Parse(template)
			return err
		},
		Links: func(l config.Links) error {
			_, err := link.Compile(linkTemplates(l))
			return err
		},
		CA: checkCA,
	}
}

// newPlan works a configuration out.
func newPlan(c *config.Config, transports *transports) (plan, error) {
	p := plan{
		limits: schedule.Limits{
			Total: c.Limits.Fetches, PerHost: c.Limits.FetchesPerHost, Interval: c.Poll.Interval, MaxInterval: c.Poll.MaxInterval,
		},
		hookSecret: secretOf(c.Webhook.Secret),
		discovery:  discovery.Limits{Interval: c.Discovery.Interval, Confirmations: c.Discovery.Confirmations},
	}
	var errs []error
	var err error
	if p.rules, err = newRules(c.IssueKeys); err != nil {
		errs = append(errs, fmt.Errorf("issue_keys: %w", err))
	}
	if p.branchName, err = branchname.Parse(c.BranchName); err != nil {
		errs = append(errs, fmt.Errorf("branch_name: %w", err))
	}
	if p.pages, err = newPages(c); err != nil {
		errs = append(errs, err)
	}
	for _, i := range c.Integrations {
		in, err := newIntegration(i, c, transports)
		if err != nil {
			errs = append(errs, fmt.Errorf("integration %q: %w", i.Name, err))
			continue
		}
		p.integrations = append(p.integrations, in)
	}
	for _, r := range c.Repositories {
		t, err := newTarget(r, c, transports)
		if err != nil {
			errs = append(errs, fmt.Errorf("repository %q: %w", r.Name, err))
			continue
		}
		p.targets = append(p.targets, t)
	}
	for _, t := range c.Auth.Tokens {
		text, err := t.Token.Value()
		if err != nil {
			errs = append(errs, fmt.Errorf("auth token %q: %w", t.Name, err))
			continue
		}
		p.tokens = append(p.tokens, tokenOf(t, text))
	}
	return p, errors.Join(errs...)
}

// tokenOf makes of a configured token and its secret what the API knows of it.
func tokenOf(t config.Token, secret string) httpapi.Token {
	made := httpapi.Token{
		Name: t.Name, Hash: sha256.Sum256([]byte(secret)), Projects: t.Projects, ReadOnly: t.Access == config.AccessRead,
	}
	for _, name := range t.Integrations {
		if name == config.NamedOneByOne {
			name = "" // of no integration
		}
		made.Integrations = append(made.Integrations, name)
	}
	return made
}

// releaseNames says which tags and branches stand for a release.
func releaseNames(c *config.Config) httpapi.ReleaseNames {
	return httpapi.ReleaseNames{Tags: c.Releases.Tags, Branches: c.Releases.Branches}
}

// goOnFrom puts those integrations of a former plan that are configured as before in place of the new ones.
func (p *plan) goOnFrom(former plan) {
	for i, in := range p.integrations {
		j := slices.IndexFunc(former.integrations, in.isLike)
		if j >= 0 {
			p.integrations[i] = former.integrations[j]
		}
	}
}

// sources are what package discovery asks.
func (p *plan) sources() []discovery.Source {
	sources := make([]discovery.Source, len(p.integrations))
	for i, in := range p.integrations {
		sources[i] = in.source()
	}
	return sources
}

// knownTargets are the repositories of a plan, of its integrations those that the index knows from former discoveries.
func (p *plan) knownTargets(ctx context.Context, store storage.Reader) ([]indexer.Target, error) {
	targets := slices.Clone(p.targets)
	for r, err := range store.Repositories(ctx) {
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(p.integrations, func(in *integration) bool { return in.config.Name == r.Integration })
		if i >= 0 && r.State() != storage.StateRetired {
			targets = append(targets, p.integrations[i].registered(r.RepositorySpec))
		}
	}
	return targets, nil
}

func newRules(k config.IssueKeys) (*issuekey.Rules, error) {
	return issuekey.New(issuekey.Options{Preset: k.Preset, Projects: k.Projects, Deny: k.Deny, Aliases: k.Aliases})
}

// keyRules are those of a configuration file, or without one the defaults.
func keyRules(file string) (*issuekey.Rules, error) {
	settings := config.Default()
	if file != "" {
		known := checks()
		known.CA = nil // who only asks reaches no host, and need not be able to read what the daemon reads
		var err error
		if settings, err = config.Load(file, known); err != nil {
			return nil, err
		}
	}
	return newRules(settings.IssueKeys)
}

func newTarget(r config.Repository, c *config.Config, transports *transports) (indexer.Target, error) {
	refspecs, err := mirror.ParseRefspecs(r.Refs.Notes, r.Refs.Changes, r.Refs.Other)
	if err != nil {
		return indexer.Target{}, err
	}
	remote, err := remoteOptions(r, c, transports)
	if err != nil {
		return indexer.Target{}, err
	}
	return indexer.Target{
		Spec:     storage.RepositorySpec{HostID: r.URL, Name: r.Name, URL: r.URL},
		Refspecs: refspecs,
		Remote:   remote,
	}, nil
}

// namedTargets are repositories given on a command line, by path or URL. One that cannot be fetched from fails by itself when
// it is looked at, as a path does that is not there.
func namedTargets(places []string, c *config.Config, as config.Credentials, transports *transports) ([]indexer.Target, error) {
	var targets []indexer.Target
	for i, place := range places {
		at, err := locate(place)
		if err != nil {
			return nil, usageError{fmt.Errorf("repository %d on the command line: %w", i+1, err)}
		}
		t, err := newTarget(config.Repository{Name: nameOf(at), URL: at, Credentials: as, Refs: c.Refs, Reach: c.Reach}, c, transports)
		if err != nil {
			return nil, usageError{err}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// locate gives the URL or the absolute path of a place. It refuses what would put a password into the index and from there
// into every list of repositories, or might: it cannot be told of what is no URL. No error repeats a password.
func locate(place string) (string, error) {
	at := place
	if local, ok := mirror.LocalPath(place); ok {
		absolute, err := filepath.Abs(local)
		if err != nil {
			return "", err
		}
		if isMistypedURL(local) {
			return "", errors.New("is no path that is there, and looks like a mistyped URL: write it as " +
				"https://git.example.com/a.git, without credentials, which are --username, and --password-file or --password-env")
		}
		at = absolute
	}
	err := config.CheckRepositoryURL(at)
	switch {
	case err == nil, errors.Is(err, config.ErrScheme):
		return at, nil
	case errors.Is(err, config.ErrCredentials):
		return "", fmt.Errorf("%w; on the command line these are --username, and --password-file or --password-env", err)
	}
	return "", err
}

// isMistypedURL tells of what is taken for a path whether it may be a URL with credentials, as https//user:password@host/a
// is: it is not there, and holds a colon before an @, or an @ in a path that is not absolute.
func isMistypedURL(local string) bool {
	i := strings.LastIndex(local, "@")
	if i < 0 || filepath.IsAbs(local) && !strings.Contains(local[:i], ":") {
		return false
	}
	_, err := os.Stat(local)
	return err != nil
}

// nameOf gives a repository given by place the name that git clone would.
func nameOf(place string) string {
	place = strings.TrimSuffix(strings.TrimRight(filepath.ToSlash(place), "/"), "/.git")
	if _, short, ok := strings.Cut(place, ":"); ok && !strings.Contains(place, "://") && !filepath.IsAbs(place) {
		place = short // of user@host:path
	}
	if name := strings.TrimSuffix(path.Base(place), ".git"); name != "" && name != "." && name != "/" {
		return name
	}
	return place
}

// registeredTargets are the repositories that an index knows, for a start that does not name them all.
func registeredTargets(ctx context.Context, store storage.Reader, c *config.Config, transports *transports) ([]indexer.Target, error) {
	var targets []indexer.Target
	for r, err := range store.Repositories(ctx) {
		if err != nil {
			return nil, err
		}
		if r.State() == storage.StateRetired {
			continue
		}
		t, err := newTarget(config.Repository{Name: r.Name, URL: r.URL, Refs: c.Refs, Reach: c.Reach}, c, transports)
		if err != nil {
			return nil, err
		}
		t.Spec = r.RepositorySpec
		targets = append(targets, t)
	}
	return targets, nil
}
