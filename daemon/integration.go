package daemon

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// integration is a configured account on a git host, ready to be asked.
type integration struct {
	config   config.Integration
	limits   config.Limits
	roots    []string // of the configuration's local
	host     host.Host
	attempts *attempts
	defaults *defaultBranches
	filter   *filter.Filter // nil: all repositories are wanted
	refspecs mirror.Refspecs
	remote   mirror.RemoteOptions // of its repositories, without their credentials
}

func newIntegration(i config.Integration, c *config.Config, transports *transports) (*integration, error) {
	in := &integration{config: i, limits: c.Limits, roots: c.Local.Roots, attempts: &attempts{}, defaults: &defaultBranches{}}
	var err error
	if i.Filter != "" {
		if in.filter, err = filter.Compile(i.Filter); err != nil {
			return nil, err
		}
	}
	if in.refspecs, err = mirror.ParseRefspecs(i.Refs.Notes, i.Refs.Changes, i.Refs.Other); err != nil {
		return nil, err
	}
	// Over ssh the key is the integration's, over http its host knows the credentials.
	own := config.Credentials{SSHKey: i.SSHKey, SSHKeyPassphrase: i.SSHKeyPassphrase, KnownHosts: i.KnownHosts, Headers: i.Headers}
	if in.remote, err = remoteOptions(config.Repository{Credentials: own, Reach: i.Reach}, c, transports); err != nil {
		return nil, err
	}
	asked, err := hostConfig(i, transports)
	if err != nil {
		return nil, err
	}
	asked.Observe = in.attempts.note
	in.host, err = newHost(i, asked)
	return in, err
}

// isLike tells whether two are made from the same configuration, so that one can go on in the other's place with its tokens,
// its waits and its connections.
func (in *integration) isLike(other *integration) bool {
	return reflect.DeepEqual(in.config, other.config) && in.limits == other.limits && slices.Equal(in.roots, other.roots) &&
		in.remote.Wire.Transport == other.remote.Wire.Transport
}

// source is what the integration is to package discovery.
func (in *integration) source() discovery.Source {
	s := discovery.Source{
		Name: in.config.Name, Kind: in.config.Type, Host: in.host, Target: in.target,
		Selection: strings.Join([]string{
			in.config.Type, in.config.URL, in.config.API, in.config.Organisation, in.config.APIPath, in.config.Region,
			in.config.AppID, fmt.Sprint(in.config.InstallationID), in.config.Path, fmt.Sprint(in.config.Depth), in.config.Filter,
		}, "\n"),
	}
	if in.filter != nil {
		s.Filter = in.filter
	}
	return s
}

// errNoURL is of a repository that its host does not let be fetched in a way that the integration allows.
var errNoURL = errors.New("the host gives no URL to fetch it from: give the integration an ssh_key if it has it over ssh only")

// target makes what the indexer needs of a repository.
func (in *integration) target(r host.Repository) (indexer.Target, error) {
	url := r.CloneHTTP
	if !in.config.SSHKey.IsZero() && r.CloneSSH != "" || url == "" {
		url = r.CloneSSH
	}
	if url == "" {
		return indexer.Target{}, errNoURL
	}
	// An answer over the network must not have a directory of this machine read.
	if _, isLocal := mirror.LocalPath(url); isLocal != (in.config.Type == config.TypeFolder) {
		return indexer.Target{}, errNoURL
	}
	in.defaults.note(r.ID, r.DefaultBranch)
	return in.registered(storage.RepositorySpec{Integration: in.config.Name, HostID: r.ID, Name: r.Name, URL: url, WebURL: r.WebURL}), nil
}

// registered makes a target of what the index knows of a repository.
func (in *integration) registered(spec storage.RepositorySpec) indexer.Target {
	t := indexer.Target{Spec: spec, Refspecs: in.refspecs, Remote: in.remote, Way: in}
	r := hostRepository(spec)
	t.PullRequests = indexer.PullRequestsAt(in.host, r)
	t.Remote.Wire.Credentials = func(ctx context.Context) (wire.Credentials, error) {
		c, err := in.host.Credentials(ctx, r)
		return wire.Credentials(c), err
	}
	return t
}

// warn says what a filter probably does not do that was meant.
func (in *integration) warn(log zerolog.Logger) {
	if in.filter == nil {
		return
	}
	for _, w := range in.filter.Warnings() {
		log.Warn().Str("integration", in.config.Name).Str("warning", w).Msg("the filter may not do what is meant")
	}
}
