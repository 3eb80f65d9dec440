package daemon

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/wire"
	"keytrail/indexer/schedule"
	"keytrail/storage"
)

// plan is what a configuration means for the parts of the daemon.
type plan struct {
	targets []indexer.Target
	rules   *issuekey.Rules
	limits  schedule.Limits
	tokens  []httpapi.Token
}

// checks are the syntaxes that a configuration holds and other packages own.
func checks() config.Checks {
	return config.Checks{
		Refspec: func(spec string) error {
			_, err := mirror.ParseRefspecs(false, false, []string{spec})
			return err
		},
		Filter: host.CheckFilter,
	}
}

// newPlan works a configuration out. Remotes share the transport.
func newPlan(c *config.Config, transport http.RoundTripper) (plan, error) {
	p := plan{limits: schedule.Limits{
		Total: c.Limits.Fetches, PerHost: c.Limits.FetchesPerHost, Interval: c.Poll.Interval, MaxInterval: c.Poll.MaxInterval,
	}}
	var errs []error
	var err error
	p.rules, err = issuekey.New(issuekey.Options{
		Preset: c.IssueKeys.Preset, Projects: c.IssueKeys.Projects, Deny: c.IssueKeys.Deny, Aliases: c.IssueKeys.Aliases,
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("issue_keys: %w", err))
	}
	for _, i := range c.Integrations {
		errs = append(errs, fmt.Errorf("integration %q: this keytrail has no host of type %q; name its repositories one by one under repositories", i.Name, i.Type))
	}
	for _, r := range c.Repositories {
		t, err := newTarget(r, c, transport)
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
		p.tokens = append(p.tokens, httpapi.Token{Name: t.Name, Hash: sha256.Sum256([]byte(text))})
	}
	return p, errors.Join(errs...)
}

func newTarget(r config.Repository, c *config.Config, transport http.RoundTripper) (indexer.Target, error) {
	refspecs, err := mirror.ParseRefspecs(r.Refs.Notes, r.Refs.Changes, r.Refs.Other)
	if err != nil {
		return indexer.Target{}, err
	}
	t := indexer.Target{
		Spec:     storage.RepositorySpec{HostID: r.URL, Name: r.Name, URL: r.URL},
		Refspecs: refspecs,
		Remote: mirror.RemoteOptions{
			IsFull: c.Objects == config.ObjectsFull,
			Wire:   wire.Options{Transport: transport, Stall: c.Limits.Stall, MaxPack: c.Limits.Pack},
		},
	}
	if !r.Password.IsZero() {
		t.Remote.Wire.Credentials = func(context.Context) (wire.Credentials, error) {
			password, err := r.Password.Value()
			return wire.Credentials{Username: r.Username, Password: password}, err
		}
	}
	return t, nil
}

// namedTargets are repositories given on a command line, by path or URL.
func namedTargets(places []string, c *config.Config, password config.Secret, username string, transport http.RoundTripper) ([]indexer.Target, error) {
	var targets []indexer.Target
	for i, place := range places {
		at := place
		if local, ok := mirror.LocalPath(place); ok {
			absolute, err := filepath.Abs(local)
			if err != nil {
				return nil, fmt.Errorf("repository %q: %w", place, err)
			}
			at = absolute
		} else if err := checkRemote(place); err != nil {
			return nil, usageError{err}
		}
		// Before the URL gets into the index and from there into answers: it may hold a password.
		if err := config.CheckRepositoryURL(at); err != nil {
			return nil, usageError{fmt.Errorf("repository %d on the command line: %w", i+1, err)}
		}
		r := config.Repository{Name: nameOf(at), URL: at, Username: username, Password: password, Refs: c.Refs}
		t, err := newTarget(r, c, transport)
		if err != nil {
			return nil, usageError{err}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// checkRemote refuses a URL that cannot be fetched, or that would put a password into the index and into every list of
// repositories.
func checkRemote(place string) error {
	u, err := url.Parse(place)
	switch {
	case err != nil || u.Scheme == "":
		return errors.New("a repository is a path, or a URL as https://git.example.com/acme/shop.git; user@host:path is not supported in this version")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("repository %s: %s:// is not supported in this version; use http://, https://, file:// or a path", u.Redacted(), u.Scheme)
	case u.User != nil:
		return fmt.Errorf("repository %s: take the user name and password out of the URL; give them with --username and --password-file, "+
			"or as username and password in a configuration file", u.Host) // a token may stand for the user name
	}
	return nil
}

// nameOf gives a repository given by place the name that git clone would.
func nameOf(place string) string {
	place = strings.TrimSuffix(strings.TrimRight(filepath.ToSlash(place), "/"), "/.git")
	if name := strings.TrimSuffix(path.Base(place), ".git"); name != "" && name != "." && name != "/" {
		return name
	}
	return place
}

// registeredTargets are the repositories that an index knows, for a start that does not name them all.
func registeredTargets(ctx context.Context, store storage.Reader, c *config.Config, transport http.RoundTripper) ([]indexer.Target, error) {
	var targets []indexer.Target
	for r, err := range store.Repositories(ctx) {
		if err != nil {
			return nil, err
		}
		if r.State() == storage.StateRetired {
			continue
		}
		t, err := newTarget(config.Repository{Name: r.Name, URL: r.URL, Refs: c.Refs}, c, transport)
		if err != nil {
			return nil, err
		}
		t.Spec = r.RepositorySpec
		targets = append(targets, t)
	}
	return targets, nil
}

// newTransport makes the connections to git hosts. Limits of time are wire's, which counts what moves.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.MaxIdleConnsPerHost = 8
	t.IdleConnTimeout = 2 * time.Minute
	return t
}
