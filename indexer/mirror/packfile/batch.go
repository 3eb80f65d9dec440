package packfile

import "keytrail/storage"

// FoundCommit is a commit of a Batch.
type FoundCommit struct {
	OID     storage.OID
	Content []byte        // as git cat-file commit prints it
	Parents []storage.OID // as the content names them, or a graft does; also those that are known, or beyond the boundary of a shallow history
	Rest    []byte        // the part of Content behind the tree and the parents, which are well-formed
}

// Batch is some of the commits that a walk found. Its memory is used again after Release.
type Batch struct {
	Commits []FoundCommit
	// Value is for WalkOptions.Decode, and nil at first. It stays with the memory when that is used again.
	Value any

	visit   visit
	decoded []decoded
	parents []storage.OID
	refs    []ref // where each of parents is
	arena   arena
	free    chan<- *Batch
	isFree  bool
}

// decoded is a commit that was decoded, whether or not it turns out to be wanted.
type decoded struct {
	oid     storage.OID
	content []byte
	self    ref
	at      int64  // offset in its pack
	from    uint32 // its parents are parents[from:to]
	to      uint32
	rest    uint32 // what follows them in the content begins here
	isFound bool
}

// Release gives the memory of the batch back to the walk. It may be called from any goroutine, during the walk or after
// it, and nothing of the batch may be used afterwards.
func (b *Batch) Release() {
	if b.isFree {
		return
	}
	b.isFree = true
	b.free <- b // never blocks: there is room for every batch
}

// reset empties the batch. Memory beyond the limit, in bytes, is given up: one commit was that large.
func (b *Batch) reset(limit int) {
	b.isFree = false
	b.visit = visit{list: b.visit.list[:0]}
	if b.arena.wasReplaced {
		clear(b.Commits)
		clear(b.decoded)
	}
	b.Commits, b.decoded = b.Commits[:0], b.decoded[:0]
	b.parents, b.refs = b.parents[:0], b.refs[:0]
	b.arena.reset(limit)
}

// arena gives out parts of one block of memory.
type arena struct {
	wasReplaced bool // the block, since the reset

	block []byte // its length is what is given out
	all   int    // bytes given out since the reset, also of blocks before this one
}

// rest is the part that is not given out, with length zero.
func (a *arena) rest() []byte { return a.block[len(a.block):] }

// take makes the first n bytes of rest given out.
func (a *arena) take(n int) {
	a.block = a.block[:len(a.block)+n]
	a.all += n
}

// alloc gives out n bytes. Their content is what was there before.
func (a *arena) alloc(n int) []byte {
	a.reserve(n)
	b := a.rest()[:n:n]
	a.take(n)
	return b
}

// reserve makes room for n bytes in rest. A new block has a fifth more than all of this time needed so far, so that next time one is
// enough.
func (a *arena) reserve(n int) {
	const least = 64 << 10
	if n > cap(a.block)-len(a.block) {
		need := a.all + n
		a.block = make([]byte, 0, max(need+need/5, least))
		a.wasReplaced = true
	}
}

func (a *arena) reset(limit int) {
	if cap(a.block) > limit {
		a.block = nil
	}
	a.block, a.all, a.wasReplaced = a.block[:0], 0, false
}
