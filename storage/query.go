package storage

import (
	"slices"
	"time"
)

// MaxLimit is the most commits that one page holds.
const MaxLimit = 1000

// CommitQuery asks for the commits of an issue. The zero value of each field but Key leaves it open.
type CommitQuery struct {
	Key        IssueKey
	Repository RepositoryID
	Ref        string    // a full ref name, or a branch's or tag's short one: only commits that it reaches
	Since      time.Time // committer date at or after
	Until      time.Time // committer date before
	After      *Position // resume behind this posting
	Limit      int       // 1 to MaxLimit; zero means MaxLimit
	Within     Scope
	Plain      bool // leave out what a hit tells of branches and tags
}

// Scope narrows answers to some repositories: their ids, ascending. Nil narrows nothing, an empty one leaves none.
type Scope []RepositoryID

// Has reports whether a repository lies within the scope.
func (s Scope) Has(id RepositoryID) bool {
	if s == nil {
		return true
	}
	_, ok := slices.BinarySearch(s, id)
	return ok
}

// IssueQuery asks for the summary of an issue.
type IssueQuery struct {
	Key     IssueKey
	Within  Scope
	Compare bool // tell how far each branch is from the default one
}

// Position is a place in the order of an issue's commits: newest committer date first, then by object id, then by repository.
// It says nothing engine-private, so that it holds across engines, restarts and rebuilds.
type Position struct {
	Seconds    int64 // committer date
	OID        OID
	Repository RepositoryID
}

// Compare orders positions as answers are ordered.
func (p Position) Compare(q Position) int {
	switch {
	case p.Seconds != q.Seconds:
		if p.Seconds > q.Seconds {
			return -1
		}
		return 1
	case p.OID != q.OID:
		return p.OID.Compare(q.OID)
	case p.Repository < q.Repository:
		return -1
	case p.Repository > q.Repository:
		return 1
	}
	return 0
}

// CommitPage is one page of an issue's commits.
type CommitPage struct {
	Hits []Hit
	Next *Position // nil at the end
}

// Hit is a commit as one repository holds it.
type Hit struct {
	Commit     // Keys are those of its message, its notes in this repository, and what was decided by hand
	Repository RepositoryID
	Branches   []string          // short names of the branches that contain it, sorted; shared, not to be changed
	Tags       []string          // short names of the tags that contain it, sorted; shared, not to be changed
	FirstTag   string            // of Tags, the one whose commit has the oldest committer date, then the least name; empty without tags
	InDefault  bool              // the default branch contains it
	Notes      map[string]string // notes ref to text; nil without notes
}

// Position gives the hit's place in the order of answers.
func (h Hit) Position() Position {
	return Position{Seconds: h.Committer.Seconds, OID: h.OID, Repository: h.Repository}
}

// Posting is one (issue key, repository, commit).
type Posting struct {
	Key        IssueKey
	Repository RepositoryID
	OID        OID
}

// Issue sums up what belongs to a key.
type Issue struct {
	Key          IssueKey
	Commits      int64     // distinct object ids
	First, Last  Signature // committers of the oldest and the newest commit; zero without commits
	Repositories []IssueRepository
	Branches     []IssueRef    // branches that carry the key in their name, or hold a linked commit that the default branch lacks
	Tags         []IssueRef    // tags that contain a linked commit
	PullRequests []PullRequest // by title, description or branch; the last changed first, without their descriptions
}

// IssueRepository counts an issue's commits in one repository.
type IssueRepository struct {
	Repository RepositoryID
	Commits    int64
}

// IssueRef is a branch or a tag that belongs to an issue.
type IssueRef struct {
	Repository RepositoryID
	Name       string // short
	OID        OID    // the commit it points at
	ByName     bool   // the key is in the name
	ByCommit   bool   // it holds a linked commit

	// Of a branch, when the query asked to compare and the default branch is known: the commits that it has and the default branch
	// lacks, and the other way round.
	Compared      bool
	Ahead, Behind int
}
