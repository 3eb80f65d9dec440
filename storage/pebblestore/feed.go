package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// feedEnd is the end of the feed: the last sequence whose write is durable. What is visible and not durable yet is not told:
// after a crash its sequence would mean something else.
type feedEnd struct {
	mu    sync.Mutex
	last  uint64
	moved chan struct{} // closed when the end moves
}

func (e *feedEnd) end() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// watch gives the end and the channel that is closed when it moves.
func (e *feedEnd) watch() (last uint64, moved <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last, e.moved
}

// move tells of a write that is durable; 0 is one that told nothing.
func (e *feedEnd) move(to uint64) {
	if to == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = to
	close(e.moved)
	e.moved = make(chan struct{})
}

var keyTrimmed = keyMeta("feed trimmed")

// readTrimmed gives the last sequence of those that were forgotten.
func readTrimmed(r pebble.Reader) (uint64, error) {
	v, err := get(r, keyTrimmed)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the beginning of the feed: %w", err)
	}
	return decodeUint(v, "beginning of the feed")
}

// readFeedEnd finds the last sequence on the disk.
func (s *Store) readFeedEnd() (err error) {
	s.feed.moved = make(chan struct{})
	if s.feed.last, err = readTrimmed(s.db); err != nil {
		return err
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceFeed}, UpperBound: []byte{spaceFeed + 1}})
	if err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	if it.Last() {
		var p feedPart
		if p, err = readFeedKey(it.Key()); err == nil {
			s.feed.last = max(s.feed.last, p.sequence)
		}
	}
	if err = errors.Join(err, it.Close()); err != nil {
		return fmt.Errorf("read the feed: %w", unread(err))
	}
	return nil
}

// durableView is a view of what no crash takes back, and the end of the feed in it.
func (s *Store) durableView(ctx context.Context) (v view, last uint64, done func(), err error) {
	s.committing.RLock()
	defer s.committing.RUnlock()
	last = s.feed.end()
	v, done, err = s.view(ctx)
	return v, last, done, err
}

// Changes answers one page of the feed; see storage.Reader.
func (s *Store) Changes(ctx context.Context, after storage.FeedCursor, limit int) (storage.ChangePage, error) {
	v, last, done, err := s.durableView(ctx)
	if err != nil {
		return storage.ChangePage{}, err
	}
	defer done()
	if limit <= 0 || limit > storage.MaxLimit {
		limit = storage.MaxLimit
	}
	p, err := v.feedPlace(after, last)
	if err != nil {
		return storage.ChangePage{}, err
	}
	r := feedReader{view: v, place: p, last: last, limit: limit}
	if err := r.read(); err != nil {
		return storage.ChangePage{}, fmt.Errorf("read the feed: %w", err)
	}
	isAtEnd := !r.place.isPresent && r.place.sequence > last
	return storage.ChangePage{Changes: r.told, Next: s.cursor(r.place), AtEnd: isAtEnd}, nil
}

// FeedEnd gives the place behind all that the feed tells by now; see storage.Reader.
func (s *Store) FeedEnd(ctx context.Context) (storage.FeedCursor, error) {
	done, err := s.use()
	if err != nil {
		return "", err
	}
	defer done()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return s.cursor(feedPlace{feedPart: feedPart{sequence: s.feed.end() + 1}}), nil
}

// Await waits until something lies behind a place of the feed; see storage.Reader. It does not keep the index open meanwhile.
func (s *Store) Await(ctx context.Context, after storage.FeedCursor) error {
	from, err := s.awaited(ctx, after)
	for err == nil {
		last, moved := s.feed.watch()
		if last >= from {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.closing:
			err = ErrClosed
		}
	}
	return err
}

// awaited gives the sequence that somebody waits for; 0 when there is something already.
func (s *Store) awaited(ctx context.Context, after storage.FeedCursor) (uint64, error) {
	v, last, done, err := s.durableView(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	p, err := v.feedPlace(after, last)
	if err != nil || !p.isPresent {
		return p.sequence, err
	}
	from := p.sequence + 1
	err = scanRange(ctx, v, []byte{spacePosting}, []byte{spacePosting + 1}, func(_, _ []byte) (bool, error) {
		from = 0
		return false, nil
	})
	return from, err
}

// TrimFeed forgets what the feed told before an instant; see storage.Writer.
func (s *Store) TrimFeed(ctx context.Context, before time.Time) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	trimmed := uint64(0)
	err = s.scan(ctx, []byte{spaceFeed}, func(k, v []byte) (bool, error) {
		p, err := readFeedKey(k)
		if err != nil {
			return false, err
		}
		d := decoder{b: v}
		h := d.feedHead()
		if d.bad {
			return false, d.done("row of the feed")
		}
		if !h.at.Before(before) {
			return false, nil
		}
		trimmed = p.sequence
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("trim the feed: %w", err)
	}
	if trimmed == 0 {
		return nil
	}
	var out sink
	out.deleteRange([]byte{spaceFeed}, keyFeed(feedPart{sequence: trimmed + 1}))
	out.put(keyTrimmed, binary.AppendUvarint(nil, trimmed))
	if err := out.commit(&s.tables); err != nil {
		return fmt.Errorf("trim the feed: %w", err)
	}
	return nil
}
