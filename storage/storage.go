// Package storage is keytrail's vocabulary and the contract of its index.
//
// The index answers one question: which commits, branches, tags and pull requests belong to an issue key. It knows
// repositories (RepositoryID), their refs as last indexed (Tip), the commits those refs reach (Commit), and the
// postings that follow: a posting is one (issue key, repository, commit).
//
// The only write to the index is an Advance: the atomic step of one repository from its old tips to new ones.
// After it the index holds exactly the commits that the new tips reach, whatever happened on the host: pushes,
// force pushes, deleted branches, moved tags. An engine derives what is no longer reachable by itself, so that no
// caller can drop too much or too little.
//
// Pull requests are not git's: their host tells of them, at its own times. So they have a write of their own, a
// PullRequestUpdate, and an Advance leaves them as they are. What people decide by hand is an Association, and outlives
// both.
//
// Engines live in the folders below: pebblestore on disk, memstore as the model that tests compare with. Each of
// them passes the suite in storagetest.
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store is an index. All methods are safe for concurrent use; a reader sees each Advance whole or not at all.
// Methods end early with the context's error when it is cancelled, except that a write that has begun to commit
// is finished.
type Store interface {
	Reader
	Writer
	io.Closer
}

// Reader answers questions. A question about a repository that does not exist is ErrNotFound; an issue key that
// nothing links to is an empty answer.
type Reader interface {
	// Repository tells what is known about one repository.
	Repository(ctx context.Context, id RepositoryID) (Repository, error)
	// Repositories yields every repository, the retired ones too, in order of their ids.
	Repositories(ctx context.Context) iter.Seq2[Repository, error]
	// Tips yields the refs of a repository as last indexed, sorted by name.
	Tips(ctx context.Context, id RepositoryID) iter.Seq2[Tip, error]
	// Tip gives one ref of a repository as last indexed; ErrNotFound when it has no such ref.
	Tip(ctx context.Context, id RepositoryID, ref string) (Tip, error)
	// Holds reports whether the index of a repository has a commit. A walk stops where it does.
	Holds(ctx context.Context, id RepositoryID, oid OID) (bool, error)
	// Holders yields the repositories that have a commit, in order of their ids.
	Holders(ctx context.Context, oid OID) iter.Seq2[RepositoryID, error]
	// Abbreviated gives the commits of all repositories whose object id begins with some hexadecimal digits, from MinDigits on, sorted:
	// at most limit, any of them when there are more.
	Abbreviated(ctx context.Context, digits string, limit int) ([]OID, error)
	// Containing yields the refs of a repository that reach a commit, sorted by name; ErrNotFound when it does not have the commit.
	Containing(ctx context.Context, id RepositoryID, oid OID) iter.Seq2[Tip, error]
	// Members yields every commit of a repository with the keys of its message, in no particular order.
	Members(ctx context.Context, id RepositoryID) iter.Seq2[Member, error]
	// NotesOf yields the notes of a repository, sorted by object and ref.
	NotesOf(ctx context.Context, id RepositoryID) iter.Seq2[Note, error]

	// Commits answers one page of an issue's commits, newest committer date first.
	Commits(ctx context.Context, q CommitQuery) (CommitPage, error)
	// Commit gives one commit as a repository holds it; ErrNotFound when it does not.
	Commit(ctx context.Context, id RepositoryID, oid OID) (Hit, error)
	// Issue sums up what belongs to a key.
	Issue(ctx context.Context, q IssueQuery) (Issue, error)
	// Releases tells which releases have an issue's commits, repository by repository in order of their ids.
	Releases(ctx context.Context, q ReleaseQuery) ([]Releases, error)
	// Postings yields every posting, sorted by key, then newest first; of one project ("KAFKA") only unless it is empty.
	Postings(ctx context.Context, project string) iter.Seq2[Posting, error]
	// PullRequests yields the pull requests that belong to a key, the last changed first.
	PullRequests(ctx context.Context, key IssueKey) iter.Seq2[PullRequest, error]
	// PullRequestsOf yields the pull requests of a repository, sorted by the host's id.
	PullRequestsOf(ctx context.Context, id RepositoryID) iter.Seq2[PullRequest, error]
	// PullRequestCursor tells how far the pull requests of a repository have been read.
	PullRequestCursor(ctx context.Context, id RepositoryID) (PullRequestCursor, error)
	// Associations yields what was decided by hand, in order of the numbers.
	Associations(ctx context.Context, q AssociationQuery) iter.Seq2[Association, error]

	// Changes answers one page of the feed, of at least one change unless it is AtEnd; limit is 1 to MaxLimit, zero means MaxLimit.
	// A cursor that the feed does not reach back to any more, or of another index, is ErrFeedGone.
	Changes(ctx context.Context, after FeedCursor, limit int) (ChangePage, error)
	// FeedEnd gives the place behind all that the feed tells by now.
	FeedEnd(ctx context.Context) (FeedCursor, error)
	// Await waits until something lies behind a place of the feed, or ctx ends.
	Await(ctx context.Context, after FeedCursor) error

	// Commands yields smart-commit commands in the order in which they were taken up.
	Commands(ctx context.Context, q CommandQuery) iter.Seq2[Command, error]
	// CommandCursor tells up to where the feed was searched for commands; empty: never.
	CommandCursor(ctx context.Context) (FeedCursor, error)

	// Stats counts what the index holds.
	Stats(ctx context.Context) (Stats, error)
	// Verify reads the whole index, checks it against itself, and reports each contradiction. The error is for a
	// check that could not be finished.
	Verify(ctx context.Context, report func(Problem)) error
}

// Writer changes the index. A write that returned nil survives the loss of power.
type Writer interface {
	// Register makes repositories known and answers their ids in the order of specs. A repository is known by
	// (Integration, HostID): registering it again keeps its id and index, takes over its new name and URLs,
	// and ends its retirement.
	Register(ctx context.Context, specs []RepositorySpec) ([]RepositoryID, error)
	// Retire marks a repository as gone from its host as of an instant, unless it is retired already. It goes on
	// answering until it is forgotten.
	Retire(ctx context.Context, id RepositoryID, at time.Time) error
	// Forget removes a repository and all that only it holds. Its id is not used again.
	Forget(ctx context.Context, id RepositoryID) error
	// Advance moves a repository to new tips; see Advance.
	Advance(ctx context.Context, a Advance) (Advanced, error)
	// RecordLook notes the outcome of a look that changed no tip. It is not synced: after a crash the previous look may stand.
	RecordLook(ctx context.Context, id RepositoryID, l Look) error
	// SetPullRequests takes over what was read of a repository's pull requests; see PullRequestUpdate. One that changes no pull
	// request is not synced: after a crash the cursor before may stand.
	SetPullRequests(ctx context.Context, id RepositoryID, u PullRequestUpdate) error

	// Associate takes decisions over, all or none; see Association. Their numbers are given by the index. Those of commits that no repository has
	// yet are kept until one does.
	Associate(ctx context.Context, decided []Association) (Associated, error)
	// TrimFeed forgets what the feed told before an instant. Who follows from nothing still gets everything.
	TrimFeed(ctx context.Context, before time.Time) error

	// TakeCommands keeps the commands whose id is not known yet, in their order, and notes up to where the feed was searched, in one step.
	TakeCommands(ctx context.Context, found []Command, searched FeedCursor) error
	// SetCommand replaces a command that was taken up; ErrNotFound when it was not.
	SetCommand(ctx context.Context, c Command) error
}

// Stats counts the index: a commit once for each repository that holds it, a posting once for each (key, repository, commit).
type Stats struct {
	Repositories int
	Commits      int64
	Postings     int64
	PullRequests int64
	Bytes        int64 // on disk; zero for an engine without one
}

// Problem is one contradiction that Verify found.
type Problem struct {
	Repository RepositoryID // zero when it belongs to none
	Text       string
}
