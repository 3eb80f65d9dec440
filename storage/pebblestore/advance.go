package pebblestore

import (
	"context"
	"fmt"

	"keytrail/storage"
)

// Advance moves a repository to new tips; see storage.Advance.
//
// The commits are read before the writer's turn is asked for, so that a long walk keeps nobody waiting.
func (s *Store) Advance(ctx context.Context, a storage.Advance) (storage.Advanced, error) {
	done, err := s.use()
	if err != nil {
		return storage.Advanced{}, err
	}
	defer done()
	// An unknown repository is not worth a walk.
	if _, err := readRecord(s.db, a.Repository); err != nil {
		return storage.Advanced{}, err
	}
	commits, err := gather(ctx, a)
	if err != nil {
		return storage.Advanced{}, err
	}
	s.write.Lock()
	defer s.write.Unlock()
	c, err := s.beginChange(ctx, a, commits)
	if err != nil {
		return storage.Advanced{}, err
	}
	if err := c.apply(); err != nil {
		return storage.Advanced{}, fmt.Errorf("advance repository %d: %w", a.Repository, err)
	}
	var out sink
	if err := c.emit(&out); err != nil {
		return storage.Advanced{}, fmt.Errorf("advance repository %d: %w", a.Repository, err)
	}
	c.finish(&out)
	if err := ctx.Err(); err != nil {
		return storage.Advanced{}, err
	}
	if err := out.commit(&s.tables); err != nil {
		return storage.Advanced{}, fmt.Errorf("write the advance of repository %d: %w", a.Repository, err)
	}
	s.counters = c.counters
	return c.done, nil
}

// pending is the commits that an Advance brings, and where each is.
type pending struct {
	commits []storage.Commit
	index   map[storage.OID]int32
}

func gather(ctx context.Context, a storage.Advance) (*pending, error) {
	p := &pending{index: map[storage.OID]int32{}}
	if a.Commits == nil {
		return p, nil
	}
	for c, err := range a.Commits {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, twice := p.index[c.OID]; twice {
			continue
		}
		p.index[c.OID] = int32(len(p.commits))
		p.commits = append(p.commits, c)
	}
	return p, nil
}

// finish writes what an Advance changes beside commits and tips: the repository's record and the counters.
func (c *change) finish(out *sink) {
	rec, a := &c.rec, &c.advance
	changed := c.done != storage.Advanced{} || c.notesChanged || a.Reset
	rec.Commits += c.done.CommitsAdded - c.done.CommitsDropped
	rec.Postings += c.done.PostingsAdded - c.done.PostingsDropped
	if a.DefaultBranch != rec.DefaultBranch {
		rec.DefaultBranch, changed = a.DefaultBranch, true
	}
	rec.Rules = a.Rules
	rec.SeenAt = a.SeenAt.UTC()
	rec.Failure = storage.Failure{}
	rec.Version++
	if changed {
		rec.IndexedAt = rec.SeenAt
	}
	c.counters.write(out)
	rec.write(out)
}
