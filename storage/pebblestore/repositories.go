package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// Register makes repositories known; see storage.Writer.
func (s *Store) Register(ctx context.Context, specs []storage.RepositorySpec) ([]storage.RepositoryID, error) {
	end, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	ids := make([]storage.RepositoryID, len(specs))
	records := map[storage.RepositoryID]*record{}
	fresh := map[string]storage.RepositoryID{}
	next := s.counters
	for i, spec := range specs {
		identity := keyIdentity(spec)
		id, err := s.identify(identity, fresh)
		if err != nil {
			return nil, err
		}
		if id == 0 {
			id = next.nextRepository
			next.nextRepository++
			fresh[string(identity)] = id
			records[id] = &record{Repository: storage.Repository{ID: id}}
		} else if records[id] == nil {
			rec, err := readRecord(s.db, id)
			if err != nil {
				return nil, err
			}
			records[id] = &rec
		}
		records[id].RepositorySpec = spec
		records[id].RetiredAt = time.Time{}
		ids[i] = id
	}
	var out sink
	for identity, id := range fresh {
		out.put([]byte(identity), appendRepository(nil, id))
	}
	for _, rec := range records {
		rec.write(&out)
	}
	next.write(&out)
	if err := out.commit(&s.tables); err != nil {
		return nil, fmt.Errorf("register repositories: %w", err)
	}
	s.counters = next
	return ids, nil
}

// identify finds the id behind an identity key; 0 when it is new.
func (s *Store) identify(identity []byte, fresh map[string]storage.RepositoryID) (storage.RepositoryID, error) {
	if id, ok := fresh[string(identity)]; ok {
		return id, nil
	}
	v, err := get(s.db, identity)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("look a repository up: %w", err)
	case len(v) != 4:
		return 0, fmt.Errorf("%w: a repository's number cannot be decoded", storage.ErrCorrupt)
	}
	return readRepository(v), nil
}

// Retire marks a repository as gone; see storage.Writer.
func (s *Store) Retire(ctx context.Context, id storage.RepositoryID, at time.Time) error {
	return s.update(ctx, id, pebble.Sync, func(rec *record) {
		if rec.RetiredAt.IsZero() {
			rec.RetiredAt = at.UTC()
		}
	})
}

// RecordLook notes a look's outcome, without waiting for the disk; see storage.Writer.
func (s *Store) RecordLook(ctx context.Context, id storage.RepositoryID, l storage.Look) error {
	return s.update(ctx, id, pebble.NoSync, func(rec *record) {
		if l.Class == "" {
			rec.SeenAt, rec.Failure = l.At.UTC(), storage.Failure{}
			return
		}
		f := storage.Failure{Class: l.Class, Text: l.Text, Since: rec.Failure.Since, Count: rec.Failure.Count + 1}
		if rec.Failure.Class == "" {
			f.Since = l.At.UTC()
		}
		rec.Failure = f
	})
}

// update changes the record of a repository and nothing else.
func (s *Store) update(ctx context.Context, id storage.RepositoryID, o *pebble.WriteOptions, change func(*record)) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	rec, err := readRecord(s.db, id)
	if err != nil {
		return err
	}
	change(&rec)
	if err := s.db.Set(keyOfRepository(spaceRepository, id), appendRecord(nil, &rec), o); err != nil {
		return fmt.Errorf("write repository %d: %w", id, err)
	}
	return nil
}

// Forget removes a repository; see storage.Writer. What lies by repository is deleted as ranges; postings lie by issue, so that they are
// deleted one issue after the other.
func (s *Store) Forget(ctx context.Context, id storage.RepositoryID) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	rec, err := readRecord(s.db, id)
	if err != nil {
		return err
	}
	var out sink
	c := s.newChange(ctx, &storage.Advance{Repository: id, Reset: true}, rec, &incoming{})
	c.beginFeed(&out, false)
	if err := c.forget(&out); err != nil {
		return fmt.Errorf("forget repository %d: %w", id, err)
	}
	told := c.feed.finish()
	if err := out.commit(&s.tables); err != nil {
		return fmt.Errorf("forget repository %d: %w", id, err)
	}
	s.feed.move(told)
	s.graphs.drop(id)
	return nil
}

// forget deletes all of a repository.
func (c *change) forget(out *sink) error {
	if err := c.readDecided(); err != nil {
		return err
	}
	if err := c.deleteTips(); err != nil {
		return err
	}
	for _, t := range c.tips {
		for _, k := range t.before.keys {
			out.delete(keyBranchName(k, c.rec.ID, t.ref))
		}
	}
	if err := c.dropCommits(out, nil); err != nil {
		return err
	}
	for _, space := range []byte{spaceTip, spaceNote, spaceMembers, spaceTexts, spaceLongText, spaceBucket} {
		prefix := keyOfRepository(space, c.rec.ID)
		out.deleteRange(prefix, after(prefix))
	}
	if err := c.forgetPulls(out); err != nil {
		return err
	}
	out.delete(keyResetBase(c.rec.ID))
	out.delete(keyOfRepository(spaceRepository, c.rec.ID))
	out.delete(keyIdentity(c.rec.RepositorySpec))
	return nil
}

// Repository tells what is known about one repository.
func (s *Store) Repository(ctx context.Context, id storage.RepositoryID) (storage.Repository, error) {
	done, err := s.use()
	if err != nil {
		return storage.Repository{}, err
	}
	defer done()
	if err := ctx.Err(); err != nil {
		return storage.Repository{}, err
	}
	rec, err := readRecord(s.db, id)
	return rec.Repository, err
}

// Repositories yields every repository in order of their ids.
func (s *Store) Repositories(ctx context.Context) iter.Seq2[storage.Repository, error] {
	return rows(ctx, s, []byte{spaceRepository}, func(_ view, _, value []byte) (storage.Repository, error) {
		rec, err := decodeRecord(value)
		return rec.Repository, err
	})
}
