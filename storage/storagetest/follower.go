package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"keytrail/storage"
)

// Follower follows the feed of an index from nothing, as a consumer does: it holds what it was told, and begins anew when the
// feed does not reach back to it any more.
type Follower struct {
	// MayBeGone allows the feed not to reach back, until it does again.
	MayBeGone bool

	cursor   storage.FeedCursor
	holds    map[storage.Posting]bool
	sequence uint64 // the last one told
	isAtEnd  bool
}

// Clone gives a follower that goes on by itself.
func (f *Follower) Clone() Follower {
	c := *f
	c.holds = maps.Clone(f.holds)
	return c
}

// Read reads a page of the feed. When it is the last one, what the follower holds must be what the index holds, which nobody
// changes meanwhile.
func (f *Follower) Read(ctx context.Context, r storage.Reader, limit int) error {
	if err := f.Next(ctx, r, limit); err != nil || !f.isAtEnd {
		return err
	}
	return f.check(ctx, r)
}

// Next reads a page of the feed of an index that others may change.
func (f *Follower) Next(ctx context.Context, r storage.Reader, limit int) error {
	page, err := r.Changes(ctx, f.cursor, limit)
	if errors.Is(err, storage.ErrFeedGone) && f.MayBeGone {
		*f = Follower{}
		page, err = r.Changes(ctx, f.cursor, limit)
	}
	if err != nil {
		return err
	}
	if err := f.take(page, limit); err != nil {
		return err
	}
	f.MayBeGone = f.MayBeGone && !f.isAtEnd
	return nil
}

// CatchUp reads until the end.
func (f *Follower) CatchUp(ctx context.Context, r storage.Reader, limit int) error {
	for f.isAtEnd = false; !f.isAtEnd; {
		if err := f.Read(ctx, r, limit); err != nil {
			return err
		}
	}
	return nil
}

func (f *Follower) take(page storage.ChangePage, limit int) error {
	if f.holds == nil {
		f.holds = map[storage.Posting]bool{}
	}
	if len(page.Changes) > limit || len(page.Changes) == 0 && !page.AtEnd {
		return fmt.Errorf("a page of at most %d has %d changes; at the end: %t", limit, len(page.Changes), page.AtEnd)
	}
	for _, c := range page.Changes {
		if c.Sequence < f.sequence {
			return fmt.Errorf("the feed goes back from %d to %+v", f.sequence, c)
		}
		f.sequence = c.Sequence
		if c.Dropped {
			delete(f.holds, c.Posting)
		} else {
			f.holds[c.Posting] = true
		}
	}
	f.cursor, f.isAtEnd = page.Next, page.AtEnd
	return nil
}

// check compares what was told with what there is.
func (f *Follower) check(ctx context.Context, r storage.Reader) error {
	postings, err := collect(r.Postings(ctx, ""))
	if err != nil {
		return err
	}
	want := map[storage.Posting]bool{}
	for _, p := range postings {
		want[p] = true
	}
	if diff := difference(want, f.holds); diff != "" {
		return fmt.Errorf("at the end a follower holds what the index does not (-index +follower):\n%s", diff)
	}
	return nil
}
