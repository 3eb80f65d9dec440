package packfile

import (
	"sync"

	"keytrail/storage"
)

// ref is where an object is: the number of a pack in the walk above 32 bits of its position there, or the number outside,
// above its place in frontier.outside.
type ref uint64

const (
	outside = 1<<31 - 1 // in place of the number of a pack

	unwanted ref = outside<<32 | (1<<32 - 1) // a parent that the walk does not follow
	unseen   ref = outside<<32 | (1<<32 - 2) // a parent that is in no pack of the walk, and may have a place outside or not

	near ref = 1 << 63 // added to the ref of a parent that is in the same chunk as its child
)

func (r ref) pack() uint32     { return uint32(r >> 32) }
func (r ref) position() uint32 { return uint32(r) }

// field is what a walk knows of one pack.
type field struct {
	pack   *pack
	number uint32
	marked bitset // positions of commits that are wanted
	found  bitset // those of them that were given out

	layout  *layout // nil until the walk sweeps; so are pending and busy
	pending []int32 // by chunk: how many are marked and not found
	busy    []bool  // by chunk: a visit is under way
	open    int     // sum of pending

	cursor int // the chunk visited last
	votes  int // above zero when parents tend to lie behind their children, as they do in what git packs
}

// frontier is the state of a walk. Marks may be read at any time; all else is guarded by mu.
//
// A commit is marked once: because it is a tip, or when a commit is found that names it as a parent. It is found once: when it
// is decoded, and marked. Where it lies in several packs, its place is in the first, see walk.resolve.
type frontier struct {
	fields []*field

	mu      sync.Mutex
	more    sync.Cond            // something was closed, or the walk has ended
	places  map[storage.OID]bool // the commits that are in no pack of the walk, and whether they were found
	outside []storage.OID        // the same by place
	list    []ref                // marked, to be read one by one: those outside, and before the sweep all
	left    int                  // marked and not found
	sweep   bool
	current int // the field visited last
	isRun   bool

	found, vain, suspected int // commits found; decoded and not found; that visits under way may decode in vain

	tickets uint64   // visits begun
	closed  uint64   // visits closed
	waiting []*Batch // visits that wait for earlier ones to be closed, by ticket modulo length
	err     error
	over    chan struct{} // closed when there is nothing more to visit, or an error
	isOver  bool
}

func newFrontier(packs []*pack, batches int) *frontier {
	f := &frontier{places: map[storage.OID]bool{}, waiting: make([]*Batch, batches), over: make(chan struct{})}
	f.more.L = &f.mu
	for i, p := range packs {
		f.fields = append(f.fields, &field{pack: p, number: uint32(i), marked: newBitset(p.index.count), found: newBitset(p.index.count)})
	}
	return f
}

// isMarked may be wrong for a commit outside, which is only looked at under mu.
func (f *frontier) isMarked(r ref) bool {
	if r >= outside<<32 {
		return false
	}
	return f.fields[r.pack()].marked.has(r.position())
}

// mark makes a commit wanted and reports whether it was not yet. Its offset may be given, to save looking it up,
// or zero. The caller holds mu.
func (f *frontier) mark(r ref, oid *storage.OID, at int64) bool {
	if r == unseen {
		return f.markOutside(oid)
	}
	fl := f.fields[r.pack()]
	if !fl.marked.add(r.position()) {
		return false
	}
	f.left++
	if !f.sweep {
		f.list = append(f.list, r)
		return true
	}
	if at == 0 {
		at = fl.pack.index.offset(r.position())
	}
	fl.pending[chunkOf(at)]++
	fl.open++
	return true
}

func (f *frontier) markOutside(oid *storage.OID) bool {
	if _, ok := f.places[*oid]; ok {
		return false
	}
	place := uint32(len(f.outside))
	f.places[*oid] = false
	f.outside = append(f.outside, *oid)
	f.list = append(f.list, outside<<32|ref(place))
	f.left++
	return true
}

// finish closes a visit when all that began before it are closed, and those after it that wait for it, and appends what it closed
// to closed. Children are decoded in the visit before their parents' as a rule, and have to be closed before for the parents to be
// marked.
func (f *frontier) finish(closed []*Batch, b *Batch) []*Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := uint64(len(f.waiting))
	f.waiting[b.visit.ticket%n] = b
	for {
		b := f.waiting[f.closed%n]
		if b == nil {
			break
		}
		f.waiting[f.closed%n] = nil
		f.closed++
		f.close(b)
		closed = append(closed, b)
	}
	f.tell()
	return closed
}

// tell wakes those who wait. The caller holds mu.
func (f *frontier) tell() {
	if (f.left == 0 || f.err != nil) && !f.isOver {
		f.isOver = true
		close(f.over)
	}
	f.more.Broadcast()
}

// close finds those of a visit's commits that are marked, marks their parents, and goes on until no parent is among
// them. It looks through them in the order of the pack and back, since either may be that of the history.
func (f *frontier) close(b *Batch) {
	n := len(b.decoded)
	for pass, again := 0, true; again; pass++ {
		again = false
		for i := range n {
			if pass%2 == 1 {
				i = n - 1 - i
			}
			if d := &b.decoded[i]; !d.isFound && (d.self.pack() == outside || f.isMarked(d.self)) {
				d.isFound = true
				again = f.find(b, d) || again
			}
		}
	}
	f.leave(b)
}

// find counts a commit as found, and reports whether a parent was marked that may be in the same visit.
func (f *frontier) find(b *Batch, d *decoded) (again bool) {
	var home *field
	if pack := d.self.pack(); pack != outside {
		home = f.fields[pack]
		if !home.found.add(d.self.position()) {
			return false // a damaged reverse index names it twice
		}
		if f.sweep {
			home.pending[chunkOf(d.at)]--
			home.open--
		}
	} else {
		f.places[d.oid] = true
	}
	f.found++
	f.left--
	b.Commits = append(b.Commits, FoundCommit{OID: d.oid, Content: d.content, Parents: b.parents[d.from:d.to:d.to], Rest: d.content[d.rest:]})
	for i := d.from; i < d.to; i++ {
		switch r := b.refs[i]; {
		case r == unwanted:
		case r&near != 0:
			again = f.mark(r&^near, &b.parents[i], d.at) || again
		case f.mark(r, &b.parents[i], 0) && r != unseen && f.fields[r.pack()] == home:
			home.vote(d.at, r)
		}
	}
	return again
}

// vote notes whether a parent lies behind its child.
func (fl *field) vote(child int64, parent ref) {
	if fl.pack.index.offset(parent.position()) > child {
		fl.votes++
	} else {
		fl.votes--
	}
}

// leave ends a visit.
func (f *frontier) leave(b *Batch) {
	v := &b.visit
	f.list = append(f.list, v.list[v.done:]...)
	if v.field == nil {
		return
	}
	v.field.busy[v.chunk] = false
	f.suspected -= v.allowance
	f.vain += v.tried - len(b.Commits)
	if v.commits == 0 {
		f.isRun = false
	}
	if v.wanted > 0 && len(b.Commits) == 0 {
		f.err = v.field.pack.corrupt(int64(v.chunk)<<chunkBits, "is not where the index says")
	}
}

// fail ends the walk.
func (f *frontier) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	f.tell()
}

// failure is the error that ended the walk, if one did.
func (f *frontier) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
