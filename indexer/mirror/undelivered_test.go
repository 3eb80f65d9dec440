package mirror

import (
	"os"
	"slices"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestRefsThatAreNotDeliveredAreNotAskedForAgainAfterARestart(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	// Beside its commit and its blob, the tree is what the filter leaves out.
	repo.Git("update-ref", "refs/tags/blob", repo.OID("main:file").String())
	repo.Git("update-ref", "refs/tags/tree", repo.OID("main^{tree}").String())
	var asked requests
	url := gittest.Serve(t, repo, gittest.Options{Middleware: asked.count})
	dir := t.TempDir() + "/1.git"
	for _, step := range []struct {
		name  string
		do    func()
		packs int
	}{
		{"the first time", func() {}, 1},
		{"a restart", func() {}, 0},
		{"a commit", func() { repo.Commit("AB-2") }, 1},
		{"a restart after a commit", func() {}, 0},
	} {
		step.do()
		asked.packs = 0
		r := openRemoteIn(t, dir, url, RemoteOptions{})
		now := look(t, r)
		fetched, err := r.Fetch(t.Context(), now, now.Refs, nil)
		if err != nil || !slices.Equal(fetched.Unavailable, []string{"refs/tags/tree"}) {
			t.Errorf("%s: unavailable are %q, %v", step.name, fetched.Unavailable, err)
		}
		if asked.packs != step.packs {
			t.Errorf("%s: %d requests for packs", step.name, asked.packs)
		}
		has, want := gittest.Open(t, dir).Git("rev-list", "--branches"), repo.Git("rev-list", "--branches")
		if has != want {
			t.Errorf("%s: the mirror has\n%s\nthe server\n%s", step.name, has, want)
		}
	}
}

func TestTheMemoryOfUndeliveredRefsIsByNameAndObjectAndForgetsWhatIsDamaged(t *testing.T) {
	path := t.TempDir() + "/1.git" + undeliveredSuffix
	refs := []Ref{{Name: "refs/tags/a b", OID: storage.OID{1}}, {Name: "refs/tags/é", OID: storage.OID{2}}}
	u := undelivered{path: path}
	if err := u.replace(refs); err != nil {
		t.Fatal(err)
	}
	u = undelivered{path: path}
	moved, other := Ref{Name: refs[0].Name, OID: storage.OID{3}}, Ref{Name: "refs/tags/c", OID: storage.OID{1}}
	if !u.has(refs[0]) || !u.has(refs[1]) || u.has(moved) || u.has(other) {
		t.Errorf("remembered are %v", u.refs)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"garbage\n", string(content[:len(content)-3]), "\n" + string(content)} {
		writeFile(t, path, damaged)
		u = undelivered{path: path}
		if u.has(refs[0]) || u.has(refs[1]) {
			t.Errorf("%q is believed", damaged)
		}
	}
	if err := u.replace(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file of an empty memory: %v", err)
	}
}
