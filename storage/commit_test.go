package storage_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
)

func TestKeysAreAProjectAndANumber(t *testing.T) {
	for _, c := range []struct {
		key             storage.IssueKey
		project, number string
	}{
		{"KAFKA-16845", "KAFKA", "16845"},
		{"MY_PROJ-1", "MY_PROJ", "1"},
		{"A-B-2", "A-B", "2"},
		{"K2-0", "K2", "0"},
		{"KAFKA", "KAFKA", ""},
		{"KAFKA-", "KAFKA", ""},
		{"-1", "", "1"},
		{"-", "", ""},
		{"", "", ""},
	} {
		if p, n := c.key.Project(), c.key.Number(); p != c.project || n != c.number {
			t.Errorf("%q: have %q and %q, want %q and %q", c.key, p, n, c.project, c.number)
		}
	}
}

func TestKeysAreOrderedByProjectThenNumber(t *testing.T) {
	sorted := []storage.IssueKey{"", "-", "A", "A-", "A-1", "A-2", "A-9", "A-10", "A-99999999999999999999", "A2-1", "AB-1", "A_B-1", "B-1"}
	for i, a := range sorted {
		for j, b := range sorted {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if have := a.Compare(b); have != want {
				t.Errorf("%q and %q: have %d, want %d", a, b, have, want)
			}
		}
	}
}

func TestKeyOrderIsTotal(t *testing.T) {
	key := rapid.Map(rapid.StringMatching(`[AB_]{0,3}-?[019]{0,3}`), func(s string) storage.IssueKey { return storage.IssueKey(s) })
	rapid.Check(t, func(t *rapid.T) {
		wantTotalOrder(t, key.Draw(t, "a"), key.Draw(t, "b"), key.Draw(t, "c"), storage.IssueKey.Compare)
	})
}

// wantTotalOrder checks the laws of an order on three values.
func wantTotalOrder[T comparable](t *rapid.T, a, b, c T, compare func(T, T) int) {
	t.Helper()
	if (compare(a, b) == 0) != (a == b) {
		t.Fatalf("%v and %v compare as %d", a, b, compare(a, b))
	}
	if compare(a, b) != -compare(b, a) {
		t.Fatalf("%v and %v compare as %d, and the other way as %d", a, b, compare(a, b), compare(b, a))
	}
	s := []T{a, b, c}
	slices.SortFunc(s, compare)
	if compare(s[0], s[1]) > 0 || compare(s[1], s[2]) > 0 || compare(s[0], s[2]) > 0 {
		t.Fatalf("%v is not sorted", s)
	}
}

func TestSignaturesTellTheirOwnTime(t *testing.T) {
	for _, c := range []struct {
		seconds int64
		offset  int16
		want    string
	}{
		{1729798381, 300, "2024-10-25T00:33:01+05:00"},
		{0, 0, "1970-01-01T00:00:00Z"},
		{-1, -90, "1969-12-31T22:29:59-01:30"},
		{0, 14 * 60, "1970-01-01T14:00:00+14:00"},
		{0, 24*60 - 1, "1970-01-01T23:59:00+23:59"},
		{0, 24 * 60, "1970-01-01T00:00:00Z"},
		{0, -24 * 60, "1970-01-01T00:00:00Z"},
		{0, math.MaxInt16, "1970-01-01T00:00:00Z"},
		{0, math.MinInt16, "1970-01-01T00:00:00Z"},
		{math.MaxInt64, 0, "9999-12-30T23:59:59Z"},
		{math.MinInt64, 0, "0001-01-02T00:00:00Z"},
	} {
		s := storage.Signature{Seconds: c.seconds, Offset: c.offset}
		if have := s.Time().Format(time.RFC3339); have != c.want {
			t.Errorf("%d seconds, %d minutes: have %s, want %s", c.seconds, c.offset, have, c.want)
		}
	}
}

func TestEverySignatureHasATimeThatJSONCanSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := storage.Signature{Seconds: rapid.Int64().Draw(t, "seconds"), Offset: rapid.Int16().Draw(t, "offset")}
		text, err := json.Marshal(s.Time())
		if err != nil {
			t.Fatal(err)
		}
		var read time.Time
		if err := json.Unmarshal(text, &read); err != nil || !read.Equal(s.Time()) {
			t.Fatalf("have %s, error %v; want %s", read, err, s.Time())
		}
		const day = 24 * 60 * 60
		inside := s.Seconds > time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).Unix() && s.Seconds < time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
		if inside && s.Time().Unix() != s.Seconds {
			t.Fatalf("have the instant %d, want %d", s.Time().Unix(), s.Seconds)
		}
		if _, offset := s.Time().Zone(); offset <= -day || offset >= day {
			t.Fatalf("have a zone of %d seconds", offset)
		}
	})
}
