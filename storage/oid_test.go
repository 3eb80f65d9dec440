package storage_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"keytrail/storage"
)

func anyOID() *rapid.Generator[storage.OID] {
	return rapid.Custom(func(t *rapid.T) (o storage.OID) {
		copy(o[:], rapid.SliceOfN(rapid.Byte(), len(o), len(o)).Draw(t, "oid"))
		return o
	})
}

func TestObjectIDsAreReadInEitherCase(t *testing.T) {
	const digits = "0123456789abcdef0123456789abcdef01234567"
	lower, err := storage.ParseOID(digits)
	if err != nil {
		t.Fatal(err)
	}
	upper, err := storage.ParseOID(strings.ToUpper(digits))
	if err != nil {
		t.Fatal(err)
	}
	if lower != upper || lower.String() != digits {
		t.Errorf("have %s and %s, want %s", lower, upper, digits)
	}
}

func TestWhatIsNoObjectIDIsRefused(t *testing.T) {
	for _, s := range []string{
		"", "abc", strings.Repeat("a", 39), strings.Repeat("a", 41), strings.Repeat("g", 40), strings.Repeat(" ", 40),
		"0x" + strings.Repeat("a", 38), strings.Repeat("é", 20), strings.Repeat("a", 64), strings.Repeat("a", 1<<20),
	} {
		o, err := storage.ParseOID(s)
		if err == nil || !o.IsZero() {
			t.Errorf("%.80q: have %s, error %v; want the zero id and an error", s, o, err)
			continue
		}
		if len(err.Error()) > 300 {
			t.Errorf("%.80q: the error has %d bytes", s, len(err.Error()))
		}
	}
}

func TestObjectIDsSurviveTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyOID().Draw(t, "oid")
		if have, err := storage.ParseOID(want.String()); err != nil || have != want {
			t.Fatalf("text: have %s, error %v; want %s", have, err, want)
		}
		text, err := json.Marshal(map[storage.OID]storage.OID{want: want})
		if err != nil {
			t.Fatal(err)
		}
		var have map[storage.OID]storage.OID
		if err := json.Unmarshal(text, &have); err != nil || have[want] != want {
			t.Fatalf("JSON: have %v, error %v; want %s", have, err, want)
		}
	})
}

func TestARefusedTextLeavesTheObjectID(t *testing.T) {
	o := storage.OID{1}
	if err := o.UnmarshalText([]byte("no object id")); err == nil {
		t.Error("no error")
	}
	if o != (storage.OID{1}) {
		t.Errorf("have %s, want it as it was", o)
	}
}

func TestObjectIDsAreOrderedAsTheirTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyOID().Draw(t, "a"), anyOID().Draw(t, "b")
		copy(b[:], a[:rapid.IntRange(0, len(a)).Draw(t, "common")])
		if have := a.Compare(b); have != bytes.Compare(a[:], b[:]) || have != strings.Compare(a.String(), b.String()) {
			t.Fatalf("%s and %s: have %d", a, b, have)
		}
	})
}

func TestOnlyTheZeroObjectIDIsZero(t *testing.T) {
	if !(storage.OID{}).IsZero() {
		t.Error("the zero id is not zero")
	}
	for i := range (storage.OID{}) {
		var o storage.OID
		o[i] = 1
		if o.IsZero() {
			t.Errorf("%s is zero", o)
		}
	}
}

func TestTheFirstDigitsOfAnObjectIDSpanAllThatBeginWithThem(t *testing.T) {
	for _, c := range []struct{ digits, least, greatest string }{
		{"0123456", "0123456" + strings.Repeat("0", 33), "0123456" + strings.Repeat("f", 33)},
		{"ABCDEF01", "abcdef01" + strings.Repeat("0", 32), "abcdef01" + strings.Repeat("f", 32)},
		{strings.Repeat("7", 40), strings.Repeat("7", 40), strings.Repeat("7", 40)},
	} {
		least, greatest, err := storage.Between(c.digits)
		if err != nil || least.String() != c.least || greatest.String() != c.greatest {
			t.Errorf("%s: from %s to %s, %v", c.digits, least, greatest, err)
		}
	}
	for _, digits := range []string{"", "012345", "012345g", "0123456 ", strings.Repeat("7", 41)} {
		if _, _, err := storage.Between(digits); err == nil || storage.CheckDigits(digits) == nil {
			t.Errorf("%q is taken for the beginning of an object id", digits)
		}
	}
}
