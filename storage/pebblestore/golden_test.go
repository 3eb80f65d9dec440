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
	clock := int64(1700000300)
	s.counters.index, s.index = 300, 300
	s.now = func() time.Time { clock++; return time.Unix(clock, 9) }
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
	decideAboutShop(t, s)
	resetFork(t, s, ids[1])
	commandShop(t, s, ids[0])
	if err := s.TrimFeed(ctx, time.Unix(1700000302, 0)); err != nil {
		t.Fatal(err)
	}
	rows := dump(t, s)
	golden := filepath.Join("testdata", "layout.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(rows), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), rows); d != "" {
		t.Errorf("the layout has changed (-golden +now):\n%s", d)
	}
}

// dump writes all rows out, as Go quotes them.
func dump(t *testing.T, s *Store) string {
	t.Helper()
	var rows strings.Builder
	err := scanRange(t.Context(), s.db, []byte{0}, []byte{0xff}, func(k, v []byte) (bool, error) {
		fmt.Fprintf(&rows, "%q\n    %q\n", k, v)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows.String()
}

// decideAboutShop adds a key to a commit of both repositories, drops one, and takes a third decision back.
func decideAboutShop(t *testing.T, s *Store) {
	t.Helper()
	about := func(key storage.IssueKey, commit byte, says storage.Verdict) storage.Association {
		return storage.Association{
			Key: key, OID: oidOf(commit), Verdict: says, At: time.Unix(1700000250, 1), By: "ada", Token: "desk", Reason: "wrong key",
		}
	}
	_, err := s.Associate(t.Context(), []storage.Association{
		about("SHOP-70", 1, storage.VerdictAdd), about("SHOP-7", 3, storage.VerdictDrop), about("SHOP-8", 1, storage.VerdictAdd),
		about("SHOP-8", 1, storage.VerdictClear),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// resetFork makes a repository anew with one commit.
func resetFork(t *testing.T, s *Store, id storage.RepositoryID) {
	t.Helper()
	who := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1700000000, Offset: 60}
	advanceTo(t, s, storage.Advance{
		Repository: id, Reset: true, SeenAt: time.Unix(1700000280, 0), Rules: "rules",
		Commits: commitsOf(storage.Commit{OID: oidOf(1), Author: who, Committer: who, Message: "SHOP-9 begin", Keys: []storage.IssueKey{"SHOP-9"}}),
		Tips:    []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: oidOf(1), Commit: oidOf(1)}}},
	})
}

// commandShop takes two commands up and does one.
func commandShop(t *testing.T, s *Store, id storage.RepositoryID) {
	t.Helper()
	ctx := t.Context()
	c := storage.Command{
		CommandID: storage.CommandID{OID: oidOf(3), Index: 0}, Key: "SHOP-7", Repository: id, Name: "comment", Text: "done",
		State: storage.CommandWaiting, FoundAt: time.Unix(1700000310, 0), DueAt: time.Unix(1700000310, 0),
	}
	d := c
	d.Index, d.Name, d.Text = 1, "time", "1h"
	if err := s.TakeCommands(ctx, []storage.Command{c, d}, "cursor"); err != nil {
		t.Fatal(err)
	}
	c.State, c.Attempts, c.TriedAt, c.Outcome = storage.CommandDone, 1, time.Unix(1700000320, 0), "added"
	if err := s.SetCommand(ctx, c); err != nil {
		t.Fatal(err)
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
