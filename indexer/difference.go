package indexer

import (
	"context"
	"errors"
	"slices"

	"keytrail/indexer/mirror"
	"keytrail/storage"
)

// difference is what a look finds other than the index has it.
type difference struct {
	changed []mirror.Ref           // new refs and moved ones, sorted by name
	deleted []string               // sorted
	old     map[string]storage.OID // of each changed or deleted ref that the index has
}

func (d *difference) isEmpty() bool { return len(d.changed)+len(d.deleted) == 0 }

// compare holds a look against the tips in the index. For a reset everything is new.
func (x *Indexer) compare(ctx context.Context, rec storage.Repository, look *mirror.Look, isReset bool) (difference, error) {
	if look.IsPartial && !isReset {
		if d, fits, err := x.comparePartial(ctx, rec, look); err != nil || fits {
			return d, err
		}
	}
	if err := look.Whole(); err != nil {
		return difference{}, err
	}
	if isReset {
		return difference{changed: look.Refs}, nil
	}
	return x.compareWhole(ctx, rec.ID, look)
}

// comparePartial holds those refs against the index that may have changed since it agreed with a look. That the index agreed is what
// target.seen says; the number of refs that follows from it has to be the number that the host has. If it does not fit, the index,
// or what is kept of the repository, is not what it was.
func (x *Indexer) comparePartial(ctx context.Context, rec storage.Repository, look *mirror.Look) (d difference, fits bool, err error) {
	d.old = map[string]storage.OID{}
	count := rec.Tips
	find := func(ref string) (oid storage.OID, err error) {
		tip, err := x.store.Tip(ctx, rec.ID, ref)
		if errors.Is(err, storage.ErrNotFound) {
			return oid, nil
		}
		return tip.OID, err
	}
	for _, r := range look.Refs {
		old, err := find(r.Name)
		if err != nil {
			return d, false, err
		}
		if old == r.OID {
			continue
		}
		d.changed = append(d.changed, r)
		if old.IsZero() {
			count++
		} else {
			d.old[r.Name] = old
		}
	}
	for _, name := range look.Gone {
		old, err := find(name)
		if err != nil {
			return d, false, err
		}
		if !old.IsZero() {
			d.deleted = append(d.deleted, name)
			d.old[name] = old
			count--
		}
	}
	return d, count == look.Count, nil
}

// compareWhole holds all refs against all tips in the index.
func (x *Indexer) compareWhole(ctx context.Context, id storage.RepositoryID, look *mirror.Look) (difference, error) {
	d := difference{old: map[string]storage.OID{}}
	// Both sides are sorted by name: one pass over the two.
	refs := look.Refs
	for tip, err := range x.store.Tips(ctx, id) {
		if err != nil {
			return d, err
		}
		for len(refs) > 0 && refs[0].Name < tip.Ref {
			d.changed = append(d.changed, refs[0])
			refs = refs[1:]
		}
		switch {
		case len(refs) == 0 || refs[0].Name > tip.Ref:
			d.deleted = append(d.deleted, tip.Ref)
			d.old[tip.Ref] = tip.OID
		default:
			if refs[0].OID != tip.OID {
				d.changed = append(d.changed, refs[0])
				d.old[tip.Ref] = tip.OID
			}
			refs = refs[1:]
		}
	}
	d.changed = slices.Concat(d.changed, refs)
	return d, nil
}
