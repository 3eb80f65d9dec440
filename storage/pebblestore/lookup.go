package pebblestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// Abbreviated gives the commits whose object id begins with some digits; see storage.Reader. In each repository they lie in one
// bucket, as those of a look-up do: more digits are demanded than bits ever tell buckets apart.
func (s *Store) Abbreviated(ctx context.Context, digits string, limit int) ([]storage.OID, error) {
	least, greatest, err := storage.Between(digits)
	if err != nil {
		return nil, err
	}
	v, done, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found := map[storage.OID]bool{}
	err = scanRange(ctx, v, []byte{spaceRepository}, after([]byte{spaceRepository}), func(k, _ []byte) (bool, error) {
		err := v.abbreviated(readRepository(k[1:]), &least, &greatest, found)
		return len(found) < limit, err
	})
	if err != nil {
		return nil, err
	}
	sorted := make([]storage.OID, 0, len(found))
	for oid := range found {
		sorted = append(sorted, oid)
	}
	slices.SortFunc(sorted, storage.OID.Compare)
	return sorted[:min(limit, len(sorted))], nil
}

// abbreviated adds those commits of a repository whose object ids lie between two that begin alike.
func (v view) abbreviated(id storage.RepositoryID, least, greatest *storage.OID, found map[storage.OID]bool) error {
	bits, err := readOIDBits(v, id)
	if err != nil {
		return err
	}
	value, closer, err := fetch(v, keyNumbered(spaceBucket, id, bucketOf(least, bits)))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look commit %s up: %w", least, err)
	}
	places, err := decodeBucket(value)
	if err = errors.Join(err, closer.Close()); err != nil {
		return fmt.Errorf("look commit %s up: %w", least, err)
	}
	from, _ := slices.BinarySearchFunc(places, tagOf(least), func(p place, tag uint32) int { return cmp.Compare(p.tag(), tag) })
	for _, p := range places[from:] {
		if p.tag() > tagOf(greatest) {
			break
		}
		oid, err := v.oid(id, p.ordinal())
		if err != nil {
			return err
		}
		if oid.Compare(*least) >= 0 && oid.Compare(*greatest) <= 0 {
			found[oid] = true
		}
	}
	return nil
}

// Containing yields the refs that reach a commit; see storage.Reader.
func (s *Store) Containing(ctx context.Context, id storage.RepositoryID, oid storage.OID) iter.Seq2[storage.Tip, error] {
	return viewed(ctx, s, func(v view, yield func(storage.Tip, error) bool) error { return v.containing(id, &oid, yield) })
}

func (v view) containing(id storage.RepositoryID, oid *storage.OID, yield func(storage.Tip, error) bool) error {
	rec, err := readRecord(v, id)
	if err != nil {
		return err
	}
	bits, err := readOIDBits(v, id)
	if err != nil {
		return err
	}
	o, isHeld, err := find(v, id, bits, oid)
	if err != nil {
		return err
	}
	if !isHeld {
		return fmt.Errorf("commit %s of repository %d: %w", oid, id, storage.ErrNotFound)
	}
	g, err := v.graph(&rec)
	if err != nil {
		return err
	}
	n, err := g.node(o)
	if err != nil {
		return err
	}
	contained := g.graph.ContainingAny([]commitgraph.Node{n})
	prefix := keyOfRepository(spaceTip, id)
	return scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		row, err := decodeTip(value)
		if err != nil || row.kind == tipNothing {
			return err == nil, err
		}
		n, err := g.node(row.commit)
		if err != nil || contained.At(n) == 0 {
			return err == nil, err
		}
		t, err := v.tip(id, string(k[headOfRepository:]), value)
		return err == nil && yield(t, nil), err
	})
}
