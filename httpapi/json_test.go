package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"keytrail/storage"
)

// encodeByReflection is what encoding/json makes of a value.
func encodeByReflection(t rapid.TB, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// anyText draws a text of bytes that mean something to JSON, of runes of all lengths, and of bytes that are no UTF-8.
func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{`"`, `\`, "/", "<", "&", "\n", "\r", "\t", "\b", "\f", "\x00", "\x1f", "\x7f", "\u2028", "\u2029", "\xff", "\xc3", "\xe2\x80", "é", "語", "🚀"}),
			rapid.StringMatching(`[ !#-\[\]-~]{0,20}`),
			rapid.String(),
		), 0, 6).Draw(t, "parts")
		return strings.Join(parts, "")
	})
}

func anySignature() *rapid.Generator[storage.Signature] {
	return rapid.Custom(func(t *rapid.T) storage.Signature {
		return storage.Signature{
			Name: anyText().Draw(t, "name"), Email: anyText().Draw(t, "email"),
			Seconds: rapid.Int64().Draw(t, "seconds"), Offset: rapid.Int16().Draw(t, "offset"),
		}
	})
}

func anyOID() *rapid.Generator[storage.OID] {
	return rapid.Custom(func(t *rapid.T) (o storage.OID) {
		copy(o[:], rapid.SliceOfN(rapid.Byte(), len(o), len(o)).Draw(t, "oid"))
		return o
	})
}

// anyCommit draws a commit as handlers make it, with files or without.
func anyCommit() *rapid.Generator[Commit] {
	return rapid.Custom(func(t *rapid.T) Commit {
		texts := rapid.SliceOfN(anyText(), 0, 4)
		hit := storage.Hit{
			Branches: texts.Draw(t, "branches"), Tags: texts.Draw(t, "tags"),
			FirstTag: anyText().Draw(t, "first tag"), InDefault: rapid.Bool().Draw(t, "in default"),
		}
		hit.OID, hit.Parents = anyOID().Draw(t, "oid"), rapid.SliceOfN(anyOID(), 0, 3).Draw(t, "parents")
		hit.Author, hit.Committer = anySignature().Draw(t, "author"), anySignature().Draw(t, "committer")
		hit.Message = anyText().Draw(t, "message")
		for _, key := range texts.Draw(t, "keys") {
			hit.Keys = append(hit.Keys, storage.IssueKey(key))
		}
		hit.Notes = rapid.MapOfN(anyText(), anyText(), 0, 3).Draw(t, "notes")
		c := CommitOf(hit, RepositoryRef{ID: storage.RepositoryID(rapid.Uint32().Draw(t, "id")), Name: anyText().Draw(t, "name")})
		c.URL = anyText().Draw(t, "url")
		if rapid.Bool().Draw(t, "plain") {
			c = c.plain()
		}
		if rapid.Bool().Draw(t, "decided") {
			c.Decided = []Association{{Number: 1, Key: "A-1", Verdict: storage.VerdictAdd, By: anyText().Draw(t, "by")}}
		}
		switch rapid.IntRange(0, 2).Draw(t, "files") {
		case 1:
			c.FilesError = anyText().Draw(t, "error")
		case 2:
			c.FilesTruncated = rapid.Bool().Draw(t, "truncated")
			c.Files = make([]File, rapid.IntRange(0, 2).Draw(t, "count"))
			for i := range c.Files {
				c.Files[i] = File{Path: anyText().Draw(t, "path"), Change: storage.Change("modified"), Added: i}
			}
		}
		return c
	})
}

func TestCommitsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := Commits{Key: storage.IssueKey(anyText().Draw(t, "key")), Next: anyText().Draw(t, "next")}
		page.Commits = make([]Commit, rapid.IntRange(0, 3).Draw(t, "commits"))
		for i := range page.Commits {
			page.Commits[i] = anyCommit().Draw(t, "commit")
			single := &page.Commits[i]
			if got, want := encode(single), encodeByReflection(t, single); !bytes.Equal(got, want) {
				t.Fatalf("a commit is\n%s\nwant\n%s", got, want)
			}
		}
		for _, v := range []any{page, batchAnswer{[]Commits{page, page}}, batchAnswer{[]Commits{}}} {
			if got, want := encode(v), encodeByReflection(t, v); !bytes.Equal(got, want) {
				t.Fatalf("%T is\n%s\nwant\n%s", v, got, want)
			}
		}
	})
}

// A field that is new in a struct and forgotten in what writes it would not be missed above if handlers left it empty there.
func TestEveryFieldOfACommitIsWritten(t *testing.T) {
	c := CommitOf(storage.Hit{Notes: map[string]string{"refs/notes/commits": "reviewed"}}, RepositoryRef{ID: 1, Name: "kafka"})
	c.Files, c.FilesTruncated, c.FilesError, c.URL = []File{{Path: "a"}}, true, "why", "https://git.example.com/kafka"
	c.FirstTag, c.Decided = "1.0", []Association{{Number: 1}}
	for _, v := range []any{&c, &c.Author, &Commits{Next: "more"}, &batchAnswer{}} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(v.(appender).appendJSON(nil), &fields); err != nil {
			t.Fatal(err)
		}
		described := reflect.TypeOf(v).Elem()
		exported := 0
		for i := range described.NumField() {
			if !described.Field(i).IsExported() {
				continue
			}
			exported++
			name, _, _ := strings.Cut(described.Field(i).Tag.Get("json"), ",")
			if _, ok := fields[name]; !ok {
				t.Errorf("%T: field %q is not written", v, name)
			}
		}
		if len(fields) != exported {
			t.Errorf("%T: %d fields are written, want %d", v, len(fields), exported)
		}
	}
}

func TestEveryByteIsEscapedAsEncodingJSONEscapesItWhereverItStands(t *testing.T) {
	for c := range 256 {
		for before := range 17 {
			for _, after := range []int{0, 3, 9} {
				text := strings.Repeat("x", before) + string([]byte{byte(c)}) + strings.Repeat("y", after)
				if got, want := append(appendString(nil, text), '\n'), encodeByReflection(t, text); !bytes.Equal(got, want) {
					t.Fatalf("%q is %s, want %s", text, got, want)
				}
			}
		}
	}
	for r := range rune(utf8.MaxRune + 1) {
		if r > 0x3000 && r < 0xff00 || r > 0x10100 && r < 0x10ff00 {
			continue // no rune there is special
		}
		text := string(r)
		if got, want := append(appendString(nil, text), '\n'), encodeByReflection(t, text); !bytes.Equal(got, want) {
			t.Fatalf("U+%04X is %s, want %s", r, got, want)
		}
	}
}

func TestALargeBufferIsNotKept(t *testing.T) {
	var p buffers
	large := make([]byte, keptBuffer+1)
	p.put(&large)
	if b := p.take(); cap(*b) > keptBuffer {
		t.Errorf("a buffer of %d bytes came back", cap(*b))
	}
	small := append(make([]byte, 0, 100), "an answer"...)
	p.put(&small)
	if b := p.take(); len(*b) != 0 {
		t.Errorf("a buffer came back with %q in it", *b)
	}
}
