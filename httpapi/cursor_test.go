package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
)

func TestCursorsKeepTheirPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := questionOf(rapid.String().Draw(t, "part"), "x")
		p := storage.Position{
			Seconds:    rapid.Int64().Draw(t, "seconds"),
			OID:        storage.OID(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "oid")),
			Repository: storage.RepositoryID(rapid.Uint32().Draw(t, "repository")),
		}
		place, err := q.place(q.cursor(placeOf(p)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := position(place); err != nil || got != p {
			t.Fatalf("%+v, %v; want %+v", got, err, p)
		}
	})
}

func TestRepositoryCursorsKeepTheirPlaceInEveryOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) storage.Repository {
			var seen time.Time
			if rapid.Bool().Draw(t, label+" seen") {
				seen = time.Unix(rapid.Int64Range(0, 3).Draw(t, label+" seconds"), rapid.Int64Range(0, 999999999).Draw(t, label+" nanoseconds"))
			}
			return storage.Repository{
				RepositorySpec: storage.RepositorySpec{Name: rapid.StringN(0, 3, -1).Draw(t, label+" name")},
				ID:             storage.RepositoryID(rapid.Uint32Range(1, 4).Draw(t, label+" id")),
				SeenAt:         seen,
			}
		}
		a, b := draw("a"), draw("b")
		again, err := repositoryAt(repositoryPlace(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, sort := range []string{"id", "name", "staleness"} {
			compare := orderOf(sort)
			if compare(a, b) != compare(a, again) || compare(b, again) != 0 {
				t.Fatalf("%s: %+v became %+v", sort, b, again)
			}
		}
	})
}

func TestADamagedCursorIsRefused(t *testing.T) {
	q := questionOf("commits", "KAFKA-7")
	whole := q.cursor(placeOf(storage.Position{Seconds: 1729845181, OID: oid(7), Repository: 3}))
	raw, err := base64.RawURLEncoding.DecodeString(whole)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		damaged := append([]byte(nil), raw...)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := q.place(base64.RawURLEncoding.EncodeToString(damaged)); err == nil {
			t.Fatalf("passed with bit %d flipped", bit)
		}
	}
	for length := range len(whole) {
		if _, err := q.place(whole[:length]); err == nil {
			t.Fatalf("passed when cut to %d characters", length)
		}
	}
}

func TestACursorIsRefusedElsewhere(t *testing.T) {
	place := placeOf(storage.Position{Seconds: 1, OID: oid(1), Repository: 1})
	q := questionOf("commits", "KAFKA-7", "")
	for _, other := range []question{questionOf("commits", "KAFKA-7"), questionOf("commits", "", "KAFKA-7"), questionOf("commitsKAFKA-7", "", "")} {
		if _, err := other.place(q.cursor(place)); err == nil {
			t.Error("a cursor passed for another question")
		}
	}
	next := append([]byte{cursorVersion + 1}, q[:]...)
	next = binary.BigEndian.AppendUint32(next, crc32.ChecksumIEEE(next))
	_, err := q.place(base64.RawURLEncoding.EncodeToString(next))
	if p, ok := errors.AsType[*problem](err); !ok || p.kind != badCursor {
		t.Errorf("a cursor of the next version: %v", err)
	}
}

func FuzzCursor(f *testing.F) {
	q := questionOf("fuzz")
	f.Add(q.cursor(placeOf(storage.Position{Seconds: -1, OID: oid(1), Repository: 1})))
	f.Add(q.cursor(nil))
	f.Add("")
	f.Add(q.cursor(nil)[:4] + "\r\n" + q.cursor(nil)[4:])
	f.Fuzz(func(t *testing.T, cursor string) {
		place, err := q.place(cursor)
		if err != nil {
			return
		}
		if q.cursor(place) != cursor {
			t.Errorf("%q is not the only cursor of its place", cursor)
		}
		_, _ = position(place)
		_, _ = repositoryAt(place)
	})
}
