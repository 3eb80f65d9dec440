package mirror

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
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

// nothing is an answer with a whole pack that has no objects.
func nothing([]byte) []byte {
	pack := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	sum := sha1.Sum(pack)
	return fmt.Appendf(nil, "000dpackfile\n%04x\x01%s%s0000", 5+len(pack)+len(sum), pack, sum)
}

func TestABranchThatIsNotDeliveredIsAFailureAndAskedForAgain(t *testing.T) {
	server := gittest.Init(t)
	server.Commit("AB-1")
	isBent := true
	url := gittest.Serve(t, server, gittest.Options{Middleware: bent(&isBent, nothing)})
	r := openRemote(t, url, RemoteOptions{})
	var before *Look
	for range 2 { // into a mirror that is new, and one that is not
		isBent = true
		now := look(t, r)
		for range 2 {
			_, err := r.Fetch(t.Context(), now, changedSince(before, now), nil)
			wantError(t, err, ErrLacking, `"refs/heads/main"`)
		}
		isBent = false
		before, _ = update(t, r, before)
		mustAgree(t, r, server)
		server.Commit("AB-2")
	}
}

func TestABranchThatIsNoCommitHoldsNoOtherUpForLong(t *testing.T) {
	server := gittest.Init(t)
	server.Commit("AB-1")
	isBent := false
	r := openRemote(t, gittest.Serve(t, server, gittest.Options{Middleware: bent(&isBent, nothing)}), RemoteOptions{})
	before, _ := update(t, r, nil)
	tree := server.Git("rev-parse", "HEAD^{tree}")
	writeFile(t, filepath.Join(server.Path, "refs", "heads", "odd"), tree+"\n") // git refuses to make such a branch
	isBent = true
	now := look(t, r)
	for range maxLacking {
		_, err := r.Fetch(t.Context(), now, changedSince(before, now), nil)
		wantError(t, err, ErrLacking, `"refs/heads/odd"`)
	}
	_, fetched := update(t, r, nil)
	if !slices.Equal(fetched.Lacking, []string{"refs/heads/odd"}) || !slices.Equal(names(fetched.Refs), []string{"refs/heads/main"}) {
		t.Errorf("%+v", fetched)
	}
}
