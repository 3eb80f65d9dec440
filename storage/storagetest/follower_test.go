package storagetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"keytrail/storage"
)

// twisted changes the pages of a feed.
type twisted struct {
	storage.Store
	twist func(*storage.ChangePage)
}

func (s twisted) Changes(ctx context.Context, after storage.FeedCursor, limit int) (storage.ChangePage, error) {
	page, err := s.Store.Changes(ctx, after, limit)
	s.twist(&page)
	return page, err
}

func TestAFollowerFindsWhatAFeedTellsWrongly(t *testing.T) {
	w := NewWorld(1, 2)
	begin, err := w.Model.FeedEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		follow(t, w, w.Step())
	}
	if err := (&Follower{}).CatchUp(t.Context(), w.Model, 10); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		twist      func(*storage.ChangePage)
	}{
		{"a change is left out", "the index does not", func(p *storage.ChangePage) { p.Changes = p.Changes[:max(0, len(p.Changes)-1)] }},
		{"a drop is told as an addition", "the index does not", func(p *storage.ChangePage) {
			for i := range p.Changes {
				p.Changes[i].Dropped = false
			}
		}},
		{"the sequence goes back", "the feed goes back", func(p *storage.ChangePage) {
			for i := range p.Changes {
				p.Changes[i].Sequence = uint64(100 - i)
			}
		}},
		{"a page in the middle is empty", "has 0 changes", func(p *storage.ChangePage) { p.Changes, p.AtEnd = nil, false }},
		{"a page is too long", "at most 10", func(p *storage.ChangePage) { p.Changes = append(p.Changes, make([]storage.PostingChange, 10)...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			by := Follower{cursor: begin}
			err := by.CatchUp(t.Context(), twisted{w.Model, c.twist}, 10)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAFollowerBeginsAnewOnlyWhereItMay(t *testing.T) {
	w := NewWorld(2, 2)
	for range 10 {
		follow(t, w, w.Step())
	}
	by := Follower{cursor: "from nowhere"}
	if err := by.CatchUp(t.Context(), w.Model, 10); !errors.Is(err, storage.ErrFeedGone) {
		t.Errorf("have error %v, want %v", err, storage.ErrFeedGone)
	}
	by.MayBeGone = true
	if err := by.CatchUp(t.Context(), w.Model, 10); err != nil {
		t.Error(err)
	}
}
