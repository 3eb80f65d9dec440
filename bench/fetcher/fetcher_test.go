package fetcher

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/gittest"
)

func TestATurnBringsTheMirrorUpToDateAndTellsItsTime(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("first")
	dir := filepath.Join(t.TempDir(), "mirror.git")
	f, err := New(Options{Dir: dir, URL: gittest.Serve(t, repo, gittest.Options{}), Refspecs: []string{"+refs/pull/*:refs/pull/*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	turn := func(lines string) string {
		var out bytes.Buffer
		if err := f.Serve(t.Context(), strings.NewReader(lines), &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if out := turn("0\n"); out == "" || f.digest != (mirror.Digest{}) {
		t.Errorf("a turn without a look said %q, or looked", out)
	}
	for _, change := range []func(){
		func() {},
		func() { repo.Commit("second") },
		func() { repo.CommitTo("refs/pull/1/head", "third", repo.OID("HEAD")) },
		func() { repo.Git("update-ref", "-d", "refs/pull/1/head") },
	} {
		change()
		var user, system int64
		if out := turn("1\n3\n"); strings.Count(out, "\n") != 2 {
			t.Errorf("two turns said %q", out)
		} else if _, err := fmt.Sscan(out, &user, &system); err != nil || user+system <= 0 {
			t.Errorf("a turn said %q, error %v", out, err)
		}
		fetched := gittest.Open(t, dir)
		if got, want := fetched.Git("for-each-ref"), repo.Git("for-each-ref"); got != want {
			t.Errorf("the mirror's refs are\n%s\nwant\n%s", got, want)
		}
	}
}

func TestWhatIsNoTurnOrNoRefspecIsNamed(t *testing.T) {
	o := Options{Dir: t.TempDir(), URL: "http://127.0.0.1:1/none.git"}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Serve(t.Context(), strings.NewReader("often\n"), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `"often"`) {
		t.Errorf("error %v, want one that names the line", err)
	}
	if err := f.Serve(t.Context(), strings.NewReader("1\n"), &bytes.Buffer{}); err == nil {
		t.Error("a fetch from nowhere succeeded")
	}
	o.Refspecs = []string{"refs"}
	if _, err := New(o); err == nil {
		t.Error("a refspec that is none was taken")
	}
}
