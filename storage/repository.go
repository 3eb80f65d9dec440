package storage

import "time"

// RepositoryID numbers a repository for the life of an index. The first is 1.
type RepositoryID uint32

// RepositorySpec says which repository is meant and where it is.
type RepositorySpec struct {
	Integration string // the configured account it comes from; empty when it was named one by one
	HostID      string // the host's own id of it, stable under renames; for a plain repository its URL or path
	Name        string
	URL         string // to fetch from, without credentials, or an absolute path
	WebURL      string // for people; empty when unknown
}

// State says where a repository stands.
type State string

// The states, in the order of a repository's life.
const (
	StateNew     State = "new"     // never indexed
	StateIndexed State = "indexed" // the last look succeeded
	StateFailing State = "failing" // the last look failed; what was indexed before still answers
	StateRetired State = "retired" // gone from its host or the configuration; answers until it is forgotten
)

// Repository is what the index knows of a repository.
type Repository struct {
	RepositorySpec
	ID            RepositoryID
	DefaultBranch string    // the ref that HEAD names, as "refs/heads/main"; empty when unknown
	Rules         string    // fingerprint of the key rules its index was made by
	Version       uint64    // counts its advances
	Tips          int       // refs indexed
	NoCommit      int       // of them, refs that point to no commit
	Commits       int64     // commits that the refs reach
	Postings      int64     // (key, commit) pairs of this repository
	IndexedAt     time.Time // the SeenAt of the last Advance that changed an answer, or was a Reset
	SeenAt        time.Time // the last successful look: the index was true as of then
	Failure       Failure   // the last look's failure; zero after a success
	RetiredAt     time.Time // zero while it is live
}

// State derives the repository's state.
func (r Repository) State() State {
	switch {
	case !r.RetiredAt.IsZero():
		return StateRetired
	case r.Failure.Class != "":
		return StateFailing
	case r.SeenAt.IsZero():
		return StateNew
	default:
		return StateIndexed
	}
}

// Failure is why looks at a repository fail.
type Failure struct {
	Class ErrorClass // empty: no failure
	Text  string     // for an operator; names the way out, holds no secret
	Since time.Time  // the first failure in a row
	Count int        // failures in a row
}

// Look is the outcome of looking at a repository's refs without changing its index.
type Look struct {
	At    time.Time
	Class ErrorClass // empty: it succeeded, and the tips are as indexed
	Text  string     // of a failure
}
