package packfile

import (
	"errors"
	"fmt"
	"slices"

	"keytrail/storage"
)

// decoder decodes the commits of visits. It belongs to one goroutine.
type decoder struct {
	walk   *walk
	reader *Reader

	keys    []uint64 // the objects of the chunk, see layout.objects
	kinds   []kind   // what they are, as far as it was looked at
	places  []uint16 // their places in plan, plus one; zero for those that are not in it
	plan    []planned
	pack    ref // the number of the pack that plan is of
	streams []stream
	near    [1 << nearBits]uint16 // by the last bits of a name: the place in plan, plus one, of a commit with such a name
	bases   baseCache
	closed  []*Batch // by the visit just made
}

func newDecoder(w *walk) (*decoder, error) {
	r, err := w.store.NewReader()
	if err != nil {
		return nil, err
	}
	return &decoder{walk: w, reader: r}, nil
}

func (d *decoder) close() { d.reader.Close() }

// decode fills a batch with the commits of its visit.
func (d *decoder) decode(b *Batch) error {
	if b.visit.field == nil {
		return d.list(b)
	}
	return d.chunk(b)
}

// listReserve is the memory, in bytes, that nearly all commits fit in.
const listReserve = 4 << 10

// list reads the commits of a list one by one, until the batch has its size.
func (d *decoder) list(b *Batch) error {
	w, v := d.walk, &b.visit
	d.forget()
	for _, r := range v.list {
		if v.done > 0 && b.arena.all >= w.share {
			return nil
		}
		b.arena.reserve(listReserve)
		oid, at := w.identify(r)
		var t Type
		var content []byte
		var err error
		if r.pack() == outside {
			t, content, err = d.reader.Read(oid, b.arena.rest())
		} else {
			t, content, err = d.reader.readAt(w.set, w.set.packs[r.pack()], at, b.arena.rest())
			err = wrap(oid, err)
		}
		if err != nil {
			return err
		}
		if t != Commit {
			return wrap(oid, fmt.Errorf("%w: a %s where a commit is expected", ErrOdd, t))
		}
		if len(content) <= cap(b.arena.rest()) {
			b.arena.take(len(content))
		} else {
			b.arena.all += len(content)
		}
		if err := d.add(b, decoded{oid: oid, content: content[:len(content):len(content)], self: r, at: at}); err != nil {
			return err
		}
		v.done++
	}
	return nil
}

// identify gives the name of a marked commit, and its offset where it is in a pack.
func (w *walk) identify(r ref) (storage.OID, int64) {
	if r.pack() != outside {
		x := w.set.packs[r.pack()].index
		return storage.OID(x.name(r.position())), x.offset(r.position())
	}
	w.frontier.mu.Lock()
	defer w.frontier.mu.Unlock()
	return w.frontier.outside[r.position()], 0
}

// wrap names the object in an error.
func wrap(oid storage.OID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object %s: %w", oid, err)
}

var errNoCommit = fmt.Errorf("%w: it does not begin as a commit does", ErrCorrupt)

// add parses a commit and finds its parents.
func (d *decoder) add(b *Batch, c decoded) error {
	w := d.walk
	c.from = uint32(len(b.parents))
	var rest []byte
	var ok bool
	if b.parents, rest, ok = appendParents(b.parents, c.content); !ok {
		b.parents = b.parents[:c.from]
		return wrap(c.oid, errNoCommit)
	}
	if len(w.grafts) > 0 {
		if parents, isGrafted := w.grafts[c.oid]; isGrafted {
			b.parents = append(b.parents[:c.from], parents...)
		}
	}
	c.to, c.rest = uint32(len(b.parents)), uint32(len(c.content)-len(rest))
	isCut := len(w.shallow) > 0 && w.shallow[c.oid]
	for i := c.from; i < c.to; i++ {
		r := unwanted
		if !isCut {
			var err error
			if r, err = w.follow(&b.parents[i], d.guess(&b.parents[i])); err != nil {
				return &knownError{err}
			}
		}
		b.refs = append(b.refs, r)
	}
	b.decoded = append(b.decoded, c)
	return nil
}

// knownError is an error of the caller's own, which ends the walk also when the commit is one that nobody wants.
type knownError struct{ error }

func (e *knownError) Unwrap() error { return e.error }

// follow tells where a parent is, or that the caller knows it.
func (w *walk) follow(oid *storage.OID, guess ref) (ref, error) {
	r := w.resolve(oid, guess)
	if w.known != nil && !w.frontier.isMarked(r) {
		isKnown, err := w.known(*oid)
		if isKnown || err != nil {
			return unwanted, err
		}
	}
	if r == guess && r != unseen {
		r |= near
	}
	return r, nil
}

// resolve finds the first pack that has an object. A guess, which is a place of the object or unseen, saves the search in its
// own pack.
func (w *walk) resolve(oid *storage.OID, guess ref) ref {
	for number, p := range w.set.packs {
		if guess.pack() == uint32(number) {
			return guess
		}
		if pos, ok := p.index.find(oid); ok {
			return ref(number)<<32 | ref(pos)
		}
	}
	return unseen
}

// isOwn tells errors of the object at hand, which matter only if it is wanted, from those of the caller.
func isOwn(err error) bool {
	var k *knownError
	return !errors.As(err, &k)
}

// grow gives a slice of n zero elements, in s's memory where that is large enough.
func grow[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
