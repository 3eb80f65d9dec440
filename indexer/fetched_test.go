package indexer_test

import (
	"errors"
	"slices"
	"testing"

	"keytrail/indexer"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestWhatWasFetchedIsToldThoughNoRefReachesItAnyMore(t *testing.T) {
	for name, serve := range map[string]func(*gittest.Repo) string{
		"fetched":       func(r *gittest.Repo) string { return gittest.Serve(t, r, gittest.Options{}) },
		"read in place": func(r *gittest.Repo) string { return r.Path },
	} {
		t.Run(name, func(t *testing.T) {
			repo := gittest.Init(t)
			repo.Commit("ABC-1 first")
			lost := repo.Commit("ABC-2 second")
			b := newBench(t, serve(repo))
			if has, err := b.indexer.Has(b.ctx(), b.id, lost); has != (name == "read in place") || err != nil {
				t.Errorf("before the first look: %t, %v", has, err)
			}
			b.look()
			repo.Git("update-ref", "HEAD", "HEAD~1")
			b.look()
			for oid, want := range map[storage.OID]bool{lost: true, {1: 1}: false} {
				if has, err := b.indexer.Has(b.ctx(), b.id, oid); has != want || err != nil {
					t.Errorf("%s: %t, %v; want %t", oid, has, err, want)
				}
			}
			if isHeld, err := b.store.Holds(b.ctx(), b.id, lost); isHeld || err != nil {
				t.Errorf("the index holds it: %t, %v", isHeld, err)
			}
			if _, err := b.indexer.Has(b.ctx(), b.id+1, lost); !errors.Is(err, indexer.ErrUnknownRepository) {
				t.Errorf("an unknown repository: %v", err)
			}
			specs := b.indexer.Refspecs(b.id)
			if !slices.Contains(specs, "+refs/heads/*:refs/heads/*") || b.indexer.Refspecs(b.id+1) != nil {
				t.Errorf("refspecs %q", specs)
			}
			if got := b.indexer.RefspecFor(b.id, "refs/tags/1.0"); got != "+refs/tags/*:refs/tags/*" {
				t.Errorf("a tag comes by %q", got)
			}
			if got := b.indexer.RefspecFor(b.id, "refs/pull/1/head") + b.indexer.RefspecFor(b.id+1, "refs/heads/main"); got != "" {
				t.Errorf("a ref that is not fetched comes by %q", got)
			}
		})
	}
}
