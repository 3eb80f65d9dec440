package mirror

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	git "github.com/libgit2/git2go/v34"
)

func TestRefspecsChooseAndRenameRefs(t *testing.T) {
	specs := chosen(t, "+refs/pull/*:refs/pull/*", "refs/x/*:refs/y/*", "refs/merge/*/head:refs/review/*", "refs/one/only")
	for ref, want := range map[string][]string{
		"refs/heads/main":        {"refs/heads/main"},
		"refs/heads/a/b":         {"refs/heads/a/b"},
		"refs/heads":             nil,
		"refs/headsof/x":         nil,
		"refs/tags/v1":           {"refs/tags/v1"},
		"refs/notes/commits":     {"refs/notes/commits"},
		"refs/pull/7/head":       {"refs/pull/7/head"},
		"refs/x/a/b":             {"refs/y/a/b"},
		"refs/y/a":               nil,
		"refs/merge/7/head":      {"refs/review/7"},
		"refs/merge/7/merge":     nil,
		"refs/one/only":          {"refs/one/only"},
		"refs/one/only/this":     nil,
		"refs/changes/01/1/1":    nil,
		"refs/remotes/origin/me": nil,
	} {
		var got []string
		if err := specs.names(ref, func(name string) { got = append(got, name) }); err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s becomes %q, not %q", ref, got, want)
		}
		if want != nil && !slices.ContainsFunc(specs.Prefixes(), func(p string) bool { return strings.HasPrefix(ref, p) }) {
			t.Errorf("%s has none of the prefixes %q that a server is asked for", ref, specs.Prefixes())
		}
	}
	for name, want := range map[string]bool{"refs/notes/commits": true, "refs/heads/notes/x": false} {
		if specs.IsNotes(name) != want {
			t.Errorf("IsNotes(%s) is %v", name, !want)
		}
	}
}

func TestABadRefspecIsNamedWithAGoodOne(t *testing.T) {
	for _, bad := range []string{
		"", "+", "*", "main", "heads/*", "HEAD", "^refs/heads/x", "refs/heads/*:", ":refs/heads/*", "refs/a/*:refs/b",
		"refs/a:refs/b/*", "refs/*/*:refs/x/*", "refs/a b/*", "refs/a\n/*", "refs/a/*:main", "refs/a..b", "refs/a/*:refs/b/*:refs/c/*",
		"refs/\xff/*", "refs/x?/*", "refs/x[1]/*", "refs/x~", "-refs/x", "refs/",
	} {
		_, err := ParseRefspecs(false, false, []string{bad})
		if err == nil {
			t.Errorf("%q is accepted", bad)
			continue
		}
		wantError(t, err, ErrRefspec, "+refs/pull/*:refs/pull/*")
	}
}

func TestEqualRefspecsAreEqualAndOthersAreNot(t *testing.T) {
	a := chosen(t, "refs/x/*:refs/y/*")
	if !reflect.DeepEqual(a, chosen(t, "+refs/x/*:refs/y/*")) {
		t.Error("equal refspecs differ: a reload would open every repository anew")
	}
	for _, other := range []string{"refs/a/*:refs/b/*", "refs/x/*:refs/z/*", "refs/x/*"} {
		if reflect.DeepEqual(a, chosen(t, other)) {
			t.Errorf("%s equals refs/x/*:refs/y/*: a reload would not see the change", other)
		}
	}
}

// FuzzRefspecs holds the short way of plain refspecs to libgit2's answer.
func FuzzRefspecs(f *testing.F) {
	f.Add("refs/pull/*", "refs/pull/1/head")
	f.Add("refs/heads/*", "refs/heads")
	f.Add("refs/*", "refs//")
	f.Fuzz(func(t *testing.T, spec, ref string) {
		specs, err := ParseRefspecs(false, false, []string{spec})
		if err != nil || strings.Contains(ref, "\x00") {
			return
		}
		own := Refspecs{list: specs.list[len(specs.list)-1:]}
		var got []string
		if err := own.names(ref, func(name string) { got = append(got, name) }); err != nil {
			return
		}
		parsed, err := git.ParseRefspec(own.list[0].text, true)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if parsed.SrcMatches(ref) {
			name, err := parsed.Transform(ref)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q of %q: %q, libgit2 says %q", ref, spec, got, want)
		}
	})
}
