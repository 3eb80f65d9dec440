package memstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/storage"
)

// feed is the changes of postings, write by write.
type feed struct {
	index   string // names the index
	events  []storage.PostingChange
	trimmed uint64 // the last sequence of those that were forgotten
	last    uint64 // the last sequence given out
	moved   chan struct{}
	first   bool // the write that is being made is a repository's first
	anew    bool // it is a reset
}

func newFeed() feed {
	return feed{index: strconv.FormatInt(time.Now().UnixNano(), 36), moved: make(chan struct{})}
}

// record adds the difference between two states, and wakes those who wait for one.
func (f *feed) record(before, now *state) {
	first, anew, at := f.first, f.anew, time.Now().UTC()
	f.first, f.anew = false, false
	var events []storage.PostingChange
	tell := func(id storage.RepositoryID, of, in map[link]bool, dropped bool) {
		for l := range of {
			if !in[l] {
				initial := first || anew && before.holds(id, l.oid)
				events = append(events, storage.PostingChange{
					Posting: storage.Posting{Key: l.key, Repository: id, OID: l.oid}, Dropped: dropped, Initial: initial,
					Sequence: f.last + 1, At: at,
				})
			}
		}
	}
	for id, r := range now.repositories {
		var old map[link]bool
		if was := before.repositories[id]; was == r {
			continue
		} else if was != nil {
			old = was.links()
		}
		links := r.links()
		tell(id, old, links, true)
		tell(id, links, old, false)
	}
	for id, r := range before.repositories {
		if now.repositories[id] == nil {
			tell(id, r.links(), nil, true)
		}
	}
	if len(events) == 0 {
		return
	}
	now.sortChanges(events)
	f.last++
	f.events = append(f.events[:len(f.events):len(f.events)], events...)
	close(f.moved)
	f.moved = make(chan struct{})
}

// sortChanges puts what one write changed in order: first what is dropped, then what is added, repository by repository, oldest committer
// date first and parents before their children.
func (st *state) sortChanges(events []storage.PostingChange) {
	type height struct {
		repository storage.RepositoryID
		oid        storage.OID
	}
	heights := map[height]int{}
	var heightOf func(h height) int
	heightOf = func(h height) int {
		if n, known := heights[h]; known {
			return n
		}
		n := 0
		if c := st.repositories[h.repository].commits[h.oid]; !c.Shallow {
			for _, p := range c.Parents {
				n = max(n, 1+heightOf(height{h.repository, p}))
			}
		}
		heights[h] = n
		return n
	}
	slices.SortFunc(events, func(a, b storage.PostingChange) int {
		if a.Dropped != b.Dropped {
			if a.Dropped {
				return -1
			}
			return 1
		}
		if a.Dropped || a.Repository != b.Repository {
			return comparePostings(a.Posting, b.Posting)
		}
		return cmp.Or(
			cmp.Compare(st.position(a.Repository, a.OID).Seconds, st.position(b.Repository, b.OID).Seconds),
			cmp.Compare(heightOf(height{a.Repository, a.OID}), heightOf(height{b.Repository, b.OID})),
			comparePostings(a.Posting, b.Posting),
		)
	})
}

func (st *state) holds(id storage.RepositoryID, oid storage.OID) bool {
	r := st.repositories[id]
	if r == nil {
		return false
	}
	_, isHeld := r.commits[oid]
	return isHeld
}

func comparePostings(a, b storage.Posting) int {
	return cmp.Or(cmp.Compare(a.Repository, b.Repository), a.OID.Compare(b.OID), a.Key.Compare(b.Key))
}

// place is what a cursor says. While a follower that began from nothing reads what there is, after is the posting before.
type place struct {
	sequence uint64 // of the last change told
	told     int    // changes of the next sequence that were told
	after    *storage.Posting
}

func (f *feed) cursor(p place) storage.FeedCursor {
	text := fmt.Sprintf("%s/%d/%d", f.index, p.sequence, p.told)
	if p.after != nil {
		text += fmt.Sprintf("/%d/%s/%s", p.after.Repository, p.after.OID, p.after.Key)
	}
	return storage.FeedCursor(text)
}

func (f *feed) place(cursor storage.FeedCursor) (p place, err error) {
	if cursor == "" {
		return place{sequence: f.last, after: &storage.Posting{}}, nil
	}
	parts := strings.Split(string(cursor), "/")
	if parts[0] != f.index {
		return p, fmt.Errorf("%w: it is no cursor of this index", storage.ErrFeedGone)
	}
	if p, err = parsePlace(parts[1:]); err != nil {
		return p, fmt.Errorf("%w: %w", storage.ErrFeedGone, err)
	}
	if p.sequence < f.trimmed || p.sequence > f.last {
		return p, fmt.Errorf("%w: what comes next was trimmed away", storage.ErrFeedGone)
	}
	return p, nil
}

// parsePlace reads the parts of a cursor behind the index.
func parsePlace(parts []string) (p place, err error) {
	if len(parts) != 2 && len(parts) != 5 {
		return p, errors.New("it is no cursor")
	}
	var id uint64
	var present storage.Posting
	if p.sequence, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return p, err
	}
	if p.told, err = strconv.Atoi(parts[1]); err != nil || len(parts) == 2 {
		return p, err
	}
	if id, err = strconv.ParseUint(parts[2], 10, 32); err != nil {
		return p, err
	}
	present.Repository, present.Key = storage.RepositoryID(id), storage.IssueKey(parts[4])
	present.OID, err = storage.ParseOID(parts[3])
	p.after = &present
	return p, err
}

// Changes answers one page of the feed; see storage.Reader.
func (s *Store) Changes(ctx context.Context, after storage.FeedCursor, limit int) (storage.ChangePage, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.ChangePage{}, err
	}
	if limit <= 0 || limit > storage.MaxLimit {
		limit = storage.MaxLimit
	}
	p, err := st.feed.place(after)
	if err != nil {
		return storage.ChangePage{}, err
	}
	var page storage.ChangePage
	if p.after != nil {
		page.Changes = st.present(&p, limit)
	}
	if p.after == nil {
		page.Changes = append(page.Changes, st.feed.since(&p, limit-len(page.Changes))...)
	}
	page.Next = st.feed.cursor(p)
	page.AtEnd = p == place{sequence: st.feed.last}
	return page, nil
}

// present tells the postings that there are behind a place, and moves it.
func (st *state) present(p *place, limit int) []storage.PostingChange {
	var all []storage.Posting
	for _, r := range st.sorted() {
		for l := range r.links() {
			all = append(all, storage.Posting{Key: l.key, Repository: r.ID, OID: l.oid})
		}
	}
	slices.SortFunc(all, comparePostings)
	var told []storage.PostingChange
	for _, posting := range all {
		if comparePostings(posting, *p.after) <= 0 {
			continue
		}
		if len(told) == limit {
			return told
		}
		told = append(told, storage.PostingChange{Posting: posting, Initial: true, Sequence: p.sequence})
		p.after = &posting
	}
	p.after = nil
	return told
}

// since tells the changes behind a place, and moves it.
func (f *feed) since(p *place, limit int) []storage.PostingChange {
	at, _ := slices.BinarySearchFunc(f.events, p.sequence+1, func(e storage.PostingChange, sequence uint64) int {
		return cmp.Compare(e.Sequence, sequence)
	})
	events := f.events[at+p.told:]
	told := slices.Clone(events[:min(limit, len(events))])
	for i, e := range told {
		p.told++
		if i+1 == len(events) || events[i+1].Sequence != e.Sequence {
			p.sequence, p.told = e.Sequence, 0
		}
	}
	return told
}

// FeedEnd gives the place behind all changes; see storage.Reader.
func (s *Store) FeedEnd(ctx context.Context) (storage.FeedCursor, error) {
	st, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	return st.feed.cursor(place{sequence: st.feed.last}), nil
}

// Await waits for changes; see storage.Reader.
func (s *Store) Await(ctx context.Context, after storage.FeedCursor) error {
	for {
		st, err := s.read(ctx)
		if err != nil {
			return err
		}
		p, err := st.feed.place(after)
		if err != nil {
			return err
		}
		if (p != place{sequence: st.feed.last}) && (after != "" || st.hasPostings()) {
			return nil
		}
		select {
		case <-st.feed.moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (st *state) hasPostings() bool {
	for _, r := range st.repositories {
		if len(r.links()) > 0 {
			return true
		}
	}
	return false
}

// TrimFeed forgets changes; see storage.Writer.
func (s *Store) TrimFeed(ctx context.Context, before time.Time) error {
	return s.change(ctx, func(next *state) error {
		f := &next.feed
		for len(f.events) > 0 && f.events[0].At.Before(before) {
			f.trimmed = f.events[0].Sequence
			f.events = f.events[1:]
		}
		return nil
	})
}
