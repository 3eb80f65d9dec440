package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"keytrail/storage"
)

// Abbreviated gives the commits whose object id begins with some digits; see storage.Reader.
func (s *Store) Abbreviated(ctx context.Context, digits string, limit int) ([]storage.OID, error) {
	if err := storage.CheckDigits(digits); err != nil {
		return nil, err
	}
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var found []storage.OID
	for _, r := range st.repositories {
		for oid := range r.commits {
			if strings.HasPrefix(oid.String(), strings.ToLower(digits)) {
				found = append(found, oid)
			}
		}
	}
	slices.SortFunc(found, storage.OID.Compare)
	found = slices.Compact(found)
	return found[:min(limit, len(found))], nil
}

// Containing yields the refs that reach a commit; see storage.Reader.
func (s *Store) Containing(ctx context.Context, id storage.RepositoryID, oid storage.OID) iter.Seq2[storage.Tip, error] {
	return rows(ctx, s, func(st *state) ([]storage.Tip, error) {
		r, err := st.repository(id)
		if err != nil {
			return nil, err
		}
		if _, ok := r.commits[oid]; !ok {
			return nil, fmt.Errorf("commit %s of repository %d: %w", oid, id, storage.ErrNotFound)
		}
		var found []storage.Tip
		for _, t := range r.tips {
			if r.reach(t)[oid] {
				t.Keys = slices.Clone(t.Keys)
				found = append(found, t)
			}
		}
		slices.SortFunc(found, func(a, b storage.Tip) int { return strings.Compare(a.Ref, b.Ref) })
		return found, nil
	})
}
