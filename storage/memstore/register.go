package memstore

import (
	"context"
	"time"

	"keytrail/storage"
)

// Register makes repositories known; see storage.Writer.
func (s *Store) Register(ctx context.Context, specs []storage.RepositorySpec) ([]storage.RepositoryID, error) {
	ids := make([]storage.RepositoryID, len(specs))
	err := s.change(ctx, func(next *state) error {
		for i, spec := range specs {
			r := &repository{verdicts: next.verdicts}
			if known := next.named(spec); known != nil {
				*r = *known
			} else {
				next.last++
				r.ID = next.last
			}
			r.RepositorySpec, r.RetiredAt = spec, time.Time{}
			next.repositories[r.ID] = r
			ids[i] = r.ID
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// named finds the repository that a specification means.
func (st *state) named(spec storage.RepositorySpec) *repository {
	for _, r := range st.repositories {
		if r.Integration == spec.Integration && r.HostID == spec.HostID {
			return r
		}
	}
	return nil
}

// Retire marks a repository as gone; see storage.Writer.
func (s *Store) Retire(ctx context.Context, id storage.RepositoryID, at time.Time) error {
	return s.update(ctx, id, func(r *storage.Repository) {
		if r.RetiredAt.IsZero() {
			r.RetiredAt = at
		}
	})
}

// RecordLook notes a look's outcome; see storage.Writer.
func (s *Store) RecordLook(ctx context.Context, id storage.RepositoryID, l storage.Look) error {
	return s.update(ctx, id, func(r *storage.Repository) {
		if l.Class == "" {
			r.SeenAt, r.Failure = l.At, storage.Failure{}
			return
		}
		since := r.Failure.Since
		if r.Failure.Class == "" {
			since = l.At
		}
		r.Failure = storage.Failure{Class: l.Class, Text: l.Text, Since: since, Count: r.Failure.Count + 1}
	})
}

// update changes the record of a repository and nothing else.
func (s *Store) update(ctx context.Context, id storage.RepositoryID, change func(*storage.Repository)) error {
	return s.change(ctx, func(next *state) error {
		old, err := next.repository(id)
		if err != nil {
			return err
		}
		r := *old
		change(&r.Repository)
		next.repositories[id] = &r
		return nil
	})
}

// Forget removes a repository; see storage.Writer.
func (s *Store) Forget(ctx context.Context, id storage.RepositoryID) error {
	return s.change(ctx, func(next *state) error {
		if _, err := next.repository(id); err != nil {
			return err
		}
		delete(next.repositories, id)
		return nil
	})
}
