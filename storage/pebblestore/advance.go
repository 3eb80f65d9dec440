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
	var in incoming
	defer in.discard()
	version, err := s.gather(ctx, &a, &in)
	if err != nil {
		return storage.Advanced{}, err
	}
	return s.advance(ctx, &a, &in, version)
}

// advance is the writer's turn.
func (s *Store) advance(ctx context.Context, a *storage.Advance, in *incoming, version uint64) (storage.Advanced, error) {
	s.write.Lock()
	defer s.write.Unlock()
	c, err := s.beginChange(ctx, a, in, version)
	if err != nil {
		return storage.Advanced{}, err
	}
	if err := c.apply(); err != nil {
		return storage.Advanced{}, fmt.Errorf("advance repository %d: %w", a.Repository, err)
	}
	var out sink
	defer out.discard()
	c.beginFeed(&out, a.Reset || c.isNeverSeen())
	if err := c.emit(&out); err != nil {
		return storage.Advanced{}, fmt.Errorf("advance repository %d: %w", a.Repository, err)
	}
	told := c.feed.finish()
	c.finish(&out)
	if err := ctx.Err(); err != nil {
		return storage.Advanced{}, err
	}
	goBack := c.advanceGraph()
	if err := out.commit(&s.tables); err != nil {
		goBack()
		return storage.Advanced{}, fmt.Errorf("write the advance of repository %d: %w", a.Repository, err)
	}
	s.feed.move(told)
	return c.done, nil
}

// finish writes what an Advance changes beside commits and tips: the repository's record.
func (c *change) finish(out *sink) {
	rec, a := &c.rec, c.advance
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
	rec.write(out)
}
