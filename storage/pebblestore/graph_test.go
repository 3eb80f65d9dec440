package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// TestNoInstantOfAPushLeavesAQuestionWithoutAGraph holds that the graphs before and after a push are both there for those
// that ask meanwhile, that a slow reader of the old one does not displace the new one, and that the new one knows the tag,
// the branch and the commits that the push brought.
func TestNoInstantOfAPushLeavesAQuestionWithoutAGraph(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	ids, err := s.Register(ctx, []storage.RepositorySpec{{HostID: "1", Name: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0]
	ada := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1_700_000_000}
	commit := func(n byte, parents ...storage.OID) storage.Commit {
		return storage.Commit{OID: oidOf(n), Parents: parents, Author: ada, Committer: ada, Message: "SHOP-1", Keys: []storage.IssueKey{"SHOP-1"}}
	}
	push := func(commits []storage.Commit, tips ...storage.TipChange) {
		t.Helper()
		_, err := s.Advance(ctx, storage.Advance{Repository: id, Commits: commitsOf(commits...), Tips: tips, SeenAt: time.Unix(1_700_000_000, 0)})
		if err != nil {
			t.Fatal(err)
		}
	}
	tip := func(ref string, oid, commit, old storage.OID) storage.TipChange {
		return storage.TipChange{Tip: storage.Tip{Ref: ref, OID: oid, Commit: commit}, Old: old}
	}
	push([]storage.Commit{commit(1)}, tip("refs/heads/main", oidOf(1), oidOf(1), storage.OID{}))
	if _, err := s.Commits(ctx, storage.CommitQuery{Key: "SHOP-1"}); err != nil {
		t.Fatal(err)
	}
	first := s.graphs.get(id, 1)
	if first == nil {
		t.Fatal("a question left no graph behind")
	}
	push([]storage.Commit{commit(3, oidOf(2)), commit(2, oidOf(1))},
		tip("refs/heads/main", oidOf(3), oidOf(3), oidOf(1)), tip("refs/tags/v1", oidOf(9), oidOf(2), storage.OID{}))
	second := s.graphs.get(id, 2)
	if second == nil || s.graphs.get(id, 1) != first {
		t.Fatalf("after a push the graphs are %p and %p, the first was %p", s.graphs.get(id, 1), second, first)
	}
	s.graphs.put(id, first)
	if s.graphs.get(id, 2) != second {
		t.Error("a graph of an older version displaced the new one")
	}
	if len(second.tags) != 1 || second.tags[0].oid != oidOf(2) || len(second.branches) != 1 || second.branches[0].oid != oidOf(3) {
		t.Errorf("tags %+v, branches %+v", second.tags, second.branches)
	}
	names, err := second.namesOf([]ordinal{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for o, tags := range []int{1, 0, 1} { // commit 3 came before commit 2
		if len(names[o].branches) != 1 || len(names[o].tags) != tags {
			t.Errorf("commit %d: %+v, want one branch and %d tags", o, *names[o], tags)
		}
	}
	s.graphs.goBack(id, first)
	if s.graphs.get(id, 2) != nil || s.graphs.get(id, 1) != first {
		t.Error("a version that was taken back is still there")
	}
}

// TestManyBranchesAreComparedForSeveralAtOnce has hundreds of branches measured by several askers of one graph, one of whom gives up.
func TestManyBranchesAreComparedForSeveralAtOnce(t *testing.T) {
	g := newGraph(1)
	g.graph = commitgraph.New(0)
	root := g.graph.Add()
	g.defaultBranch = g.graph.Add(root)
	var asked []storage.IssueRef
	for i := range 300 {
		b := namedTip{name: fmt.Sprintf("b%03d", i), node: g.graph.Add(root)}
		g.branches = append(g.branches, b)
		asked = append(asked, storage.IssueRef{Name: b.name})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := g.compare(ended, slices.Clone(asked)); !errors.Is(err, context.Canceled) {
		t.Errorf("one whose context has ended: %v", err)
	}
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			mine := slices.Clone(asked)
			if err := g.compare(t.Context(), mine); err != nil {
				t.Error(err)
			}
			for _, b := range mine {
				if !b.Compared || b.Ahead != 1 || b.Behind != 1 {
					t.Errorf("%+v, want one ahead and one behind", b)
				}
			}
		})
	}
	askers.Wait()
	if len(g.distances) != len(g.branches) {
		t.Errorf("%d distances are kept of %d branches", len(g.distances), len(g.branches))
	}
}
