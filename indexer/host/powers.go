package host

import (
	"context"
	"fmt"
	"io"
	"time"
)

// PullRequests is a host that lists pull requests (merge requests, changes).
type PullRequests interface {
	// PullRequests gives those of a repository that changed at or after since, newest change first; the zero time is all. A host
	// that cannot tell gives more. There is no partial list. It is asked for in the background: other requests to the host go first.
	PullRequests(ctx context.Context, r Repository, since time.Time) ([]PullRequest, error)
}

// PullRequest is one as its host tells of it.
type PullRequest struct {
	ID          string // the host's own
	Number      int64  // within its repository, as people name it
	Title       string
	Description string
	Source      string // branch, short; it may be in a fork
	Target      string // branch, short
	State       PullRequestState
	Author      string // name for people
	Created     time.Time
	Updated     time.Time
	WebURL      string
}

// PullRequestState says where a pull request stands.
type PullRequestState string

// The states of a pull request.
const (
	PullRequestOpen     PullRequestState = "open"
	PullRequestMerged   PullRequestState = "merged"
	PullRequestDeclined PullRequestState = "declined" // closed without a merge
)

// StateOf reads a host's word for where a pull request stands, by its words for those that are merged and declined.
func StateOf(word, merged, declined string) PullRequestState {
	switch word {
	case merged:
		return PullRequestMerged
	case declined:
		return PullRequestDeclined
	}
	return PullRequestOpen
}

// BranchCreator is a host at which branches can be made.
type BranchCreator interface {
	// CreateBranch makes a branch. The host's refusal is ErrRefused with its words in Error.Said.
	CreateBranch(ctx context.Context, r Repository, b NewBranch, c Caller) (Branch, error)
}

// NewBranch is a branch to make.
type NewBranch struct {
	Base string // the branch to begin at, short
	Name string // short, as "feature/ACME-42"
}

// Branch is a branch that was made.
type Branch struct {
	Name   string // short
	OID    string // its tip in hexadecimal; empty when the host does not tell
	WebURL string // empty when there is none
}

// PullRequestCreator is a host at which pull requests can be made.
type PullRequestCreator interface {
	// CreatePullRequest makes a pull request. The host's refusal is ErrRefused with its words in Error.Said.
	CreatePullRequest(ctx context.Context, r Repository, p NewPullRequest, c Caller) (PullRequest, error)
}

// NewPullRequest is a pull request to make within one repository.
type NewPullRequest struct {
	Title       string
	Description string
	Source      string // branch, short
	Target      string // branch, short
}

// Caller is who has something made, and waits for it. It is for one request, never kept.
type Caller struct {
	Token  string // empty: it is made as the integration's own account
	Making func() // called before a request is sent that may make something; nil: nobody wants to know
}

// HasToken tells that a token was given.
func (c Caller) HasToken() bool { return c.Token != "" }

// String hides the token.
func (Caller) String() string { return redacted }

// Format hides it from every verb of package fmt.
func (Caller) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText hides it from JSON and from logs.
func (Caller) MarshalText() ([]byte, error) { return []byte(redacted), nil }
