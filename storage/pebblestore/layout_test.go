package pebblestore

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"keytrail/storage"
)

func drawKey(t *rapid.T) storage.IssueKey {
	return storage.IssueKey(rapid.StringMatching(`[A-Z][A-Z0-9_]{1,8}-[1-9][0-9]{0,11}`).Draw(t, "key"))
}

func TestPostingKeysRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := posting{
			key:        drawKey(t),
			seconds:    rapid.Int64().Draw(t, "seconds"),
			ordinal:    ordinal(rapid.Uint64Range(1, 1<<40-1).Draw(t, "ordinal")),
			repository: storage.RepositoryID(rapid.Uint32().Draw(t, "repository")),
		}
		got, err := readPosting(keyPosting(want.key, want.seconds, want.ordinal, want.repository))
		if err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestPostingKeysSortByProjectNumberAndNewestFirst(t *testing.T) {
	sorted := [][]byte{
		keyPosting("ABC-2", math.MaxInt64, 1, 1),
		keyPosting("ABC-2", 1, 1, 1),
		keyPosting("ABC-2", 0, 1, 1),
		keyPosting("ABC-2", 0, 1, 2),
		keyPosting("ABC-2", 0, 2, 1),
		keyPosting("ABC-2", -1, 1, 1),
		keyPosting("ABC-2", math.MinInt64, 1, 1),
		keyPosting("ABC-10", 5, 1, 1),
		keyPosting("ABC_D-1", 5, 1, 1),
		keyPosting("ABCD-1", 5, 1, 1),
	}
	// A project's own keys come before those of projects that begin with it.
	sorted[8], sorted[9] = sorted[9], sorted[8]
	for i := 1; i < len(sorted); i++ {
		if bytes.Compare(sorted[i-1], sorted[i]) >= 0 {
			t.Errorf("key %d does not sort before key %d:\n%q\n%q", i-1, i, sorted[i-1], sorted[i])
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	signature := rapid.Custom(func(t *rapid.T) storage.Signature {
		return storage.Signature{
			Name: rapid.String().Draw(t, "name"), Email: rapid.String().Draw(t, "email"),
			Seconds: rapid.Int64().Draw(t, "seconds"), Offset: rapid.Int16().Draw(t, "offset"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := storage.Commit{
			OID:       storage.OID(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "oid")),
			Author:    signature.Draw(t, "author"),
			Committer: signature.Draw(t, "committer"),
			Message:   rapid.String().Draw(t, "message"),
		}
		if rapid.Bool().Draw(t, "same") {
			want.Author = want.Committer
		}
		value := appendCommit(nil, &want)
		got, err := decodeCommit(value)
		if err != nil || got.OID != want.OID || got.Author != want.Author || got.Committer != want.Committer || got.Message != want.Message {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
		oid, seconds, err := decodeCommitHead(value)
		if err != nil || oid != want.OID || seconds != want.Committer.Seconds {
			t.Fatalf("head: %s %d %v", oid, seconds, err)
		}
	})
}

func TestDamagedValuesAreErrorsAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		junk := rapid.SliceOf(rapid.Byte()).Draw(t, "junk")
		_, _ = decodeCommit(junk)
		_, _, _ = decodeCommitHead(junk)
		_, _ = decodeRow(7, junk)
		_, _ = appendEdges(nil, 7, junk)
		_, _ = decodeTip(junk)
		_, _ = decodeNote(junk, junk)
		_, _ = decodeRecord(junk)
		if len(junk) > 0 {
			_, _ = readPosting(junk)
		}
	})
}

func TestAfterIsTheEndOfAPrefix(t *testing.T) {
	for _, c := range []struct{ prefix, want []byte }{
		{[]byte{1, 2}, []byte{1, 3}},
		{[]byte{1, 0xff}, []byte{2}},
		{[]byte{0xff, 0xff}, nil},
	} {
		if got := after(c.prefix); !bytes.Equal(got, c.want) {
			t.Errorf("after(%v) = %v, want %v", c.prefix, got, c.want)
		}
	}
}
