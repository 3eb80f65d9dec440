package daemon

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"keytrail/daemon/branchname"
	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// actions makes branches and pull requests at the hosts of the integrations in force.
type actions struct {
	indexer *indexer.Indexer
	plan    atomic.Pointer[actionPlan]
}

// actionPlan is what a configuration means for actions.
type actionPlan struct {
	integrations []*integration
	branchName   *branchname.Template
}

var _ httpapi.Actions = (*actions)(nil)

// set takes a configuration over.
func (a *actions) set(p plan) {
	a.plan.Store(&actionPlan{integrations: p.integrations, branchName: p.branchName})
}

// failureSince gives why the last request to an integration's host failed, nil when it did not or when it ended before a time.
func (a *actions) failureSince(integration string, begin time.Time) error {
	for _, in := range a.plan.Load().integrations {
		if in.config.Name == integration {
			return in.attempts.failureSince(begin)
		}
	}
	return nil
}

// name names a branch after an issue.
func (a *actions) name(s httpapi.BranchSubject) string {
	return a.plan.Load().branchName.Name(branchname.Subject{Key: string(s.Key), Summary: s.Summary, Type: s.Type, Base: s.Base})
}

// CreateBranch makes a branch, and has the repository looked at.
func (a *actions) CreateBranch(ctx context.Context, r storage.Repository, b httpapi.NewBranch, caller httpapi.HostToken) (httpapi.MadeBranch, error) {
	_, creator, err := powerOf[host.BranchCreator](a, r, caller)
	if err != nil {
		return httpapi.MadeBranch{}, err
	}
	var sent atomic.Bool
	by := host.Caller{Token: string(caller), Making: func() { sent.Store(true) }}
	made, err := creator.CreateBranch(ctx, hostRepository(r.RepositorySpec), host.NewBranch(b), by)
	if err != nil {
		return httpapi.MadeBranch{}, actionError(ctx, err, sent.Load())
	}
	a.indexer.Nudge(r.ID)
	return httpapi.MadeBranch{Name: made.Name, SHA: made.OID, WebURL: made.WebURL}, nil
}

// CreatePullRequest makes a pull request, and has those of the repository read.
func (a *actions) CreatePullRequest(ctx context.Context, r storage.Repository, p httpapi.NewPullRequest, caller httpapi.HostToken) (storage.PullRequest, error) {
	_, creator, err := powerOf[host.PullRequestCreator](a, r, caller)
	if err != nil {
		return storage.PullRequest{}, err
	}
	var sent atomic.Bool
	by := host.Caller{Token: string(caller), Making: func() { sent.Store(true) }}
	made, err := creator.CreatePullRequest(ctx, hostRepository(r.RepositorySpec), host.NewPullRequest(p), by)
	if err != nil {
		return storage.PullRequest{}, actionError(ctx, err, sent.Load())
	}
	a.indexer.RefreshPullRequests(r.ID)
	pull := a.indexer.PullRequest(made)
	pull.Repository = r.ID
	return pull, nil
}

// DefaultBranch gives what the host said of a repository's default branch when it was last discovered.
func (a *actions) DefaultBranch(r storage.Repository, caller httpapi.HostToken) (string, error) {
	in, _, err := powerOf[host.BranchCreator](a, r, caller)
	if err != nil {
		return "", err
	}
	return in.defaults.of(r.HostID), nil
}

// powerOf finds what can make something at the host of a repository, and its integration. It demands the caller's own token where that
// is configured.
func powerOf[P any](a *actions, r storage.Repository, caller httpapi.HostToken) (*integration, P, error) {
	var none P
	integrations := a.plan.Load().integrations
	i := slices.IndexFunc(integrations, func(in *integration) bool { return in.config.Name == r.Integration })
	if r.Integration == "" || i < 0 {
		return nil, none, unsupported("it is named by its URL alone: have its server's repositories come from an integration instead")
	}
	power, ok := integrations[i].host.(P)
	switch {
	case !ok && integrations[i].config.Type == config.TypeFolder:
		return nil, none, unsupported("it lies in a folder, without a server: make a branch with git in the repository, as git branch NAME BASE, which " +
			"the next look finds; pull requests need a server")
	case !ok:
		return nil, none, unsupported("")
	case integrations[i].config.RequireUserToken && caller == "":
		return nil, none, &httpapi.ActionError{Reason: httpapi.ActionNeedsToken}
	}
	return integrations[i], power, nil
}

// unsupported is the failure of what a host cannot do; text says what to do instead, empty where that is plain.
func unsupported(text string) error {
	return &httpapi.ActionError{Reason: httpapi.ActionUnsupported, Text: text}
}

// hostRepository is what a host is told of a repository that the index knows.
func hostRepository(s storage.RepositorySpec) host.Repository {
	return host.Repository{ID: s.HostID, Name: s.Name, CloneHTTP: s.URL, WebURL: s.WebURL}
}

// actionReasons is the table that says what a host's failure means to who asked for an action; what no row matches has failed.
var actionReasons = [...]struct {
	is     error
	reason httpapi.ActionReason
}{
	{host.ErrUnsupported, httpapi.ActionUnsupported},
	{host.ErrRefused, httpapi.ActionRefused},
	{host.ErrGone, httpapi.ActionRefused}, // the base, or the repository for this caller
	{host.ErrAuth, httpapi.ActionForbidden},
	{host.ErrThrottled, httpapi.ActionThrottled},
}

// actionError tells who asked for an action why it failed, and whether anything was sent that may have made something.
func actionError(ctx context.Context, err error, sent bool) error {
	failed := &httpapi.ActionError{Reason: httpapi.ActionFailed, Err: err, Unsent: !sent}
	if ctx.Err() != nil {
		failed.Err = ctx.Err()
		return failed
	}
	for _, row := range actionReasons {
		if errors.Is(err, row.is) {
			failed.Reason = row.reason
			break
		}
	}
	if e, ok := errors.AsType[*host.Error](err); ok {
		failed.Status, failed.Said, failed.Text, failed.Until = e.Status, e.Said, e.Text, e.Until
	}
	return failed
}
