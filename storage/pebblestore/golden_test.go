package pebblestore

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestLayoutIsAsDocumented writes an index with one row of each kind and holds its bytes. A difference means that
// indexes on disk no longer read: raise formatVersion with it.
func TestLayoutIsAsDocumented(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	ids, err := s.Register(ctx, []storage.RepositorySpec{
		{Integration: "acme", HostID: "42", Name: "shop", URL: "https://git.example.com/shop.git"},
		{HostID: "/srv/git/fork", Name: "fork", URL: "/srv/git/fork"},
	})
	if err != nil {
		t.Fatal(err)
	}
	advanceShop(t, s, ids)
	if err := s.SetPullRequests(ctx, ids[0], pullRequestsOfShop()); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	err = scanRange(ctx, s.db, []byte{0}, []byte{0xff}, func(k, v []byte) (bool, error) {
		fmt.Fprintf(&rows, "%q\n    %q\n", k, v)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "layout.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(rows.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), rows.String()); d != "" {
		t.Errorf("the layout has changed (-golden +now):\n%s", d)
	}
}

// advanceShop gives two repositories the same two commits, and the first of them a third with a long message.
func advanceShop(t *testing.T, s *Store, ids []storage.RepositoryID) {
	t.Helper()
	ada := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1700000000, Offset: 60}
	bob := storage.Signature{Name: "Bob", Email: "bob@example.com", Seconds: -5, Offset: -330}
	seven := []storage.IssueKey{"SHOP-7"}
	first := storage.Commit{OID: oidOf(1), Author: ada, Committer: ada, Message: "SHOP-7 begin\n", Keys: seven}
	second := storage.Commit{OID: oidOf(2), Parents: []storage.OID{oidOf(1)}, Author: ada, Committer: bob, Message: "SHOP-7 go on", Keys: seven}
	third := storage.Commit{
		OID: oidOf(3), Parents: []storage.OID{oidOf(2)}, Author: bob, Committer: ada, Keys: seven,
		Message: "SHOP-7 end\n" + strings.Repeat("-", maxInline),
	}
	branch := storage.Tip{Ref: "refs/heads/SHOP-12", OID: oidOf(2), Commit: oidOf(2), Keys: []storage.IssueKey{"SHOP-12"}}
	a := storage.Advance{
		Tips:    []storage.TipChange{{Tip: branch}, {Tip: storage.Tip{Ref: "refs/tags/tree", OID: oidOf(9)}}},
		Commits: commitsOf(first, second),
		Notes: []storage.NotesUpdate{{Ref: "refs/notes/commits", Changes: []storage.Note{
			{Object: oidOf(2), Text: "see SHOP-100", Keys: []storage.IssueKey{"SHOP-100"}},
		}}},
		DefaultBranch: "refs/heads/main", Rules: "rules", SeenAt: time.Unix(1700000100, 0),
	}
	for _, a.Repository = range ids {
		advanceTo(t, s, a)
	}
	branch.OID, branch.Commit = oidOf(3), oidOf(3)
	a.Repository, a.Commits, a.Tips = ids[0], commitsOf(third), []storage.TipChange{{Tip: branch, Old: oidOf(2)}}
	advanceTo(t, s, a)
}

func pullRequestsOfShop() storage.PullRequestUpdate {
	return storage.PullRequestUpdate{
		Reset: true, Rules: "rules", SeenAt: time.Unix(1700000200, 0),
		Changed: []storage.PullRequest{{
			ID: "501", Number: 12, Title: "SHOP-7 checkout", Description: "See SHOP-9", Source: "feature/SHOP-7", Target: "main",
			State: storage.PullRequestMerged, Author: "Ada", Created: time.Unix(1700000000, 0), Updated: time.Unix(1700000150, 7),
			WebURL: "https://git.example.com/shop/pulls/12", Keys: []storage.IssueKey{"SHOP-7", "SHOP-9"},
		}},
	}
}

func oidOf(n byte) (o storage.OID) {
	for i := range o {
		o[i] = n
	}
	return o
}

func commitsOf(commits ...storage.Commit) func(func(storage.Commit, error) bool) {
	return func(yield func(storage.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	return openStoreBy(t, ways[0], dir)
}

func openStoreBy(t *testing.T, w way, dir string) *Store {
	t.Helper()
	s, err := openBy(w, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
