package indexer_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

// unsteady is a store whose advances fail when they are told to: before they are made, as one that is full, or after, as one that
// lost its answer.
type unsteady struct {
	storage.Store
	before, after error
	whole         int // how often all tips were asked for
}

func (u *unsteady) Advance(ctx context.Context, a storage.Advance) (storage.Advanced, error) {
	if u.before != nil {
		return storage.Advanced{}, u.before
	}
	done, err := u.Store.Advance(ctx, a)
	return done, errors.Join(err, u.after)
}

func (u *unsteady) Tips(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Tip, error] {
	u.whole++
	return u.Store.Tips(ctx, id)
}

// drifting is a served repository and its index in an unsteady store.
type drifting struct {
	t       *testing.T
	repo    *gittest.Repo
	store   *unsteady
	indexer *indexer.Indexer
	id      storage.RepositoryID
}

func newDrifting(t *testing.T) *drifting {
	t.Helper()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1", 3)
	for _, name := range []string{"a", "b", "gone"} {
		repo.CommitTo("refs/heads/"+name, "ABC-2 "+name, repo.OID("main"))
	}
	store := &unsteady{Store: memstore.New()}
	d := &drifting{t: t, repo: repo, store: store, indexer: newIndexer(t, store)}
	ids, err := d.indexer.SetTargets(t.Context(), []indexer.Target{targetOf(t, gittest.Serve(t, repo, gittest.Options{}))}, true)
	if err != nil {
		t.Fatal(err)
	}
	d.id = ids[0]
	return d
}

// push changes refs in each way: moved, new, and the first time deleted, with a name below the one deleted.
func (d *drifting) push(name string) {
	d.repo.Commit("ABC-3 " + name)
	d.repo.CommitTo("refs/heads/new/"+name, "ABC-4", d.repo.OID("a"))
	if d.repo.Refs()["refs/heads/gone"].IsZero() {
		return
	}
	d.repo.Git("update-ref", "-d", "refs/heads/gone")
	d.repo.Git("branch", "gone/below")
}

// look looks, and demands that the index then is what git tells. isWhole tells whether it had to compare all refs.
func (d *drifting) look(isWhole bool) {
	d.t.Helper()
	d.store.whole = 0
	if _, err := d.indexer.Look(d.t.Context(), d.id, nil); err != nil {
		d.t.Fatal(err)
	}
	if d.store.whole > 0 != isWhole {
		d.t.Errorf("all tips were asked for %d times", d.store.whole)
	}
	tips := map[string]storage.OID{}
	for tip, err := range d.store.Store.Tips(d.t.Context(), d.id) {
		if err != nil {
			d.t.Fatal(err)
		}
		tips[tip.Ref] = tip.OID
	}
	if diff := cmp.Diff(d.repo.Refs(), tips); diff != "" {
		d.t.Errorf("the tips differ from the refs (-git +index):\n%s", diff)
	}
}

// TestALookAtFewChangesAsksTheIndexForThoseOnly also has the first look of a process compare all.
func TestALookAtFewChangesAsksTheIndexForThoseOnly(t *testing.T) {
	d := newDrifting(t)
	d.look(true)
	for _, name := range []string{"one", "two", "three"} {
		d.push(name)
		d.look(false)
	}
	d.look(false)
}

func TestAnIndexThatAnAdvanceLeftBehindOrAheadOfItsMirrorIsBroughtUpToTheHost(t *testing.T) {
	failure := errors.New("the disk is slow today")
	for name, fail := range map[string]func(*unsteady){
		"behind": func(u *unsteady) { u.before = failure },
		"ahead":  func(u *unsteady) { u.after = failure },
		"stale":  func(u *unsteady) { u.before = storage.ErrStale },
	} {
		for _, andThen := range []string{"nothing", "another push"} {
			t.Run(name+", then "+andThen, func(t *testing.T) {
				d := newDrifting(t)
				d.look(true)
				d.push("one")
				fail(d.store)
				if _, err := d.indexer.Look(t.Context(), d.id, nil); err == nil {
					t.Fatal("a failed advance is no failure")
				}
				d.store.before, d.store.after = nil, nil
				if andThen != "nothing" {
					d.push("two")
				}
				d.look(true)
				d.push("three")
				d.look(false)
			})
		}
	}
}

// TestAnIndexThatLostARefBehindTheLookIsFoundByTheCount changes the index behind the back of the indexer.
func TestAnIndexThatLostARefBehindTheLookIsFoundByTheCount(t *testing.T) {
	d := newDrifting(t)
	d.look(true)
	gone := d.repo.OID("gone")
	_, err := d.store.Advance(t.Context(), storage.Advance{Repository: d.id, Rules: d.record().Rules, DefaultBranch: "refs/heads/main",
		Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/gone"}, Old: gone}}})
	if err != nil {
		t.Fatal(err)
	}
	d.repo.Commit("ABC-3")
	d.look(true)
}

func (d *drifting) record() storage.Repository {
	d.t.Helper()
	r, err := d.store.Repository(d.t.Context(), d.id)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}
