package pebblestore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// commitReader reads commits of one repository. It keeps the blocks that it read last, so that commits that are asked for in order of
// their ordinals cost each block once. It is closed in the end.
type commitReader struct {
	from    pebble.Reader
	id      storage.RepositoryID
	members [2]pinnedMembers // of a commit and of its parent, mostly
	last    int              // of members: the one asked for last
	texts   textReader
	textPin pin
}

// pin keeps a block at hand; the zero value keeps none.
type pin struct {
	block  uint32
	closer io.Closer
}

func (p *pin) isOf(block uint32) bool { return p.closer != nil && p.block == block }

func (p *pin) release() error {
	if p.closer == nil {
		return nil
	}
	err := p.closer.Close()
	p.closer = nil
	return err
}

type pinnedMembers struct {
	pin
	memberBlock
}

func (r *commitReader) close() error {
	return errors.Join(r.members[0].release(), r.members[1].release(), r.textPin.release())
}

// block gives a block of members; it holds until two others are asked for.
func (r *commitReader) block(o ordinal) (*memberBlock, error) {
	n := o.block()
	if !r.members[r.last].isOf(n) {
		r.last = 1 - r.last
	}
	m := &r.members[r.last]
	if m.isOf(n) {
		return &m.memberBlock, nil
	}
	if err := m.release(); err != nil {
		return nil, err
	}
	value, closer, err := fetch(r.from, keyNumbered(spaceMembers, r.id, n))
	if err != nil {
		return nil, lost(err, r.id, o)
	}
	m.pin = pin{n, closer}
	if err := m.open(firstOf(n), value); err != nil {
		return nil, errors.Join(err, m.release())
	}
	return &m.memberBlock, nil
}

// oid reads the object id of a commit that is held.
func (r *commitReader) oid(o ordinal) (storage.OID, error) {
	b, err := r.block(o)
	if err != nil {
		return storage.OID{}, err
	}
	if !b.holds(o.slot()) {
		return storage.OID{}, notHeld(r.id, o)
	}
	return b.oid(o.slot()), nil
}

// member reads a member that is held, and the object ids of its parents, most of which are in its own block.
func (r *commitReader) member(o ordinal) (m member, parents []storage.OID, err error) {
	b, err := r.block(o)
	if err != nil {
		return member{}, nil, err
	}
	if !b.holds(o.slot()) {
		return member{}, nil, notHeld(r.id, o)
	}
	if m, err = b.member(o.slot()); err != nil {
		return member{}, nil, err
	}
	parents = m.cut
	for _, p := range m.parents {
		oid, err := r.oid(p)
		if err != nil {
			return member{}, nil, err
		}
		parents = append(parents, oid)
	}
	return m, parents, nil
}

// readMember reads one member as a commitReader does.
func readMember(from pebble.Reader, id storage.RepositoryID, o ordinal) (m member, parents []storage.OID, err error) {
	r := commitReader{from: from, id: id}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.member(o)
}

// commit reads a commit with its parents and the keys of its message.
func (r *commitReader) commit(o ordinal) (storage.Commit, error) {
	m, parents, err := r.member(o)
	if err != nil {
		return storage.Commit{}, err
	}
	t, err := r.text(o)
	if err != nil {
		return storage.Commit{}, err
	}
	c := t.commit(&m)
	c.Parents = parents
	return c, nil
}

func (r *commitReader) text(o ordinal) (text, error) {
	if n := o.block(); !r.textPin.isOf(n) {
		if err := r.textPin.release(); err != nil {
			return text{}, err
		}
		value, closer, err := fetch(r.from, keyNumbered(spaceTexts, r.id, n))
		if err != nil {
			return text{}, lost(err, r.id, o)
		}
		r.textPin = pin{n, closer}
		r.texts = textReader{}
		r.texts.open(value)
	}
	t, err := r.texts.slot(o.slot())
	if err != nil || !t.isLong {
		return t, err
	}
	message, err := get(r.from, keyNumbered(spaceLongText, r.id, uint32(o)))
	if err != nil {
		return text{}, lost(err, r.id, o)
	}
	t.message = string(message)
	return t, nil
}

// lost is the error of reading what a commit should have.
func lost(err error, id storage.RepositoryID, o ordinal) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("%w: a row of commit %d of repository %d is missing", storage.ErrCorrupt, o, id)
	}
	return fmt.Errorf("read commit %d of repository %d: %w", o, id, err)
}

// eachOf calls fn for each posting with a reader of its repository, in the order in which that costs least.
func (v view) eachOf(postings []posting, fn func(i int, r *commitReader) error) (err error) {
	order := make([]int, len(postings))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		p, q := &postings[i], &postings[j]
		return cmp.Or(cmp.Compare(p.repository, q.repository), cmp.Compare(p.ordinal, q.ordinal))
	})
	r := commitReader{from: v}
	defer func() { err = errors.Join(err, r.close()) }()
	for _, i := range order {
		if id := postings[i].repository; id != r.id {
			if err := r.close(); err != nil {
				return err
			}
			r.id = id
		}
		if err := fn(i, &r); err != nil {
			return err
		}
	}
	return nil
}

// withOIDs reads the object ids of postings.
func (v view) withOIDs(postings []posting) ([]found, error) {
	out := make([]found, len(postings))
	err := v.eachOf(postings, func(i int, r *commitReader) (err error) {
		out[i].posting = postings[i]
		out[i].oid, err = r.oid(postings[i].ordinal)
		return err
	})
	return out, err
}
