package folder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
)

// table is as Linux writes it, with shares among other mounts.
const table = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
40 22 0:50 / /mnt/git rw,relatime shared:30 master:2 - cifs //fileserver.example.com/git rw,vers=3.1.1,addr=192.0.2.1
41 22 0:51 /team /mnt/my\040team rw,relatime - cifs //fileserver.example.com/all/team rw,vers=3.0
42 22 0:52 / /mnt/old rw - cifs \134\134nas\134Shared\040Code rw
43 22 0:50 /web /mnt/web rw,relatime shared:30 - cifs //fileserver.example.com/git rw,vers=3.1.1
44 22 0:53 / /mnt/nfs rw - nfs4 nas.example.com:/export rw
45 22 0:54 / /mnt/over rw - smb3 //twice/share rw
46 22 0:55 / /mnt/newer rw - smb3 //twice/share rw
odd line
`

func TestAShareIsFoundWhereItIsMounted(t *testing.T) {
	for share, want := range map[string]string{
		"//fileserver.example.com/git":          "/mnt/git",
		"//FileServer.example.com/Git":          "/mnt/git",
		"//fileserver.example.com/git/payments": "/mnt/git/payments",
		"//fileserver.example.com/git/web/a":    "/mnt/web/a",
		"//fileserver.example.com/git/website":  "/mnt/git/website",
		"//fileserver.example.com/all/team/X":   "/mnt/my team/X",
		"//nas/shared code/a":                   "/mnt/old/a",
		"//twice/share":                         "/mnt/newer",
		"//fileserver.example.com/all":          "",
		"//fileserver.example.com/gits":         "",
		"//nas.example.com/export":              "",
	} {
		if got, ok := mountedAt(share, table); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", share, got, ok, want)
		}
	}
}

func TestRepositoriesOfAShareKeepItsNameForFiltersAndAreReadWhereItIsMounted(t *testing.T) {
	mount := t.TempDir()
	makeIn(t, mount, "billing-api.git", "web/legacy-web")
	h := open(t, host.Config{Path: "//fileserver.example.com/git/*", Depth: 2})
	h.mounts = filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(h.mounts, []byte(strings.Replace(table, "/mnt/git", mount, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	document, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": "billing-api", "fullPath": "//fileserver.example.com/git/billing-api.git"},
		map[string]any{"name": "legacy-web", "fullPath": "//fileserver.example.com/git/web/legacy-web"},
	}
	if diff := cmp.Diff(want, document); diff != "" {
		t.Error(diff)
	}
	repositories, err := h.Select(document)
	if err != nil || len(repositories) != 2 || repositories[1] != (host.Repository{
		ID: "web/legacy-web", Name: "web/legacy-web", CloneHTTP: filepath.Join(mount, "web/legacy-web"),
	}) {
		t.Errorf("got %+v, %v", repositories, err)
	}
}

func TestAShareThatIsNotMountedGivesNoList(t *testing.T) {
	h := open(t, host.Config{Path: "//fileserver.example.com/git"})
	h.mounts = filepath.Join(t.TempDir(), "mountinfo")
	for range 2 {
		document, err := h.List(t.Context())
		if document != nil || !errors.Is(err, host.ErrUnreachable) {
			t.Errorf("got %v, %v", document, err)
		}
		if err := os.WriteFile(h.mounts, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
