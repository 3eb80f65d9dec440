package pebblestore

import (
	"context"
	"math"
	"strings"
	"testing"

	"keytrail/storage"
)

// childrenOf makes n commits in a line behind a tip, which may be none, and gives the last.
func childrenOf(tip storage.OID, n int) (commits []storage.Commit, last storage.OID) {
	for range n {
		c := storage.Commit{OID: tip, Message: "SHOP-7 go on", Keys: []storage.IssueKey{"SHOP-7"}}
		if !tip.IsZero() {
			c.Parents = []storage.OID{tip}
		}
		for i := range c.OID { // another object id, as if by chance
			c.OID[i] = c.OID[i]*167 + byte(i) + c.OID[(i+7)%len(c.OID)]
		}
		commits, tip = append(commits, c), c.OID
	}
	return commits, tip
}

func TestAPushWritesTheSameWhateverTheSizeOfTheRepository(t *testing.T) {
	for _, n := range []int{500, 20_000} {
		s := openStore(t, t.TempDir())
		id := registerOne(t, s)
		line, tip := lineOf(n)
		advanceTo(t, s, pushOf(id, line, storage.OID{}, tip))
		before := s.db.Metrics().WAL.BytesIn
		commits, last := childrenOf(tip, 1)
		advanceTo(t, s, pushOf(id, commitsOf(commits...), tip, last))
		if written := s.db.Metrics().WAL.BytesIn - before; written > 25<<10 {
			t.Errorf("a commit on %d others writes %d bytes", n, written)
		}
	}
}

func TestCrowdedBucketsAreMadeAnew(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	var tip storage.OID
	for _, c := range []struct {
		push int
		bits uint
	}{{100, 0}, {412, 0}, {1, 3}, {3583, 3}, {1, 6}} {
		commits, last := childrenOf(tip, c.push)
		advanceTo(t, s, pushOf(id, commitsOf(commits...), tip, last))
		tip = last
		if bits, err := readOIDBits(s.db, id); err != nil || bits != c.bits {
			t.Fatalf("after %d more commits buckets are told apart by %d bits, %v, want %d", c.push, bits, err, c.bits)
		}
		wantSound(t, s)
	}
	commits, tip := childrenOf(storage.OID{}, 1)
	reset := pushOf(id, commitsOf(commits...), storage.OID{}, tip)
	reset.Reset = true
	advanceTo(t, s, reset)
	if bits, err := readOIDBits(s.db, id); err != nil || bits != 0 {
		t.Errorf("a reset to one commit leaves %d bits, %v", bits, err)
	}
	wantSound(t, s)
}

func TestARepositoryWithoutOrdinalsCanStillBeForgotten(t *testing.T) {
	ctx := context.Background()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			s := openStoreBy(t, w, t.TempDir())
			id := registerOne(t, s)
			first, tip := childrenOf(storage.OID{}, 1)
			advanceTo(t, s, pushOf(id, commitsOf(first...), storage.OID{}, tip))
			rec, err := readRecord(s.db, id)
			if err != nil {
				t.Fatal(err)
			}
			rec.Next = math.MaxUint32 - 1
			var out sink
			rec.write(&out)
			if err := out.commit(&s.tables); err != nil {
				t.Fatal(err)
			}
			commits, last := childrenOf(tip, 100)
			if _, err := s.Advance(ctx, pushOf(id, commitsOf(commits...), tip, last)); err == nil || !strings.Contains(err.Error(), "forget it") {
				t.Errorf("got %v, want an error with the way out", err)
			}
			if err := s.Forget(ctx, id); err != nil {
				t.Error(err)
			}
			wantSound(t, s)
		})
	}
}
