package packfile

import (
	"errors"
	"fmt"

	"keytrail/storage"
)

// Reader reads single objects of a Store. It keeps its buffers and its inflater from one object to the next, and belongs
// to one goroutine at a time.
type Reader struct {
	store   *Store
	inflate *inflater
	loose   looseReader
	chain   []link
	spare   [2][]byte // contents of bases
	delta   []byte
	one     [1]stream
}

// link is a delta between an object and its base.
type link struct {
	pack *pack
	at   int64
	entry
}

// NewReader makes a Reader. It must be closed.
func (s *Store) NewReader() (*Reader, error) {
	f, err := newInflater()
	if err != nil {
		return nil, err
	}
	return &Reader{store: s, inflate: f}, nil
}

// Close frees what the Reader keeps.
func (r *Reader) Close() { r.inflate.close() }

// Read gives an object, its content in buf where that is large enough. When it is missing, packs that were added
// since are looked for.
func (r *Reader) Read(oid storage.OID, buf []byte) (Type, []byte, error) {
	var t Type
	err := r.store.try(func(n *set) (err error) {
		t, buf, err = r.read(n, &oid, buf)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", oid, err)
	}
	return t, buf, nil
}

// Type gives the type of an object, of which it reads no more than the head, and those of its bases.
func (r *Reader) Type(oid storage.OID) (Type, error) {
	var t Type
	err := r.store.try(func(n *set) (err error) {
		t, err = r.typeOf(n, &oid)
		return err
	})
	return t, wrap(oid, err)
}

func (r *Reader) typeOf(n *set, oid *storage.OID) (Type, error) {
	p, pos := n.find(oid)
	if p == nil {
		return r.typeOfLoose(n, oid)
	}
	at := p.index.offset(pos)
	for range maxChain {
		e, err := p.entry(at)
		if err != nil || !e.isDelta() {
			return Type(e.kind), err
		}
		if e.kind == offsetDelta {
			at = e.base
			continue
		}
		name, found := p.baseName(&e), false
		if p, at, found = n.baseOf(p, &name); !found {
			return r.typeOfLoose(n, &name)
		}
	}
	return 0, fmt.Errorf("%w: more than %d deltas lie on each other", ErrOdd, maxChain)
}

func (r *Reader) typeOfLoose(n *set, oid *storage.OID) (Type, error) {
	for _, dir := range n.dirs {
		t, err := r.loose.typeOf(dir, oid)
		if !errors.Is(err, ErrNotFound) {
			return t, err
		}
	}
	return 0, ErrNotFound
}

// Has reports whether there is such an object, without reading it.
func (r *Reader) Has(oid storage.OID) (bool, error) {
	err := r.store.try(func(n *set) error { return n.has(&oid) })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// try does something with the present set, and again when it found nothing and there are new files.
func (s *Store) try(do func(*set) error) error {
	for {
		n, err := s.pin()
		if err != nil {
			return err
		}
		err = do(n)
		changed := false
		if errors.Is(err, ErrNotFound) {
			var scanErr error
			if changed, scanErr = s.refresh(n); scanErr != nil {
				err = scanErr
			}
		}
		s.unpin(n)
		if !changed {
			return err
		}
	}
}

// find gives the first pack that has an object, and the object's position there.
func (n *set) find(oid *storage.OID) (*pack, uint32) {
	for _, p := range n.packs {
		if pos, ok := p.index.find(oid); ok {
			return p, pos
		}
	}
	return nil, 0
}

// read gives an object of a set.
func (r *Reader) read(n *set, oid *storage.OID, buf []byte) (Type, []byte, error) {
	if p, pos := n.find(oid); p != nil {
		return r.readAt(n, p, p.index.offset(pos), buf)
	}
	return r.readLoose(n, oid, buf)
}

func (r *Reader) readLoose(n *set, oid *storage.OID, buf []byte) (Type, []byte, error) {
	for _, dir := range n.dirs {
		t, content, err := r.loose.read(dir, oid, r.store.maxObject, buf)
		if !errors.Is(err, ErrNotFound) {
			return t, content, err
		}
	}
	return 0, buf, ErrNotFound
}

// readAt gives the object of the entry at an offset.
func (r *Reader) readAt(n *set, p *pack, at int64, buf []byte) (Type, []byte, error) {
	r.chain = r.chain[:0]
	for {
		e, err := p.entry(at)
		if err != nil {
			return 0, nil, err
		}
		if e.size > r.store.maxObject {
			return 0, nil, fmt.Errorf("%w: it has %d bytes", ErrTooLarge, e.size)
		}
		if !e.isDelta() {
			t := Type(e.kind)
			if len(r.chain) == 0 {
				buf, err = r.inflateEntry(p, at, &e, buf)
				return t, buf, err
			}
			if r.spare[0], err = r.inflateEntry(p, at, &e, r.spare[0]); err != nil {
				return 0, nil, err
			}
			buf, err = r.applyChain(buf)
			return t, buf, err
		}
		if err := r.descend(link{p, at, e}); err != nil {
			return 0, nil, err
		}
		if e.kind == offsetDelta {
			at = e.base
			continue
		}
		var found bool
		name := p.baseName(&e)
		if p, at, found = n.baseOf(p, &name); !found {
			t, content, err := r.readLoose(n, &name, r.spare[0])
			if err != nil {
				return 0, nil, fmt.Errorf("the base %s of a delta: %w", name, err)
			}
			r.spare[0] = content
			buf, err = r.applyChain(buf)
			return t, buf, err
		}
	}
}

// baseOf finds the entry that a nameDelta of p is based on: in its own pack, where it belongs, or in another.
func (n *set) baseOf(p *pack, name *storage.OID) (*pack, int64, bool) {
	pos, ok := p.index.find(name)
	if !ok {
		if p, pos = n.find(name); p == nil {
			return nil, 0, false
		}
	}
	return p, p.index.offset(pos), true
}

// descend adds a delta to the chain. An offsetDelta leads ever nearer to the front of its pack; a nameDelta may lead anywhere,
// also back to where the chain has been.
func (r *Reader) descend(l link) error {
	if len(r.chain) == maxChain {
		return fmt.Errorf("%w: more than %d deltas lie on each other", ErrOdd, maxChain)
	}
	r.chain = append(r.chain, l)
	if l.kind != nameDelta {
		return nil
	}
	for _, other := range r.chain[:len(r.chain)-1] {
		if other.pack == l.pack && other.at == l.at {
			return l.pack.corrupt(l.at, "is a delta to itself")
		}
	}
	return nil
}

// inflateEntry gives the bytes of an entry, in buf where that is large enough.
func (r *Reader) inflateEntry(p *pack, at int64, e *entry, buf []byte) ([]byte, error) {
	buf = resize(buf, e.size)
	r.one[0] = stream{in: uint64(e.data), len: uint64(e.size)}
	r.inflate.inflate(p.data[:p.end], buf, r.one[:])
	if r.one[0].bad != 0 {
		return buf, p.corrupt(at, "does not inflate to its size")
	}
	return buf, nil
}

// maxChainWork bounds, in multiples of the largest object, what the deltas of one chain may make in all: some bytes
// can ask for a hundred megabytes four thousand times.
const maxChainWork = 16

// applyChain makes an object of its base, which is in spare[0], and the chain's deltas. What it makes on the way goes to and
// fro between the spares; only the object itself goes to buf, which stays the caller's.
func (r *Reader) applyChain(buf []byte) ([]byte, error) {
	base, work := r.spare[0], int64(0)
	for i := len(r.chain) - 1; i >= 0; i-- {
		l := &r.chain[i]
		var err error
		if r.delta, err = r.inflateEntry(l.pack, l.at, &l.entry, r.delta); err != nil {
			return buf, err
		}
		from, to, rest, err := deltaSizes(r.delta)
		if err != nil || from != int64(len(base)) {
			return buf, l.pack.corrupt(l.at, errDelta.Error())
		}
		if work += to; to > r.store.maxObject || work > maxChainWork*r.store.maxObject {
			return buf, fmt.Errorf("%w: it, or what it is made of, has %d bytes", ErrTooLarge, to)
		}
		target := resize(buf, to)
		if i > 0 {
			target = resize(r.spare[1], to)
		}
		if err := applyDelta(target, base, rest); err != nil {
			return buf, l.pack.corrupt(l.at, err.Error())
		}
		if i == 0 {
			return target, nil
		}
		r.spare[0], r.spare[1] = target, base
		base = target
	}
	return base, nil
}
