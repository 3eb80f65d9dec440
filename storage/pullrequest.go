package storage

import (
	"cmp"
	"slices"
	"time"
)

// PullRequest is a pull request (merge request, change) as its host told of it last.
type PullRequest struct {
	Repository  RepositoryID
	ID          string // the host's own, unique in its repository
	Number      int64  // as people name it
	Title       string
	Description string
	Source      string // branch, short; it may be in a fork
	Target      string // branch, short
	State       PullRequestState
	Author      string // name for people
	Created     time.Time
	Updated     time.Time // the last change, by the host's clock
	WebURL      string
	Keys        []IssueKey // found in the title, the description and the names of the branches; sorted, unique
}

// PullRequestState says where a pull request stands.
type PullRequestState string

// The states of a pull request.
const (
	PullRequestOpen     PullRequestState = "open"
	PullRequestMerged   PullRequestState = "merged"
	PullRequestDeclined PullRequestState = "declined" // closed without a merge
)

// Compare orders pull requests as answers are ordered: the last changed first, then by repository and the host's id.
func (p PullRequest) Compare(q PullRequest) int {
	return cmp.Or(q.Updated.Compare(p.Updated), cmp.Compare(p.Repository, q.Repository), cmp.Compare(p.ID, q.ID))
}

// Equal reports whether two pull requests are the same in all that the index keeps. No keys and nil are the same.
func (p PullRequest) Equal(q PullRequest) bool {
	areSame := slices.Equal(p.Keys, q.Keys) && p.Created.Equal(q.Created) && p.Updated.Equal(q.Updated)
	return areSame && p.Repository == q.Repository && p.ID == q.ID && p.Number == q.Number && p.Title == q.Title &&
		p.Description == q.Description && p.Source == q.Source && p.Target == q.Target && p.State == q.State &&
		p.Author == q.Author && p.WebURL == q.WebURL
}

// PullRequestUpdate is what was read of a repository's pull requests. It is applied as a whole or not at all, and survives
// the loss of power once acknowledged. Applying the same one twice is the same as once.
type PullRequestUpdate struct {
	Reset   bool          // Changed are all there are: the others are gone
	Changed []PullRequest // as they are now, each id once; their Repository is not read
	Gone    []string      // the host's ids of those that are no more

	Rules  string    // fingerprint of the rules that found the keys of all pull requests
	SeenAt time.Time // when the host was asked
}

// PullRequestCursor says how far the pull requests of a repository have been read. The zero value: never.
type PullRequestCursor struct {
	Rules   string    // fingerprint of the rules that found their keys
	SeenAt  time.Time // the last update
	WholeAt time.Time // the last one that was a Reset
	Newest  time.Time // the latest PullRequest.Updated since then: what changed later has not been read
	Count   int       // pull requests in the index
}

// Apply gives the cursor behind an update, for engines; count is how many pull requests there are then.
func (c PullRequestCursor) Apply(u PullRequestUpdate, count int) PullRequestCursor {
	next := PullRequestCursor{Rules: u.Rules, SeenAt: u.SeenAt.UTC(), WholeAt: c.WholeAt, Newest: c.Newest, Count: count}
	if u.Reset {
		next.WholeAt, next.Newest = next.SeenAt, time.Time{}
	}
	for _, p := range u.Changed {
		if p.Updated.After(next.Newest) {
			next.Newest = p.Updated.UTC()
		}
	}
	return next
}
