package mirror

import (
	"bytes"
	"context"
	"fmt"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// readNotes gives the notes that differ between the trees of two commits of a notes ref: all, and isWhole, when the
// first of them is zero or not here.
func readNotes(ctx context.Context, dirs gitDirs, from, to storage.OID) (changes []Note, isWhole bool, err error) {
	o, err := openDirs(dirs)
	if err != nil {
		return nil, false, err
	}
	defer o.close()
	isWhole = from.IsZero() || !o.exists(from)
	var before storage.OID
	if !isWhole {
		if before, err = o.treeOf(from); err != nil {
			return nil, false, err
		}
	}
	now, err := o.treeOf(to)
	if err != nil {
		return nil, false, err
	}
	d := notesDiff{ctx: ctx, objects: o, blobs: map[storage.OID]storage.OID{}}
	if err := d.compare(before, now, ""); err != nil {
		return nil, false, err
	}
	for object, blob := range d.blobs {
		n := Note{Object: object, Deleted: blob.IsZero()}
		if !n.Deleted {
			if n.Text, err = o.text(blob); err != nil {
				return nil, false, err
			}
		}
		changes = append(changes, n)
	}
	return changes, isWhole, nil
}

// notesDiff compares two notes trees. The path of a note, without slashes, is the name of the object it is on: how many
// directories the digits are spread over differs with the number of notes (git-notes(1)).
type notesDiff struct {
	ctx     context.Context
	objects *objects
	blobs   map[storage.OID]storage.OID // of each changed note; zero when it is gone
}

// compare goes into the directories that differ. A zero tree is an empty one.
func (d *notesDiff) compare(before, now storage.OID, path string) error {
	if before == now {
		return nil
	}
	if err := d.ctx.Err(); err != nil {
		return err
	}
	old, err := d.objects.tree(before)
	if err != nil {
		return err
	}
	current, err := d.objects.tree(now)
	if err != nil {
		return err
	}
	for name, e := range old {
		c := current[name]
		switch {
		case c == e:
		case e.isTree() && c.isTree():
			// Compared below.
		case e.isTree():
			if err := d.compare(e.oid, storage.OID{}, path+name); err != nil {
				return err
			}
		case c.oid.IsZero() || c.isTree():
			d.note(path+name, storage.OID{})
		}
	}
	for name, c := range current {
		e := old[name]
		switch {
		case c == e:
		case c.isTree():
			if !e.isTree() {
				e.oid = storage.OID{}
			}
			if err := d.compare(e.oid, c.oid, path+name); err != nil {
				return err
			}
		default:
			d.note(path+name, c.oid)
		}
	}
	return nil
}

// note records a change. A note that moved to another directory is there under its new path.
func (d *notesDiff) note(path string, blob storage.OID) {
	object, err := storage.ParseOID(path)
	if err != nil {
		return // git keeps other files in notes trees, and ignores them
	}
	if blob.IsZero() && !d.blobs[object].IsZero() {
		return
	}
	d.blobs[object] = blob
}

// treeOf gives the tree of the tip of a notes ref, through tags; zero if there is none: such a ref may point at anything.
func (o *objects) treeOf(tip storage.OID) (tree storage.OID, err error) {
	target, kind, err := o.target(tip)
	switch {
	case err != nil || kind == git.ObjectTree:
		return target, err
	case kind != git.ObjectCommit:
		return storage.OID{}, nil
	}
	err = o.read(target, func(_ git.ObjectType, content []byte) error {
		line, _, _ := bytes.Cut(content, []byte("\n"))
		if tree, err = storage.ParseOID(string(bytes.TrimPrefix(line, []byte("tree ")))); err != nil {
			return fmt.Errorf("%w: commit %s: %w", ErrCorrupt, target, err)
		}
		return nil
	})
	return tree, err
}

// text reads a blob as text: UTF-8, or else Latin-1.
func (o *objects) text(oid storage.OID) (text string, err error) {
	err = o.read(oid, func(kind git.ObjectType, content []byte) error {
		if kind != git.ObjectBlob {
			return misplaced(oid, kind, "note")
		}
		text = decoder{}.decode(string(content))
		return nil
	})
	return text, err
}
