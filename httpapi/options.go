package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/storage"
)

// Options are what a Server is made of. All fields are needed but Differ, Discoverer, Webhooks, Actions, Links,
// ShownCommands, Tokens, Version, Log and Now.
type Options struct {
	Store   storage.Reader
	Indexer Indexer
	Differ  Differ // nil: what commits changed is not told

	// Discoverer tells of integrations; nil: there are none.
	Discoverer Discoverer

	// Webhooks takes what git hosts tell of changes; nil: none are taken.
	Webhooks Webhooks

	// Actions makes branches and pull requests; nil: this process makes none.
	Actions Actions

	// BranchName names a branch after an issue, for a request that gives no name. Needed with Actions.
	BranchName func(BranchSubject) string

	// Links gives the addresses of a repository's pages; nil: none are known.
	Links func(storage.Repository) Links

	// ContextPath is that of a Jira whose address clients of the dialects have, as "/jira": they may go on writing it.
	ContextPath string

	// Keys makes the canonical key of what a user wrote, following project aliases. Its error says what is wrong
	// with the key and is shown to the user.
	Keys func(text string) (storage.IssueKey, error)

	// ExplainText tells which keys the grammar finds in a commit message or a note, and what it refuses and why.
	ExplainText func(text string) []Finding

	// Fetched tells what was fetched; nil: that is not told.
	Fetched Fetched

	// ShownCommands gives the commands of smart commits that a commit gives, where nobody carries them out. Nil: somebody does, and
	// the index tells what came of them.
	ShownCommands func(storage.Hit) []storage.Command

	// Ready is nil when the daemon does its job. The error is shown to whoever asks: it names no path, URL or secret.
	Ready func() error

	Registerer prometheus.Registerer // takes the metrics of this package
	Gatherer   prometheus.Gatherer   // what GET /metrics shows

	// Associations takes over what is decided by hand; nil: this process takes nothing over.
	Associations Editor

	// Releases says which tags and branches stand for a release when a request does not; the zero value: none do.
	Releases ReleaseNames

	Tokens []Token // none: everybody may ask everything

	// RequestsPerToken is how many requests with one token may be under way at a time, and without tokens all together; 0: any number.
	RequestsPerToken int

	Version string // of the program, shown by GET /healthz
	Log     zerolog.Logger
	Drain   time.Duration    // how long Run lets requests finish once it has been told to end
	Now     func() time.Time // time.Now when nil
}

func (o Options) check() error {
	switch {
	case o.Store == nil, o.Indexer == nil:
		return errors.New("options lack the store or the indexer")
	case o.Keys == nil, o.ExplainText == nil, o.Ready == nil:
		return errors.New("options lack one of the functions Keys, ExplainText and Ready")
	case o.Actions != nil && o.BranchName == nil:
		return errors.New("options lack the function BranchName")
	case o.Registerer == nil, o.Gatherer == nil:
		return errors.New("options lack the metrics registry")
	case o.Drain <= 0:
		return errors.New("options lack the drain time")
	}
	return nil
}

// Indexer brings the index up to date. Its methods do not wait for the work they ask for.
type Indexer interface {
	// Reindex asks for a look at a repository, ahead of its interval; full rebuilds its index from its refs.
	Reindex(ctx context.Context, id storage.RepositoryID, full bool) error
	// Nudge says that repositories have probably changed. Ids that it does not know it ignores.
	Nudge(ids ...storage.RepositoryID)
}
