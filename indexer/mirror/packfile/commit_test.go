package packfile

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"keytrail/storage"
)

func TestEightDigitsAreReadAsHexDoes(t *testing.T) {
	check := func(digits []byte) {
		t.Helper()
		var want [4]byte
		_, err := hex.Decode(want[:], digits)
		got, bad := unhex(binary.BigEndian.Uint64(digits))
		if (bad == 0) != (err == nil) || err == nil && got != binary.BigEndian.Uint32(want[:]) {
			t.Fatalf("%q: %08x, bad %x; want %x, %v", digits, got, bad, want, err)
		}
	}
	for place := range 8 {
		for c := range 256 {
			digits := []byte("0aF9f1A0")
			digits[place] = byte(c)
			check(digits)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	digits := make([]byte, 8)
	for range 100_000 {
		for i := range digits {
			digits[i] = "0123456789abcdefABCDEF/:@G`g\x00\xff0123456789"[random.IntN(38)]
		}
		check(digits)
	}
}

func TestParentsAreWhatTheFirstLinesNameAndNoOthers(t *testing.T) {
	a, b := strings.Repeat("a1", nameLen), strings.Repeat("B2", nameLen)
	for _, c := range []struct {
		content, rest string
		parents       []string
		ok            bool
	}{
		{"tree " + a + "\nauthor X\n", "author X\n", nil, true},
		{"tree " + a + "\nparent " + a + "\nparent " + b + "\n\nparent " + a + "\n", "\nparent " + a + "\n", []string{a, b}, true},
		{"tree " + a + "\n", "", nil, true},
		{"tree " + a, "", nil, false},
		{"tree " + a[1:] + "\n\n", "", nil, false},
		{"tree " + a[1:] + "g\n", "", nil, false},
		{"tree " + a + "\nparent " + a[1:] + "\n", "", nil, false},
		{"tree " + a + "\nparent " + a[1:] + "\xb0\n", "", nil, false},
		{"parent " + a + "\n", "", nil, false},
		{"", "", nil, false},
	} {
		var want []storage.OID
		for _, name := range c.parents {
			want = append(want, oids(t, name)...)
		}
		got, rest, ok := appendParents(nil, []byte(c.content))
		if ok != c.ok || ok && (string(rest) != c.rest || !slices.Equal(got, want)) {
			t.Errorf("%q: %s, rest %q, %t", c.content, got, rest, ok)
		}
	}
}

func TestTheCacheOfBasesGivesWhatWasPutThereLast(t *testing.T) {
	var c baseCache
	p, q := new(pack), new(pack)
	large := make([]byte, maxCachedBase+1)
	c.put(p, 12, []byte("one"))
	c.put(p, 400, large)
	if got := c.get(p, 12); string(got) != "one" {
		t.Errorf("the base is %q", got)
	}
	if c.get(q, 12) != nil || c.get(p, 13) != nil || c.get(p, 400) != nil {
		t.Error("there is a base that was not put, or is too large")
	}
	for at := range int64(1000) {
		c.put(q, at, []byte{byte(at)})
		if got := c.get(q, at); len(got) != 1 || got[0] != byte(at) {
			t.Fatalf("the base at %d is %v", at, got)
		}
	}
	if c.get(p, 12) != nil {
		t.Error("a base outlived a thousand others")
	}
}
