package packfile

import (
	"errors"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestEachBatchIsDecodedOnceAndBeforeItIsGiven(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	s := opened(t, repo, Options{})
	var calls atomic.Int64
	decode := func(b *Batch) error {
		calls.Add(1)
		names, _ := b.Value.([]storage.OID) // of the batch that had the memory before
		names = names[:0]
		for _, c := range b.Commits {
			if parents, rest, ok := appendParents(nil, c.Content); !ok || len(parents) != len(c.Parents) || string(rest) != string(c.Rest) {
				t.Errorf("commit %s has the rest %q", c.OID, c.Rest)
			}
			names = append(names, c.OID)
		}
		b.Value = names
		return nil
	}
	given := int64(0)
	for b, err := range s.Walk(t.Context(), peeled(t, repo), nil, WalkOptions{Workers: 2, Decode: decode}) {
		if err != nil {
			t.Fatal(err)
		}
		given++
		names := b.Value.([]storage.OID)
		if len(names) != len(b.Commits) {
			t.Fatalf("%d of %d commits were decoded", len(names), len(b.Commits))
		}
		for i, c := range b.Commits {
			if names[i] != c.OID {
				t.Fatalf("commit %s was decoded as %s", c.OID, names[i])
			}
		}
		b.Release()
	}
	if n := calls.Load(); n != given || n == 0 {
		t.Errorf("%d batches were given and %d decoded", given, n)
	}
}

func TestAnErrorOfDecodingEndsTheWalk(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	s := opened(t, repo, Options{})
	broken := errors.New("nobody can read this")
	for after := range int64(8) {
		var calls atomic.Int64
		decode := func(*Batch) error {
			if calls.Add(1) > after {
				return broken
			}
			return nil
		}
		if _, err := walked(t, s, peeled(t, repo), nil, WalkOptions{Workers: 2, Decode: decode}); !errors.Is(err, broken) {
			t.Errorf("after %d batches: %v", after, err)
		}
	}
}

// TestAWalkThatFailedTellsWhatItGave has commits in packs, in two packs at once, and outside of them.
func TestAWalkThatFailedTellsWhatItGave(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	overlap(t, repo)
	addLoose(repo)
	s := opened(t, repo, Options{})
	all := told(t, repo, "--all")
	for _, after := range []int64{0, 1, 20, 700, 1400} {
		var asked atomic.Int64
		broken := errors.New("the store is broken")
		known := func(storage.OID) (bool, error) {
			if asked.Add(1) > after {
				return false, broken
			}
			return false, nil
		}
		given := map[storage.OID]bool{}
		for b, err := range s.Walk(t.Context(), peeled(t, repo), known, WalkOptions{Workers: 2}) {
			if err == nil {
				for _, c := range b.Commits {
					given[c.OID] = true
				}
				b.Release()
				continue
			}
			var failed *WalkError
			if !errors.As(err, &failed) || !errors.Is(err, broken) {
				t.Fatalf("after %d answers: %v", after, err)
			}
			for oid := range all {
				if failed.Gave(oid) != given[oid] {
					t.Fatalf("after %d answers: commit %s was given: %t", after, oid, given[oid])
				}
			}
			if failed.Gave(storage.OID{1}) {
				t.Error("a commit that is nowhere was given")
			}
		}
	}
}
