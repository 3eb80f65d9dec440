package indexer_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"keytrail/indexer"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// whole leaves nothing out of the diffs of tests.
var whole = storage.DiffOptions{MaxFiles: 100, MaxFile: 1 << 20, MaxPatch: 1 << 20, Context: 3}

func TestADiffWaitsForNoJobOfItsRepository(t *testing.T) {
	repo := gittest.Init(t)
	commit := repo.Commit("ABC-1 first")
	b := newBench(t, gittest.Serve(t, repo, gittest.Options{}))
	b.look()
	repo.Commit("ABC-2 second")
	inJob, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var job sync.WaitGroup
	job.Go(func() {
		_, err := b.indexer.Look(b.ctx(), b.id, func(indexer.Progress) {
			once.Do(func() { close(inJob); <-goOn })
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inJob
	diff, err := b.indexer.Diff(b.ctx(), b.id, commit, whole)
	close(goOn)
	job.Wait()
	if err != nil || len(diff.Files) != 1 || diff.Files[0].Change != storage.ChangeAdded || diff.Files[0].Added != 1 {
		t.Errorf("diff %+v, %v", diff, err)
	}
	b.verify()
}

func TestFailuresOfDiffsHaveTheirClass(t *testing.T) {
	var status atomic.Int64
	repo := gittest.Init(t)
	commit := repo.Commit("ABC-1 first")
	b := newBench(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if code := int(status.Load()); code != 0 {
				w.WriteHeader(code)
				return
			}
			next.ServeHTTP(w, r)
		})
	}}))
	b.look()
	for code, class := range map[int]storage.ErrorClass{
		http.StatusUnauthorized: storage.ClassAuth, http.StatusNotFound: storage.ClassGone,
		http.StatusTooManyRequests: storage.ClassThrottled, http.StatusBadGateway: storage.ClassTransient,
	} {
		status.Store(int64(code))
		var failed *storage.SourceError
		if _, err := b.indexer.Diff(b.ctx(), b.id, commit, whole); !errors.As(err, &failed) || failed.Class != class {
			t.Errorf("status %d: %v", code, err)
		}
		if _, err := b.indexer.Files(b.ctx(), b.id, []storage.OID{commit}, whole); !errors.As(err, &failed) || failed.Class != class {
			t.Errorf("files, status %d: %v", code, err)
		}
	}
	status.Store(0)
	results, err := b.indexer.Files(b.ctx(), b.id, []storage.OID{{1}, commit}, whole)
	var failed *storage.SourceError
	if err != nil || !errors.As(results[0].Err, &failed) || failed.Class != storage.ClassCorrupt || results[1].Diff.Total != 1 {
		t.Errorf("results %+v, %v", results, err)
	}
	if _, err := b.indexer.Diff(b.ctx(), b.id+1, commit, whole); !errors.Is(err, indexer.ErrUnknownRepository) {
		t.Errorf("of a repository that is not indexed: %v", err)
	}
	ctx, cancel := context.WithCancel(b.ctx())
	cancel()
	if _, err := b.indexer.Diff(ctx, b.id, commit, whole); err != context.Canceled {
		t.Errorf("when cancelled: %v", err)
	}
}

func TestARunRemovesTheObjectsThatAnEarlierOneFetchedOnDemand(t *testing.T) {
	repo := gittest.Init(t)
	b := newBench(t, repo.Path)
	left := filepath.Join(b.mirrors, "1.git.scratch", "1")
	b.must(os.MkdirAll(left, 0o750))
	ctx, cancel := context.WithCancel(b.ctx())
	ran := make(chan error, 1)
	go func() { ran <- b.indexer.Run(ctx) }()
	for {
		if _, err := os.Stat(filepath.Dir(left)); errors.Is(err, os.ErrNotExist) {
			break
		}
		runtime.Gosched()
	}
	cancel()
	b.must(<-ran)
}
