package storage_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"keytrail/storage"
)

func TestPositionsAreNewestFirstThenByObjectThenByRepository(t *testing.T) {
	sorted := []storage.Position{
		{Seconds: math.MaxInt64},
		{Seconds: 1, OID: storage.OID{9}},
		{Seconds: 0, OID: storage.OID{1}, Repository: 2},
		{Seconds: 0, OID: storage.OID{1}, Repository: math.MaxUint32},
		{Seconds: 0, OID: storage.OID{2}, Repository: 1},
		{Seconds: 0, OID: storage.OID{255}, Repository: 1},
		{Seconds: -1},
		{Seconds: math.MinInt64},
	}
	for i, a := range sorted {
		for j, b := range sorted {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if have := a.Compare(b); have != want {
				t.Errorf("%v and %v: have %d, want %d", a, b, have, want)
			}
		}
	}
}

func TestPositionOrderIsTotal(t *testing.T) {
	position := rapid.Custom(func(t *rapid.T) storage.Position {
		return storage.Position{
			Seconds:    rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64}).Draw(t, "seconds"),
			OID:        storage.OID{rapid.Byte().Draw(t, "first byte")},
			Repository: rapid.SampledFrom([]storage.RepositoryID{0, 1, math.MaxUint32}).Draw(t, "repository"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		wantTotalOrder(t, position.Draw(t, "a"), position.Draw(t, "b"), position.Draw(t, "c"), storage.Position.Compare)
	})
}

func TestAHitsPlaceIsItsCommitters(t *testing.T) {
	h := storage.Hit{Repository: 3}
	h.OID, h.Author.Seconds, h.Committer.Seconds = storage.OID{7}, 1, 2
	if want := (storage.Position{Seconds: 2, OID: storage.OID{7}, Repository: 3}); h.Position() != want {
		t.Errorf("have %v, want %v", h.Position(), want)
	}
}
