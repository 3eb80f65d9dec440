package pebblestore

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

func drawPart(t *rapid.T) feedPart {
	return feedPart{rapid.Uint64().Draw(t, "sequence"), rapid.Uint32().Draw(t, "part")}
}

func TestRowsOfTheFeedSortBySequenceAndPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPart(t), drawPart(t)
		if got, err := readFeedKey(keyFeed(a)); err != nil || got != a {
			t.Fatalf("got %v, %v, want %v", got, err, a)
		}
		want := cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.part, b.part))
		if bytes.Compare(keyFeed(a), keyFeed(b)) != want {
			t.Fatalf("%v and %v do not sort as they should", a, b)
		}
	})
}

func TestRowsOfTheFeedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		head := feedHead{
			kind: feedKind(rapid.IntRange(0, 1).Draw(t, "kind")), isInitial: rapid.Bool().Draw(t, "initial"),
			at:         time.Unix(rapid.Int64Range(-1e10, 1e10).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanos")).UTC(),
			repository: storage.RepositoryID(rapid.Uint32().Draw(t, "repository")),
		}
		value := appendFeedHead(nil, head)
		var want []feedChange
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			c := feedChange{oid: oidOf(rapid.Byte().Draw(t, "oid")), isDrop: rapid.Bool().Draw(t, "drop")}
			for range rapid.IntRange(1, 3).Draw(t, "keys") {
				c.changed = append(c.changed, drawKey(t))
			}
			want = append(want, c)
			value = appendFeedChange(value, c)
		}
		d := decoder{b: value}
		if got := d.feedHead(); got != head {
			t.Fatalf("got %+v, want %+v", got, head)
		}
		for _, w := range want {
			c := d.feedChange(nil)
			if c.oid != w.oid || c.isDrop != w.isDrop || !slices.Equal(c.changed, w.changed) {
				t.Fatalf("got %+v, want %+v", c, w)
			}
		}
		if err := d.done("row"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCursorsRoundTripAndNoOtherTextIsOne(t *testing.T) {
	s := openStore(t, t.TempDir())
	v, done, err := s.view(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	rapid.Check(t, func(t *rapid.T) {
		p := feedPlace{
			feedPart: drawPart(t), isPresent: rapid.Bool().Draw(t, "present"), at: rapid.Uint64().Draw(t, "at"),
			repository: storage.RepositoryID(rapid.Uint32().Draw(t, "repository")), key: drawKey(t),
		}
		p.sequence = max(1, p.sequence/2)
		cursor := s.cursor(p)
		if got, err := v.feedPlace(cursor, math.MaxUint64/2); err != nil || got != p {
			t.Fatalf("got %+v, %v, want %+v", got, err, p)
		}
		damaged := []byte(cursor)
		damaged[rapid.IntRange(0, len(damaged)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := v.feedPlace(storage.FeedCursor(damaged), math.MaxUint64/2); !errors.Is(err, storage.ErrFeedGone) {
			t.Fatalf("a damaged cursor: got %v, want %v", err, storage.ErrFeedGone)
		}
		if _, err := v.feedPlace(cursor, p.sequence-2); p.sequence > 1 && !errors.Is(err, storage.ErrFeedGone) {
			t.Fatalf("a cursor beyond the end: got %v, want %v", err, storage.ErrFeedGone)
		}
	})
}

func TestACursorIsOfOneIndex(t *testing.T) {
	s, other := openStore(t, t.TempDir()), openStore(t, t.TempDir())
	end, err := other.FeedEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Changes(t.Context(), end, 0); !errors.Is(err, storage.ErrFeedGone) {
		t.Errorf("got %v, want %v", err, storage.ErrFeedGone)
	}
	if _, err := other.Changes(t.Context(), end, 0); err != nil {
		t.Error(err)
	}
}

func TestAFirstBuildIsToldByOneRow(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	line, tip := lineOf(5000)
	advanceTo(t, s, pushOf(id, line, storage.OID{}, tip))
	wantRows(t, s, 1)
	commits, last := childrenOf(tip, 1)
	advanceTo(t, s, pushOf(id, commitsOf(commits...), tip, last))
	wantRows(t, s, 2)
}

// wantRows checks how many rows the feed has.
func wantRows(t *testing.T, s *Store, want int64) {
	t.Helper()
	v, done, err := s.view(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if n, err := v.count(spaceFeed); err != nil || n != want {
		t.Errorf("the feed has %d rows, %v, want %d", n, err, want)
	}
}

// TestWhatIsLargeIsToldInRowsOfBoundedSize drops and makes anew some thousand commits, and follows.
func TestWhatIsLargeIsToldInRowsOfBoundedSize(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	var followers [2]storagetest.Follower
	line, tip := lineOf(6000)
	advanceTo(t, s, pushOf(id, line, storage.OID{}, tip))
	if err := followers[0].CatchUp(t.Context(), s, 1000); err != nil {
		t.Fatal(err)
	}
	shorter, before := lineOf(2)
	reset := pushOf(id, shorter, storage.OID{}, before)
	reset.Reset = true
	advanceTo(t, s, reset)
	s.toldFrom = 3000
	line, tip = lineOf(4000)
	advanceTo(t, s, pushOf(id, line, before, tip)) // by a span, which is not the first build's
	if err := s.Forget(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	err := s.scan(t.Context(), []byte{spaceFeed}, func(k, v []byte) (bool, error) {
		if len(v) > maxFeedRow+100 {
			t.Errorf("row %q has %d bytes", k, len(v))
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range followers {
		if err := followers[i].CatchUp(t.Context(), s, 1000); err != nil {
			t.Error(err)
		}
	}
	wantSound(t, s)
}
