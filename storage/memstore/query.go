package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keytrail/storage"
)

// Commits answers one page of an issue's commits; see storage.Reader.
func (s *Store) Commits(ctx context.Context, q storage.CommitQuery) (storage.CommitPage, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.CommitPage{}, err
	}
	if q.Repository != 0 {
		if _, err := st.repository(q.Repository); err != nil {
			return storage.CommitPage{}, err
		}
	}
	found := st.find(q)
	limit := q.Limit
	if limit <= 0 || limit > storage.MaxLimit {
		limit = storage.MaxLimit
	}
	var page storage.CommitPage
	if len(found) > limit {
		found = found[:limit]
		page.Next = &found[limit-1]
	}
	reaches := map[storage.RepositoryID]map[string]map[storage.OID]bool{}
	for _, p := range found {
		if err := ctx.Err(); err != nil {
			return storage.CommitPage{}, err
		}
		r := st.repositories[p.Repository]
		if reaches[r.ID] == nil && !q.Plain {
			reaches[r.ID] = r.reaches()
		}
		page.Hits = append(page.Hits, r.hit(p.OID, reaches[r.ID]))
	}
	return page, nil
}

// find gives the places of all commits that a query selects, in order.
func (st *state) find(q storage.CommitQuery) []storage.Position {
	var found []storage.Position
	for _, r := range st.repositories {
		if q.Repository != 0 && q.Repository != r.ID || !q.Within.Has(r.ID) {
			continue
		}
		var reached map[storage.OID]bool
		if q.Ref != "" {
			t, _ := r.resolve(q.Ref)
			reached = r.reach(t)
		}
		for _, oid := range r.linked(q.Key) {
			p := st.position(r.ID, oid)
			if (q.Ref == "" || reached[oid]) && selects(q, p) {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, storage.Position.Compare)
	return found
}

// Commit gives one commit as a repository holds it.
func (s *Store) Commit(ctx context.Context, id storage.RepositoryID, oid storage.OID) (storage.Hit, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Hit{}, err
	}
	r, err := st.repository(id)
	if err != nil {
		return storage.Hit{}, err
	}
	if _, ok := r.commits[oid]; !ok {
		return storage.Hit{}, fmt.Errorf("commit %s in repository %d: %w", oid, id, storage.ErrNotFound)
	}
	return r.hit(oid, r.reaches()), nil
}

// selects reports whether a commit lies in the time that a query asks about, and behind its cursor.
func selects(q storage.CommitQuery, p storage.Position) bool {
	return (q.Since.IsZero() || !before(p.Seconds, q.Since)) &&
		(q.Until.IsZero() || before(p.Seconds, q.Until)) &&
		(q.After == nil || p.Compare(*q.After) > 0)
}

// before reports whether a whole second lies before an instant.
func before(seconds int64, t time.Time) bool {
	return seconds < t.Unix() || seconds == t.Unix() && t.Nanosecond() > 0
}
