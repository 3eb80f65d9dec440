package pebblestore

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"keytrail/storage"
)

func drawKey(t *rapid.T) storage.IssueKey {
	return storage.IssueKey(rapid.StringMatching(`[A-Z][A-Z0-9_]{1,8}-[1-9][0-9]{0,11}`).Draw(t, "key"))
}

func drawEntry(t *rapid.T) entry {
	return entry{seconds: rapid.Int64().Draw(t, "seconds"), ordinal: ordinal(rapid.Uint32().Draw(t, "ordinal"))}
}

func TestPlacesOfPostingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, e := drawKey(t), drawEntry(t)
		id := storage.RepositoryID(rapid.Uint32().Draw(t, "repository"))
		issue, rest, err := readIssue(appendPlace(keyPostings(key), id, e)[1:])
		if err != nil || issue != key {
			t.Fatalf("got %q, %v, want %q", issue, err, key)
		}
		gotID, got, err := readPlace(rest)
		if err != nil || gotID != id || got != e {
			t.Fatalf("got %d %+v, %v, want %d %+v", gotID, got, err, id, e)
		}
	})
}

func TestRunsSortByProjectNumberRepositoryAndOldestFirst(t *testing.T) {
	key := func(k storage.IssueKey, id storage.RepositoryID, seconds int64, o ordinal) []byte {
		return appendPlace(keyPostings(k), id, entry{seconds, o})
	}
	sorted := [][]byte{
		key("ABC-2", 1, math.MinInt64, 1),
		key("ABC-2", 1, -1, 1),
		key("ABC-2", 1, 0, 1),
		key("ABC-2", 1, 0, 2),
		key("ABC-2", 1, math.MaxInt64, 1),
		key("ABC-2", 2, -7, 0),
		key("ABC-10", 1, 5, 1),
		key("ABCD-1", 1, 5, 1), // after the keys of ABC, with which it begins
		key("ABC_D-1", 1, 5, 1),
	}
	for i := 1; i < len(sorted); i++ {
		if bytes.Compare(sorted[i-1], sorted[i]) >= 0 {
			t.Errorf("key %d does not sort before key %d:\n%q\n%q", i-1, i, sorted[i-1], sorted[i])
		}
	}
}

func TestKeysAreNumberedInTheOrderOfTheirRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s keySet
		for range rapid.IntRange(0, 40).Draw(t, "keys") {
			s.number(drawKey(t))
		}
		var last []byte
		for _, n := range s.sorted() {
			k := keyPostings(s.keys.get(int(n)))
			if bytes.Compare(last, k) >= 0 {
				t.Fatalf("%q comes after %q", k, last)
			}
			last = k
		}
	})
}

func drawSignature(t *rapid.T) storage.Signature {
	return storage.Signature{
		Name: rapid.SampledFrom([]string{"", "Ada", "Bob", "Ünal"}).Draw(t, "name"), Email: rapid.String().Draw(t, "email"),
		Seconds: rapid.Int64().Draw(t, "seconds"), Offset: rapid.Int16().Draw(t, "offset"),
	}
}

func TestBlocksOfTextsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		commits := make([]*storage.Commit, rapid.IntRange(0, blockSize).Draw(t, "rows"))
		var block texts
		for i := range commits {
			if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
				block.skip()
				continue
			}
			c := &storage.Commit{Author: drawSignature(t), Committer: drawSignature(t), Message: rapid.String().Draw(t, "message")}
			if rapid.Bool().Draw(t, "same") {
				c.Author = c.Committer
			}
			if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
				c.Message = strings.Repeat("long ", maxInline)
			}
			commits[i] = c
			block.add(c)
		}
		value := block.append(nil)
		var reader textReader
		reader.open(value)
		for slot, want := range commits {
			x, err := reader.slot(slot)
			if want == nil {
				if err == nil {
					t.Fatalf("row %d is there", slot)
				}
				continue
			}
			got := x.commit(&member{seconds: want.Committer.Seconds})
			if x.isLong && len(want.Message) > maxInline {
				got.Message = want.Message
			}
			if err != nil || got.Author != want.Author || got.Committer != want.Committer || got.Message != want.Message {
				t.Fatalf("row %d: got %+v, %v, want %+v", slot, got, err, *want)
			}
		}
	})
}

func drawMember(t *rapid.T) member {
	oid := rapid.Custom(func(t *rapid.T) storage.OID { return storage.OID(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "oid")) })
	m := member{refs: rapid.Int64Range(0, 3).Draw(t, "refs")}
	if m.refs == 0 {
		return m
	}
	m.oid, m.seconds, m.shallow = oid.Draw(t, "oid"), rapid.Int64().Draw(t, "seconds"), rapid.Bool().Draw(t, "shallow")
	if m.shallow {
		m.cut = rapid.SliceOfN(oid, 0, 3).Draw(t, "cut")
	} else {
		for range rapid.IntRange(0, 3).Draw(t, "parents") {
			m.parents = append(m.parents, ordinal(rapid.Uint32().Draw(t, "parent")))
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "keys") {
		m.keys = append(m.keys, drawKey(t))
	}
	return m
}

func TestBlocksOfMembersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := firstOf(rapid.Uint32Max(math.MaxUint32>>blockBits).Draw(t, "block"))
		want := make([]member, rapid.IntRange(0, blockSize).Draw(t, "rows"))
		for i := range want {
			want[i] = drawMember(t)
		}
		value := appendMembers(nil, first, want)
		got, err := decodeMembers(first, value)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(member{}), cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("%v (-want +got):\n%s", err, d)
		}
		var block memberBlock
		if err := block.open(first, value); err != nil {
			t.Fatal(err)
		}
		for slot := range blockSize {
			if isHeld := slot < len(want) && want[slot].refs != 0; block.holds(slot) != isHeld {
				t.Fatalf("slot %d is held: %t, want %t", slot, !isHeld, isHeld)
			} else if !isHeld {
				continue
			}
			one, err := block.member(slot)
			if d := cmp.Diff(want[slot], one, cmp.AllowUnexported(member{}), cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Fatalf("slot %d: %v (-want +got):\n%s", slot, err, d)
			}
		}
		at := 0
		_, err = edges(first, value, nil, func(e edge) {
			for want[at].refs == 0 {
				at++
			}
			w := want[at]
			if e.ordinal != first+ordinal(at) || e.oid != w.oid || e.seconds != w.seconds || !slices.Equal(e.parents, w.parents) {
				t.Fatalf("edges: %+v, want those of %+v", e, w)
			}
			at++
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestBucketsFindWhatIsInThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		byTag := map[uint32][]ordinal{}
		var places []place
		for o := range ordinal(rapid.IntRange(0, 50).Draw(t, "ids")) {
			tag := rapid.SampledFrom([]uint32{0, 1, 7, 1 << 31, math.MaxUint32}).Draw(t, "tag")
			byTag[tag] = append(byTag[tag], o)
			places = append(places, place(tag)<<32|place(o))
		}
		value := appendBucket(nil, slices.Clone(places))
		for _, tag := range []uint32{0, 1, 2, 7, 1 << 31, math.MaxUint32} {
			got, err := inBucket(value, tag, nil)
			if err != nil || !slices.Equal(got, byTag[tag]) {
				t.Fatalf("tag %d: %v, %v, want %v", tag, got, err, byTag[tag])
			}
		}
		got, err := decodeBucket(value)
		slices.Sort(places)
		if err != nil || !slices.Equal(got, places) {
			t.Fatalf("got %v, %v, want %v", got, err, places)
		}
	})
}

func TestRunsRoundTripAndMergeAsSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Custom(func(t *rapid.T) entry {
			return entry{rapid.Int64Range(-3, 3).Draw(t, "seconds"), ordinal(rapid.IntRange(0, 3).Draw(t, "ordinal"))}
		})
		unique := func(entries []entry) []entry {
			slices.SortFunc(entries, entry.compare)
			return slices.Compact(entries)
		}
		run := unique(append(rapid.SliceOfN(small, 0, 10).Draw(t, "run"), drawEntry(t)))
		got, err := decodeRun(nil, run[0], appendRun(nil, run))
		if err != nil || !slices.Equal(got, run) {
			t.Fatalf("got %v, %v, want %v", got, err, run)
		}
		p := postingChange{add: unique(rapid.SliceOfN(small, 0, 5).Draw(t, "add"))}
		want := slices.Clone(run)
		for _, e := range unique(rapid.SliceOfN(small, 0, 5).Draw(t, "drop")) {
			if !slices.Contains(p.add, e) {
				p.drop = append(p.drop, e)
				want = slices.DeleteFunc(want, func(w entry) bool { return w == e })
			}
		}
		want = unique(append(want, p.add...))
		if got := merge(run, p.sorted()); !slices.Equal(got, want) {
			t.Fatalf("%v with %+v: got %v, want %v", run, p, got, want)
		}
	})
}

func TestDamagedValuesAreErrorsAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		junk := rapid.SliceOf(rapid.Byte()).Draw(t, "junk")
		slot := rapid.IntRange(0, blockSize-1).Draw(t, "slot")
		_, _ = decodeMembers(64, junk)
		var block memberBlock
		if block.open(64, junk) == nil && block.holds(slot) {
			_, _ = block.member(slot)
		}
		_, _ = edges(64, junk, nil, func(edge) {})
		_, _ = decodeTexts(junk)
		var texts textReader
		texts.open(junk)
		_, _ = texts.slot(slot)
		_, _ = decodeRun(nil, entry{}, junk)
		_, _ = decodeBucket(junk)
		_, _ = inBucket(junk, uint32(slot), nil)
		_, _ = decodeTip(junk)
		_, _ = decodeNote(junk, junk)
		_, _ = decodeRecord(junk)
		_, _, _ = decodeVerdict(junk, junk)
		_, _ = decodeAssociation(append([]byte{spaceAssociation}, make([]byte, 8)...), junk)
		_, _ = decodeCommand(junk)
		_, _ = readFeedKey(junk)
		d := decoder{b: junk}
		_ = d.feedHead()
		_ = d.feedChange(nil)
		_, _, _ = readPlace(junk)
		_, _, _ = readIssue(junk)
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
