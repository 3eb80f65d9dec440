package indexer_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

// counted is a store that counts the repositories registered with it.
type counted struct {
	storage.Store
	registered atomic.Int64
}

func (c *counted) Register(ctx context.Context, specs []storage.RepositorySpec) ([]storage.RepositoryID, error) {
	c.registered.Add(int64(len(specs)))
	return c.Store.Register(ctx, specs)
}

// newIndexer makes an indexer that the test has look by hand.
func newIndexer(t *testing.T, store storage.Store) *indexer.Indexer {
	t.Helper()
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(), Registerer: prometheus.NewRegistry(),
		Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour},
	})
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// told is a repository as an integration tells of it.
func told(t *testing.T, integration, id, url string) indexer.Target {
	t.Helper()
	target := targetOf(t, url)
	target.Spec.Integration, target.Spec.HostID = integration, id
	return target
}

func TestOneIntegrationsRepositoriesAreNoneOfTheOthersConcern(t *testing.T) {
	store := &counted{Store: memstore.New()}
	x := newIndexer(t, store)
	set := func(integration string, ids ...string) indexer.Changes {
		t.Helper()
		var targets []indexer.Target
		for _, id := range ids {
			targets = append(targets, told(t, integration, id, "https://git.example.com/"+integration+id))
		}
		changes, err := x.SetIntegration(t.Context(), integration, targets)
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}
	retired := func() (n int) {
		for r, err := range store.Repositories(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if !r.RetiredAt.IsZero() {
				n++
			}
		}
		return n
	}
	if c := set("one", "1", "2", "3"); c != (indexer.Changes{Added: 3}) {
		t.Errorf("first: %+v", c)
	}
	if c := set("two", "1", "2"); c != (indexer.Changes{Added: 2}) {
		t.Errorf("the same ids of another integration: %+v", c)
	}
	before := store.registered.Load()
	if c := set("one", "3", "1", "2"); c != (indexer.Changes{}) || store.registered.Load() != before {
		t.Errorf("the same again: %+v, %d registered", c, store.registered.Load()-before)
	}
	if c := set("one", "2"); c != (indexer.Changes{Retired: 2}) || retired() != 2 {
		t.Errorf("fewer: %+v, %d are retired", c, retired())
	}
	if err := x.Reindex(t.Context(), 4, false); err != nil {
		t.Errorf("a repository of the other integration: %v", err)
	}
	if c := set("one", "2", "3"); c != (indexer.Changes{Added: 1}) || retired() != 1 {
		t.Errorf("one comes back: %+v, %d are retired", c, retired())
	}
	if c := set("two"); c != (indexer.Changes{Retired: 2}) {
		t.Errorf("none: %+v", c)
	}
}

func TestAMovedRepositoryKeepsItsNumberItsIndexAndItsMirror(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1 number", 50)
	root := filepath.Dir(repo.Path)
	server := gittest.Start(t, root, gittest.Options{})
	store := memstore.New()
	x := newIndexer(t, store)
	look := func(name string) (indexer.Result, storage.Repository) {
		t.Helper()
		if _, err := x.SetIntegration(t.Context(), "acme", []indexer.Target{told(t, "acme", "7", server.URL+"/"+name)}); err != nil {
			t.Fatal(err)
		}
		result, err := x.Look(t.Context(), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := store.Repository(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return result, r
	}
	whole, _ := look("repo.git")
	repo.Commit("ABC-2 before the move")
	if err := os.Rename(repo.Path, filepath.Join(root, "moved.git")); err != nil {
		t.Fatal(err)
	}
	result, r := look("moved.git")
	if r.Name != "moved.git" || r.URL != server.URL+"/moved.git" || r.Commits != 51 || result.Advanced.CommitsAdded != 1 {
		t.Errorf("after the move: %+v, %+v", r, result)
	}
	if result.Bytes == 0 || result.Bytes > whole.Bytes/5 {
		t.Errorf("%d bytes were fetched after the move, %d at first: want the new commit alone", result.Bytes, whole.Bytes)
	}
}

func TestADiscoveryThatFindsNothingNewLeavesConnectionsAndKnowledge(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	var requests atomic.Int64
	url := gittest.Serve(t, repo, gittest.Options{Requests: &requests})
	x := newIndexer(t, memstore.New())
	way := new(int)
	discover := func(way any) {
		t.Helper()
		target := told(t, "acme", "7", url)
		target.Way = way
		target.Remote.Wire.Credentials = func(context.Context) (wire.Credentials, error) { return wire.Credentials{}, nil }
		if _, err := x.SetIntegration(t.Context(), "acme", []indexer.Target{target}); err != nil {
			t.Fatal(err)
		}
	}
	look := func() int64 {
		t.Helper()
		requests.Store(0)
		if _, err := x.Look(t.Context(), 1, nil); err != nil {
			t.Fatal(err)
		}
		return requests.Load()
	}
	discover(way)
	look()
	discover(way)
	if n := look(); n != 1 {
		t.Errorf("%d requests for a look after the same was discovered, want 1", n)
	}
	discover(new(int))
	if n := look(); n < 2 {
		t.Errorf("%d requests for a look by another way, want a new conversation", n)
	}
}
