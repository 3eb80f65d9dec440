package pebblestore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// changeNotes works out which notes change.
func (c *change) changeNotes() error {
	c.notes = map[storage.OID]map[string]*storage.Note{}
	if c.advance.Reset {
		if err := c.deleteNotes(func(string) bool { return true }); err != nil {
			return err
		}
	}
	for _, u := range c.advance.Notes {
		if u.Reset && !c.advance.Reset {
			if err := c.deleteNotes(func(ref string) bool { return ref == u.Ref }); err != nil {
				return err
			}
		}
		for _, n := range u.Changes {
			n.Ref = u.Ref
			if n.Deleted {
				c.setNote(n.Object, n.Ref, nil)
			} else {
				c.setNote(n.Object, n.Ref, &n)
			}
		}
	}
	return nil
}

func (c *change) setNote(object storage.OID, ref string, n *storage.Note) {
	if c.notes[object] == nil {
		c.notes[object] = map[string]*storage.Note{}
	}
	c.notes[object][ref] = n
}

// deleteNotes takes the stored notes of chosen refs away.
func (c *change) deleteNotes(chosen func(ref string) bool) error {
	if c.rec.Notes == 0 {
		return nil
	}
	return c.store.scan(c.ctx, keyOfRepository(spaceNote, c.rec.ID), func(k, v []byte) (bool, error) {
		n, err := decodeNote(k, v)
		if err != nil {
			return false, err
		}
		if chosen(n.Ref) {
			c.setNote(n.Object, n.Ref, nil)
		}
		return true, nil
	})
}

// storedNotes gives the notes of an object as they are stored, sorted by ref.
func (c *change) storedNotes(object storage.OID) ([]storage.Note, error) {
	return readNotes(c.ctx, c.store.db, &c.rec, object)
}

// readNotes gives the notes of an object, sorted by ref.
func readNotes(ctx context.Context, r pebble.Reader, rec *record, object storage.OID) (notes []storage.Note, err error) {
	if rec.Notes == 0 {
		return nil, nil
	}
	prefix := keyNotes(rec.ID, object)
	err = scanRange(ctx, r, prefix, after(prefix), func(k, v []byte) (bool, error) {
		n, err := decodeNote(k, v)
		notes = append(notes, n)
		return err == nil, err
	})
	return notes, err
}

// notesAfter gives the notes of an object as they will be.
func (c *change) notesAfter(object storage.OID, stored []storage.Note) []storage.Note {
	changed := c.notes[object]
	if len(changed) == 0 {
		return stored
	}
	var notes []storage.Note
	for _, n := range stored {
		if _, ok := changed[n.Ref]; !ok {
			notes = append(notes, n)
		}
	}
	for _, n := range changed {
		if n != nil {
			notes = append(notes, *n)
		}
	}
	slices.SortFunc(notes, func(a, b storage.Note) int { return strings.Compare(a.Ref, b.Ref) })
	return notes
}

// emitNotes writes the notes that change.
func (c *change) emitNotes(out *sink) error {
	count := c.rec.Notes
	for object, changed := range c.notes {
		stored, err := c.storedNotes(object)
		if err != nil {
			return fmt.Errorf("read the notes of %s: %w", object, err)
		}
		for ref, n := range changed {
			at := slices.IndexFunc(stored, func(s storage.Note) bool { return s.Ref == ref })
			had := at >= 0
			switch {
			case n != nil && had && n.Text == stored[at].Text && slices.Equal(n.Keys, stored[at].Keys):
			case n != nil:
				out.put(keyNote(c.rec.ID, object, ref), appendNote(nil, n))
				if !had {
					count++
				}
				c.notesChanged = true
			case had:
				out.delete(keyNote(c.rec.ID, object, ref))
				count--
				c.notesChanged = true
			}
		}
	}
	c.rec.Notes = count
	return nil
}
