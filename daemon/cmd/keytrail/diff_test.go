package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/httpapi"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// TestThePatchOfACommitAppliesAndItsMirrorKeepsCommitsOnly asks a daemon for a commit over HTTP: what it tells must make
// git's tree of the commit out of that of its parent.
func TestThePatchOfACommitAppliesAndItsMirrorKeepsCommitsOnly(t *testing.T) {
	repo := gittest.Init(t)
	repo.Feed(`commit refs/heads/main
committer Carl Committer <carl@example.com> 1600000000 +0000
data 5
AB-1
M 100644 inline src/a file.txt
data 12
one
two
six
M 120000 inline link
data 3
src

commit refs/heads/main
committer Carl Committer <carl@example.com> 1600000001 +0000
data 5
AB-2
R "src/a file.txt" "lib/caf\303\251.txt"
M 100755 inline run
data 3
#!
D link

`, "fast-import", "--quiet")
	commit, data := repo.OID("main"), t.TempDir()
	d := serve(t, nil, "--data", data, gittest.Serve(t, repo, gittest.Options{}))
	d.eventually("the commit is indexed", func() bool { return len(d.commits("AB-2")) == 1 })
	path := "/api/v1/repositories/1/commits/" + commit.String()

	code, patch := d.get(path + "/diff?format=patch")
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, patch)
	}
	repo.Git("read-tree", "main~1")
	repo.Feed(patch, "apply", "--cached")
	if tree, want := repo.Git("write-tree"), repo.Git("rev-parse", "main^{tree}"); tree != want {
		t.Errorf("the patch makes the tree %s, the commit has %s:\n%s", tree, want, patch)
	}

	code, answer := d.get(path + "?files=true")
	var c httpapi.Commit
	if err := json.Unmarshal([]byte(answer), &c); err != nil || code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", code, err, answer)
	}
	want := []httpapi.File{
		{Path: "lib/café.txt", OldPath: "src/a file.txt", Change: storage.ChangeRenamed},
		{Path: "link", Change: storage.ChangeDeleted, Removed: 1},
		{Path: "run", Change: storage.ChangeAdded, Added: 1},
	}
	if len(c.Files) != len(want) || c.Files[0] != want[0] || c.Files[1] != want[1] || c.Files[2] != want[2] {
		t.Errorf("files %+v, want %+v", c.Files, want)
	}
	mirror := gittest.Open(t, filepath.Join(data, "mirrors", "1.git"))
	if types := mirror.Git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"); strings.Contains(types, "tree") || strings.Contains(types, "blob") {
		t.Errorf("the mirror has\n%s", types)
	}
	if left, err := os.ReadDir(filepath.Join(data, "mirrors", "1.git.scratch")); err != nil || len(left) != 1 {
		t.Errorf("scratch: %v, %v", left, err)
	}
}
