package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// TestGraftedCommitsHaveTheParentsThatGitGivesThem joins an old history to a new one and cuts the old one off, loose and packed.
func TestGraftedCommitsHaveTheParentsThatGitGivesThem(t *testing.T) {
	repo := gittest.Init(t)
	old := repo.Commits("refs/heads/old", "OLD-1", 20)
	repo.Commits("refs/heads/main", "NEW-1", 10)
	first := storage.OID{}
	for i, line := range strings.Fields(repo.Git("rev-list", "--max-parents=0", "main")) {
		if i == 0 {
			first = mustOID(t, line)
		}
	}
	grafts := fmt.Sprintf("# joined\n%s %s\n\n%s\n", first, old, repo.OID("old~5"))
	if err := os.WriteFile(filepath.Join(repo.Path, "info", "grafts"), []byte(grafts), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, packed := range []bool{false, true} {
		if packed {
			repo.Git("repack", "-adq")
		}
		want := map[storage.OID][]storage.OID{}
		for line := range strings.Lines(repo.Git("log", "--format=%H %P", "main")) {
			fields := strings.Fields(line)
			oids := make([]storage.OID, len(fields))
			for i, f := range fields {
				oids[i] = mustOID(t, f)
			}
			want[oids[0]] = oids[1:]
		}
		got := walked(t, openLocal(t, repo.Path), []storage.OID{repo.OID("main")}, nil)
		if len(got) != len(want) || len(want) != 16 {
			t.Errorf("packed %t: %d commits, git log has %d, want 16", packed, len(got), len(want))
		}
		for oid, parents := range want {
			if !slices.Equal(got[oid].Parents, parents) {
				t.Errorf("packed %t: %s has parents %v, git log says %v", packed, oid, got[oid].Parents, parents)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(repo.Path, "info", "grafts"), []byte("garbage\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, walkError(t.Context(), openLocal(t, repo.Path), old), ErrCorrupt, repo.Path, "grafts")
}

func mustOID(t *testing.T, s string) storage.OID {
	t.Helper()
	oid, err := storage.ParseOID(s)
	if err != nil {
		t.Fatal(err)
	}
	return oid
}
