package mirror

import (
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// TestPeelingIsThatOfLibgit2 peels loose objects, packed ones, and what is not there.
func TestPeelingIsThatOfLibgit2(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	repo.Git("tag", "-a", "-m", "a tag", "commit", "HEAD")
	repo.Git("tag", "-a", "-m", "a tag", "tree", "HEAD^{tree}")
	repo.Git("tag", "-a", "-m", "a tag", "tag", "refs/tags/commit")
	repo.Git("tag", "-a", "-m", "a tag", "tag-of-tag", "refs/tags/tag")
	repo.Git("tag", "-a", "-m", "a tag", "tag-of-tree", "refs/tags/tree")
	wrong, err := storage.ParseOID(repo.Feed("object "+repo.OID("HEAD^{tree}").String()+"\ntype commit\ntag lie\ntagger Ada <ada@example.com> 1 +0000\n\nm\n",
		"hash-object", "-t", "tag", "-w", "--literally", "--stdin"))
	if err != nil {
		t.Fatal(err)
	}
	subjects := []storage.OID{wrong, repo.OID("HEAD"), repo.OID("HEAD^{tree}"), {1}}
	for _, name := range []string{"commit", "tree", "tag", "tag-of-tag", "tag-of-tree"} {
		subjects = append(subjects, repo.OID("refs/tags/"+name))
	}
	for _, state := range []string{"loose", "packed"} {
		o, err := openObjects(repo.Path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newLookup(gitDirs{own: repo.Path, common: repo.Path})
		if err != nil {
			t.Fatal(err)
		}
		for _, oid := range subjects {
			want, wantErr := o.peel(oid)
			got, err := p.peel(oid)
			if got != want || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("%s: %s peels to %s, %v; libgit2 says %s, %v", state, oid, got, err, want, wantErr)
			}
		}
		o.close()
		if err := p.close(); err != nil {
			t.Error(err)
		}
		repo.Git("repack", "-adq")
	}
}
