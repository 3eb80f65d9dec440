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
// Tokens, Version, Log and Now.
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

	// Keys makes the canonical key of what a user wrote, following project aliases. Its error says what is wrong
	// with the key and is shown to the user.
	Keys func(text string) (storage.IssueKey, error)

	// ExplainText tells which keys the grammar finds in a commit message, and what it refuses and why.
	ExplainText func(text string) []Finding

	// ExplainCommit tells why a commit is or is not in the index. A commit nobody knows is no error.
	ExplainCommit func(ctx context.Context, oid storage.OID) (CommitExplanation, error)

	// Ready is nil when the daemon does its job. The error is shown to whoever asks: it names no path, URL or secret.
	Ready func() error

	Registerer prometheus.Registerer // takes the metrics of this package
	Gatherer   prometheus.Gatherer   // what GET /metrics shows

	Tokens  []Token // none: everybody may ask everything
	Version string  // of the program, shown by GET /healthz
	Log     zerolog.Logger
	Drain   time.Duration    // how long Run lets requests finish once it has been told to end
	Now     func() time.Time // time.Now when nil
}

func (o Options) check() error {
	switch {
	case o.Store == nil, o.Indexer == nil:
		return errors.New("options lack the store or the indexer")
	case o.Keys == nil, o.ExplainText == nil, o.ExplainCommit == nil, o.Ready == nil:
		return errors.New("options lack one of the functions Keys, ExplainText, ExplainCommit and Ready")
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
