package mirror

import (
	"bytes"
	"slices"

	"keytrail/indexer/mirror/wire"
)

// heldRefs goes through the refs that the last Fetch left here, in the order of their names: those of the mirror, those of its notes, and
// those that were not delivered. No name is in two of them.
type heldRefs struct {
	mirror packedRefs
	parts  []*refCursor // at refs that were not given yet
	given  *refCursor   // the one whose ref was given last
	err    error        // once one of them turns out damaged
}

var _ wire.Held = (*heldRefs)(nil)

// held gives what the last Fetch left; nil if that cannot be read.
func (r *Remote) held(room *lookRoom) *heldRefs {
	mirror, err := r.mirror.refsInto(room.refs)
	if err != nil {
		return nil
	}
	notes, err := r.notes.refs()
	if err != nil {
		return nil
	}
	room.refs = mirror
	h := &heldRefs{mirror: mirror}
	for _, refs := range []packedRefs{mirror, notes, r.undelivered.packed()} {
		h.advance(refs.cursor())
	}
	return h
}

// advance goes on in one of the parts, and keeps it if there is more.
func (h *heldRefs) advance(c *refCursor) {
	if c.next() {
		h.parts = append(h.parts, c)
	} else if c.err != nil {
		h.err = c.err
	}
}

// Next gives the next ref.
func (h *heldRefs) Next() []byte {
	if h.given != nil && len(h.parts) == 0 && h.given.next() { // as it is nearly always, but for the notes
		return h.given.line.text
	}
	if h.given != nil {
		h.advance(h.given)
		h.given = nil
	}
	if len(h.parts) == 0 {
		return nil
	}
	first := 0
	for i := 1; i < len(h.parts); i++ {
		if bytes.Compare(h.parts[i].line.name(), h.parts[first].line.name()) < 0 {
			first = i
		}
	}
	h.given = h.parts[first]
	h.parts = slices.Delete(h.parts, first, first+1)
	return h.given.line.text
}
