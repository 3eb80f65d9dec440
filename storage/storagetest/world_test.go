package storagetest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"keytrail/storage"
)

// wantTruth checks that the model has exactly what a repository's host has, searched for without the model's code.
func wantTruth(t rapid.TB, w *World, h *hosted) {
	t.Helper()
	ctx := context.Background()
	want := map[storage.OID][]storage.IssueKey{}
	for oid := range w.reach(h) {
		want[oid] = h.keys(w.commits[w.index[oid]].Keys)
	}
	have := map[storage.OID][]storage.IssueKey{}
	for _, m := range rows(w.Model.Members(ctx, h.id)) {
		have[m.OID] = m.Keys
	}
	if diff := difference(want, have); diff != "" {
		t.Fatalf("members (-want +have):\n%s", diff)
	}
	tips := maps.Clone(h.refs)
	for ref, tip := range tips {
		tip.Keys = h.keys(tip.Keys)
		tips[ref] = tip
	}
	haveTips := map[string]storage.Tip{}
	for _, tip := range rows(w.Model.Tips(ctx, h.id)) {
		haveTips[tip.Ref] = tip
	}
	if diff := difference(tips, haveTips); diff != "" {
		t.Fatalf("tips (-want +have):\n%s", diff)
	}
	var links int64
	for oid, keys := range want {
		for name, n := range h.notes {
			if name.object == oid {
				keys = append(slices.Clone(keys), h.keys(n.Keys)...)
			}
		}
		slices.Sort(keys)
		links += int64(len(slices.Compact(keys)))
	}
	r, err := w.Model.Repository(ctx, h.id)
	if err != nil || r.Postings != links || r.Commits != int64(len(want)) {
		t.Fatalf("have %d commits and %d postings, error %v; want %d and %d", r.Commits, r.Postings, err, len(want), links)
	}
}

// follow makes an Advance in the model, which must take it.
func follow(t rapid.TB, w *World, a storage.Advance) storage.Advanced {
	t.Helper()
	done, err := w.Model.Advance(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestModelHoldsWhatTheHostsReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := NewWorld(rapid.Uint64().Draw(t, "seed"), 3)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			a := w.Step()
			follow(t, w, a)
			wantTruth(t, w, w.byID(a.Repository))
		}
	})
}

func TestRebuildingWhatIsUpToDateChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := NewWorld(rapid.Uint64().Draw(t, "seed"), 2)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			follow(t, w, w.Step())
		}
		for _, h := range w.hosted {
			follow(t, w, w.advance(h))
			h.isReset = true
			if done := follow(t, w, w.advance(h)); done != (storage.Advanced{}) {
				t.Fatalf("a rebuild of repository %d changed %+v", h.id, done)
			}
		}
	})
}

func TestWorldCatchesUpWithLostAdvances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		w := NewWorld(seed, 2)
		lost := rand.New(rand.NewPCG(seed, 1))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if a := w.Step(); lost.IntN(2) == 0 {
				follow(t, w, a)
			}
		}
		for _, h := range w.hosted {
			follow(t, w, w.advance(h))
			wantTruth(t, w, h)
		}
	})
}

func TestOneSeedIsOneHistory(t *testing.T) {
	const seed = 7
	one, other := NewWorld(seed, 3), NewWorld(seed, 3)
	for range 100 {
		a, b := one.Step(), other.Step()
		follow(t, one, a)
		follow(t, other, b)
		if diff := difference(rows(a.Commits), rows(b.Commits)); diff != "" {
			t.Fatalf("commits (-one +other):\n%s", diff)
		}
		a.Commits, b.Commits = nil, nil
		if diff := difference(a, b); diff != "" {
			t.Fatalf("advances (-one +other):\n%s", diff)
		}
	}
}

func TestWorldsHaveAllThatHistoriesHave(t *testing.T) {
	seen := map[string]int{}
	count := func(what string, n int64) { seen[what] += int(n) }
	for seed := range uint64(20) {
		w := NewWorld(seed, 3)
		for range 40 {
			a := w.Step()
			done := follow(t, w, a)
			count("commits added", done.CommitsAdded)
			count("commits dropped", done.CommitsDropped)
			count("postings added without a commit", max(0, min(1, done.PostingsAdded-8*done.CommitsAdded)))
			count("postings dropped", done.PostingsDropped)
			count("notes updates", int64(len(a.Notes)))
			if a.Reset {
				count("resets", 1)
			}
		}
		for _, h := range w.hosted {
			count("shallow commits", int64(len(h.shallow)))
			r, err := w.Model.Repository(t.Context(), h.id)
			if err != nil {
				t.Fatal(err)
			}
			count("refs without a commit", int64(r.NoCommit))
			for _, m := range rows(w.Model.Members(t.Context(), h.id)) {
				count("commits with keys", int64(min(1, len(m.Keys))))
				count("merges", int64(max(0, min(2, len(w.commits[w.index[m.OID]].Parents))-1)))
				count("shared commits", int64(len(rows(w.Model.Holders(t.Context(), m.OID)))-1))
			}
		}
	}
	for _, what := range []string{
		"commits added", "commits dropped", "postings added without a commit", "postings dropped", "notes updates", "resets",
		"shallow commits", "refs without a commit", "commits with keys", "merges", "shared commits",
	} {
		if seen[what] < 20 {
			t.Errorf("%s: only %d in 20 worlds", what, seen[what])
		}
	}
}
