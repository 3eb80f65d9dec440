// Package mirror reads the commits, refs and notes of one git repository, wherever it is.
//
// A [Local] is a repository on this machine, read in place. A [Remote] is one behind a URL; it is fetched into a bare
// repository that this package owns. Both are used in the same three steps:
//
//	look, err := source.Look(ctx, before.Digest)                // the refs as they are now: cheap
//	fetched, err := source.Fetch(ctx, look, changed, progress)  // the objects behind refs that changed
//	for commits, err := range source.Walk(ctx, tips, known, keys) { … } // those not known yet, decoded once each
//
// The caller keeps what it saw last and decides which refs changed; a source remembers no more than it needs to fetch
// little. A look that follows upon a Fetch may be partial, so that one changed ref of tens of thousands costs one. Nothing stays open between calls, so that ten thousand sources cost no descriptors. One source serves one
// caller at a time; an [OnDemand] shows what its commits changed to any number, meanwhile.
//
// Who does what: package wire speaks with servers; libgit2, reached through git2go here and nowhere else, owns objects,
// packs and refspecs; refs on disk, the walk and the decoding of commits are ours, because there libgit2's cost grows with
// the number of refs or it inflates each commit twice. libgit2's handles are never shared between goroutines.
//
// In the files: local.go and remote.go are the two sources; place.go finds a repository, owner.go says whether it may be read in place,
// and refsdir.go reads its refs; refspec.go chooses among them, and look.go makes a Look of those. bare.go is a repository of our own,
// packedrefs.go its refs, and held.go goes through them beside a server's; fetch.go, haves.go and pack.go fill it, slices.go where a server
// does not get through at once, undelivered.go without asking in vain, shallow.go as far as a server's history goes, and space.go
// while there is room; engine.go is the seam behind which packs are received, also by libgit2's own fetch (libgit2engine.go, with
// libgit2enginetransport.go and libgit2engineborrower.go); packs.go and consolidate.go keep its packs few; objects.go
// reads objects, lookup.go single ones at a tenth of the cost; walk.go walks, through package packfile, and walkobjects.go where that gives up;
// commit.go, commitarena.go, signature.go and text.go decode; notes.go compares notes; ondemand.go, with scratch.go, gets
// trees and contents for diffs, which diff.go, difftree.go, diffrename.go and diffpatch.go make; error.go names what can
// fail; libgit2.go sets libgit2 up.
package mirror

import (
	"crypto/sha256"
	"errors"
	"slices"

	"keytrail/storage"
)

// Ref is one ref under the name that the refspecs give it.
type Ref struct {
	Name string
	OID  storage.OID // what it points at: a commit, an annotated tag, or anything else
	// Commit is what OID peels to. It is zero in a Look; in what Fetch returns it is zero when there is no commit, and
	// for every notes ref: the history of notes is not part of the repository's.
	Commit storage.OID
}

// RefusedRef is a ref that is left out of a Look.
type RefusedRef struct {
	Name   string // as the repository has it, whatever bytes that may be
	Reason string // for an operator
}

// Look is what a repository's refs are at one moment.
type Look struct {
	Refs    []Ref        // those that the refspecs choose, sorted by name, unique; see IsPartial
	Count   int          // of all that the refspecs choose
	Head    string       // the full name of the ref that HEAD points at, also while unborn; "" when detached or unknown
	Refused []RefusedRef // chosen, but broken or not storable

	// Digest is a SHA-256 over what the repository answered: equal digests, equal looks. Zero equals nothing.
	Digest Digest
	// IsSame tells that the digest is the one that was asked about; nothing else of the look is then filled in.
	IsSame bool

	// IsPartial tells that Refs are those only that may differ from what they were at the look that was asked about, and Gone those
	// that may have been there then and are no more. Whole gives the others.
	IsPartial bool
	Gone      []string

	whole   func() (*Look, error) // of a partial look
	mirror  packedRefs            // the mirror's own refs, that a partial look was compared with
	room    *lookRoom             // that these are in
	filters bool                  // the server offers partial fetches; of a Remote only
}

// errFetched tells of a call to Look.Whole that comes too late.
var errFetched = errors.New("the look was fetched, and cannot be made whole any more")

// Whole has a partial look name all refs. It fails once the look was fetched.
func (l *Look) Whole() error {
	if !l.IsPartial {
		return nil
	}
	if l.whole == nil {
		return errFetched
	}
	whole, err := l.whole()
	if err == nil {
		*l = *whole
	}
	return err
}

// Digest tells whether two looks are the same.
type Digest [sha256.Size]byte

// Progress tells how far a Fetch is.
type Progress struct {
	Bytes   int64 // of packs received so far
	Objects int   // received so far
	Total   int   // objects announced; 0 before the pack begins
}

// Fetched is what a Fetch brought.
type Fetched struct {
	Refs        []Ref    // the changed refs in the order given, with Commit resolved
	Lacking     []string // changed branches that are left out, for that the server sent a pack without their commits: Fetch them again
	Unavailable []string // of the refs, those whose object the server does not deliver: a tree or blob left out by the filter
	Bytes       int64    // of packs received
	Objects     int      // received
}

// Note is a change of one note.
type Note struct {
	Object  storage.OID // what the note is on
	Text    string      // UTF-8; empty when deleted
	Deleted bool
}

// Options of every source.
type Options struct {
	// Workers is how many goroutines decode commits in a Walk; 0 is one for each processor that Go may use. A walk
	// starts them as it finds work for them.
	Workers int
	// Memory is how many bytes of commits a Walk may have inflated at a time; 0 is 64 MiB.
	Memory int
	// Roots are directories in which repositories of other users than this process's are read in place. Elsewhere such a
	// repository is ErrOwner.
	Roots []string
}

// same reports whether two options are alike.
func (o Options) same(p Options) bool {
	return o.Workers == p.Workers && o.Memory == p.Memory && slices.Equal(o.Roots, p.Roots)
}
