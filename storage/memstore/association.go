package memstore

import (
	"context"
	"iter"
	"maps"

	"keytrail/storage"
)

// verdicts are the associations that stand. They are replaced, not changed.
type verdicts map[link]storage.Verdict

// Associate takes decisions over; see storage.Writer.
func (s *Store) Associate(ctx context.Context, decided []storage.Association) (storage.Associated, error) {
	var done storage.Associated
	err := s.change(ctx, func(next *state) error {
		standing := maps.Clone(next.verdicts)
		if standing == nil {
			standing = verdicts{}
		}
		for _, a := range decided {
			if err := a.Check(); err != nil {
				return err
			}
			standing[link{a.Key, a.OID}] = a.Verdict
			if a.Verdict == storage.VerdictClear {
				delete(standing, link{a.Key, a.OID})
			}
			a.Number, a.At = uint64(len(next.decided)+1), a.At.UTC()
			next.decided = append(next.decided[:len(next.decided):len(next.decided)], a)
		}
		next.verdicts = standing
		for id, old := range next.repositories {
			r := *old
			r.verdicts = standing
			before, now := old.links(), r.links()
			done.PostingsAdded += lacking(now, before)
			done.PostingsDropped += lacking(before, now)
			r.Postings = int64(len(now))
			next.repositories[id] = &r
		}
		return nil
	})
	return done, err
}

// Associations yields what was decided by hand; see storage.Reader.
func (s *Store) Associations(ctx context.Context, q storage.AssociationQuery) iter.Seq2[storage.Association, error] {
	return rows(ctx, s, func(st *state) ([]storage.Association, error) {
		last := map[link]uint64{}
		for _, a := range st.decided {
			last[link{a.Key, a.OID}] = a.Number
		}
		var found []storage.Association
		for _, a := range st.decided {
			stands := last[link{a.Key, a.OID}] == a.Number && a.Verdict != storage.VerdictClear
			isAsked := (q.Key == "" || q.Key == a.Key) && (q.OID.IsZero() || q.OID == a.OID) && a.Number > q.After
			if isAsked && (stands || q.History) {
				found = append(found, a)
			}
		}
		return found, nil
	})
}
