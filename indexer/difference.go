package indexer

import (
	"context"
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
func (x *Indexer) compare(ctx context.Context, id storage.RepositoryID, look *mirror.Look, isReset bool) (difference, error) {
	d := difference{old: map[string]storage.OID{}}
	if isReset {
		d.changed = look.Refs
		return d, nil
	}
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
