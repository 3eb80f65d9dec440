package storage

import (
	"iter"
	"time"
)

// Advance is the atomic step of one repository from old tips to new ones. Once it is acknowledged it survives
// power loss; after an error or a crash none of it is visible. Applying the same Advance twice is the same as once,
// but for Repository.Version, which counts both.
//
// It is compare-and-set ref by ref: each change names the value it replaces, and ErrStale answers when the
// index has another. A change whose new value is already there is taken as done.
type Advance struct {
	Repository RepositoryID

	// Reset rebuilds the repository: its tips, commits and notes are taken as absent before the changes apply, so
	// that Tips, each with a zero Old, and Commits must give all there is. It is how new key rules and repairs come
	// into effect.
	Reset bool

	// Tips are the refs that change, each given once; the others stay as they are.
	Tips []TipChange

	// Commits yields, in any order, at least each commit that the new tips reach and the index of the repository
	// lacks. Those it has already, or that no tip reaches, are ignored. It may be nil, is ranged over once, and its
	// error ends the Advance. A parent that is neither yielded nor held is ErrIncomplete, unless its child is Shallow.
	Commits iter.Seq2[Commit, error]

	// Notes change with the tips of the notes refs.
	Notes []NotesUpdate

	DefaultBranch string    // the ref that HEAD names; empty when unknown
	Rules         string    // fingerprint of the rules that found the keys
	SeenAt        time.Time // when the host's refs were read: the index is true as of then
}

// TipChange moves, makes or deletes one ref.
type TipChange struct {
	Tip     // the new value; a zero OID deletes the ref
	Old OID // the value it replaces; zero when the ref is new
}

// NotesUpdate is how the notes of one ref change.
type NotesUpdate struct {
	Ref     string
	Reset   bool // Changes hold all notes of the ref: others are gone
	Changes []Note
}

// Advanced says how a repository differs from what it was before an Advance. A Reset to the same is all zeros.
type Advanced struct {
	CommitsAdded    int64 // in this repository, whether or not another one has them
	CommitsDropped  int64
	PostingsAdded   int64
	PostingsDropped int64
	TipsChanged     int // refs made, moved, deleted, or whose name has other keys
}
