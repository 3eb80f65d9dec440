package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// packedOf is the file of some refs.
func packedOf(refs []packedRef) packedRefs {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, func(p, q packedRef) int { return strings.Compare(p.name, q.name) })
	return textOf(refs)
}

func edited(p packedRefs, edits []packedRef) packedRefs {
	var text bytes.Buffer
	w := bufio.NewWriter(&text)
	p.edit(w, edits)
	w.Flush()
	return text.Bytes()
}

// TestEditedRefsAreThoseOfAFileWrittenAnew makes random edits of random refs, tags and names that begin others among them.
func TestEditedRefsAreThoseOfAFileWrittenAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	model := map[string]packedRef{}
	var text packedRefs
	for step := range 300 {
		edits := map[string]packedRef{}
		for range random.IntN(6) {
			name := strings.Repeat(fmt.Sprintf("refs/%c", 'a'+random.IntN(4)), 1+random.IntN(3)) + fmt.Sprint("/", random.IntN(20))
			r := packedRef{name: name}
			if random.IntN(3) > 0 {
				r.oid = storage.OID{1, byte(random.IntN(256))}
				if random.IntN(2) > 0 {
					r.peeled = storage.OID{2, byte(random.IntN(256))}
				}
			}
			edits[name] = r
		}
		var sorted []packedRef
		for _, name := range slices.Sorted(maps.Keys(edits)) {
			sorted = append(sorted, edits[name])
			delete(model, name)
			if r := edits[name]; !r.oid.IsZero() {
				model[name] = r
			}
		}
		text = edited(text, sorted)
		var all []packedRef
		for _, r := range model {
			all = append(all, r)
		}
		if want := packedOf(all); string(want) != string(text) {
			t.Fatalf("step %d: after %v have\n%s\nwant\n%s", step, sorted, text, want)
		}
		for _, name := range []string{"refs/a/1", "refs/arefs/b/7", "refs/z"} {
			r, ok, err := text.find(name)
			want, is := model[name]
			if ok != is || r != want && ok || err != nil {
				t.Fatalf("%s is %v, %v, %v; want %v, %v", name, r, ok, err, want, is)
			}
		}
	}
}

func TestAFileOfRefsThatGitWroteIsReadAsGitDoes(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 3)
	repo.Git("tag", "-a", "-m", "one", "v1", "main~1")
	repo.Git("branch", "topic/a", "main~2")
	repo.Git("pack-refs", "--all")
	refs, err := readSortedRefs(filepath.Join(repo.Path, "packed-refs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]storage.OID{}
	for c := refs.cursor(); c.next(); {
		r, ok, err := refs.find(string(c.line.name()))
		if !ok || err != nil {
			t.Errorf("%s is not found: %v", c.line.name(), err)
		}
		found[r.name] = r.oid
		if want := repo.OID(r.name + "^{}"); r.commit() != want {
			t.Errorf("%s leads to %s instead of %s", r.name, r.commit(), want)
		}
	}
	if want := repo.Refs(); fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("have %v, want %v", found, want)
	}
}

func TestAFileOfRefsThatIsNotSortedIsSortedAndADamagedOneToldApart(t *testing.T) {
	a, b := strings.Repeat("a", 40)+" refs/heads/a\n", strings.Repeat("b", 40)+" refs/heads/b\n"
	for content, want := range map[string]string{
		"":                     packedHeader,
		b + a:                  packedHeader + a + b,
		packedHeader + a + b:   packedHeader + a + b,
		packedHeader + b + a:   "damaged",
		packedHeader + a + a:   "damaged",
		packedHeader + a + "x": "damaged",
		packedHeader + a[:50]:  "damaged",
		packedHeader + "^" + a: "damaged",
		a + "x\n":              "damaged",
	} {
		path := filepath.Join(t.TempDir(), "packed-refs")
		writeFile(t, path, content)
		refs, err := readSortedRefs(path, nil)
		if err == nil {
			c := refs.cursor()
			for c.next() {
			}
			err = c.err
		}
		if want == "damaged" && !errors.Is(err, ErrCorrupt) || want != "damaged" && (err != nil || string(refs) != want) {
			t.Errorf("%q is read as %q, %v", content, refs, err)
		}
	}
}
