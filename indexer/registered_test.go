package indexer_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/schedule"
	"keytrail/storage/memstore"
)

func TestTheGenerationChangesWithTheSetOfRepositories(t *testing.T) {
	store := memstore.New()
	x := indexer.New(indexer.Options{Store: store, Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(), Registerer: prometheus.NewRegistry()})
	one, other := targetOf(t, "https://git.example.com/one.git"), targetOf(t, "https://git.example.com/other.git")
	seen := map[uint64]bool{}
	for want, targets := range [][]indexer.Target{nil, {one}, {one, other}} {
		if _, err := x.SetTargets(t.Context(), targets, true); err != nil {
			t.Fatal(err)
		}
		all, generation := x.Registered()
		if len(all) != want || seen[generation] || generation != x.Generation() {
			t.Errorf("%d repositories of generation %d, want %d of a new one", len(all), generation, want)
		}
		seen[generation] = true
	}
	if all, _ := x.Registered(); all[1].Spec != other.Spec || all[1].ID == all[0].ID {
		t.Errorf("registered: %+v", all)
	}
}

// TestAStormOfPushesDuringALookIsOneMoreLook holds the first look up until all have been announced.
func TestAStormOfPushesDuringALookIsOneMoreLook(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	begun, goOn := make(chan struct{}, 1), make(chan struct{})
	var requests atomic.Int64
	url := gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 1 {
				begun <- struct{}{}
				<-goOn
			}
			next.ServeHTTP(w, r)
		})
	}})
	store, registry := memstore.New(), prometheus.NewRegistry()
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(), Registerer: registry,
		Limits: schedule.Limits{Total: 4, PerHost: 4, Interval: time.Hour, MaxInterval: time.Hour},
	})
	ids, err := x.SetTargets(t.Context(), []indexer.Target{targetOf(t, url)}, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- x.Run(ctx) }()
	<-begun
	announced := time.Now()
	for range 10_000 {
		x.NudgeSince(announced, ids[0])
	}
	repo.Commit("ABC-2 second")
	close(goOn)
	looks := func() (n float64) {
		for _, outcome := range []string{"changed", "unchanged", "failed"} {
			n += lookCount(t, registry, outcome)
		}
		return n
	}
	waitFor(t, func() bool { return looks() == 2 })
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if n := looks(); n != 2 {
		t.Errorf("%v looks, want 2", n)
	}
	if r, err := store.Repository(t.Context(), ids[0]); err != nil || r.Commits != 2 {
		t.Errorf("%d commits, %v", r.Commits, err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

// lookCount gives how many looks ended in a way.
func lookCount(t *testing.T, registry *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "keytrail_fetches_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" && l.GetValue() == outcome {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}
