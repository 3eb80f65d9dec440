package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	"keytrail/indexer/mirror/packfile"
	"keytrail/storage"
)

// walk is one walk of a repository.
type walk struct {
	ctx     context.Context
	dirs    gitDirs
	workers int
	shallow map[storage.OID]bool
	tips    []storage.OID
	known   func(storage.OID) (bool, error)
}

// walkCommits yields, in no particular order, each commit that tips reach and known does not know, decoded once. Packs are
// read by package packfile; what that does not take, because it is rare, goes through libgit2. What is damaged does not: libgit2
// trusts an index of a pack, and waits for ever for the rest of a loose object.
func walkCommits(ctx context.Context, dirs gitDirs, workers int, tips []storage.OID, known func(storage.OID) (bool, error)) iter.Seq2[storage.Commit, error] {
	return func(yield func(storage.Commit, error) bool) {
		shallow, err := readShallow(dirs)
		if err != nil {
			yield(storage.Commit{}, err)
			return
		}
		if workers <= 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		w := &walk{ctx: ctx, dirs: dirs, workers: workers, shallow: shallow, tips: tips, known: known}
		var given []storage.OID
		for c, err := range w.packs() {
			if isBeyondPackfile(err) {
				w.goOn(given, yield)
				return
			}
			if errors.Is(err, packfile.ErrCorrupt) {
				err = fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			given = append(given, c.OID)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// isBeyondPackfile tells of what libgit2 may still read.
func isBeyondPackfile(err error) bool {
	for _, odd := range []error{packfile.ErrNotFound, packfile.ErrTooLarge, packfile.ErrOdd} {
		if errors.Is(err, odd) {
			return true
		}
	}
	return false
}

// goOn walks anew through libgit2, without the commits that were given. These are no end of the walk: not all that they reach
// was given too.
func (w *walk) goOn(given []storage.OID, yield func(storage.Commit, error) bool) {
	isGiven := make(map[storage.OID]struct{}, len(given))
	for _, oid := range given {
		isGiven[oid] = struct{}{}
	}
	for c, err := range w.objects() {
		if _, ok := isGiven[c.OID]; ok && err == nil {
			continue
		}
		if !yield(c, err) || err != nil {
			return
		}
	}
}

// packs is the walk through package packfile. Parsers decode what it inflates; all have ended when the sequence has.
func (w *walk) packs() iter.Seq2[storage.Commit, error] {
	return func(yield func(storage.Commit, error) bool) {
		ctx, cancel := context.WithCancelCause(w.ctx)
		defer cancel(nil)
		inflated, parsed := make(chan *packfile.Batch), make(chan []storage.Commit, w.workers)
		var running sync.WaitGroup
		start := func(do func() error) {
			running.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						cancel(&workerPanic{value: p, stack: debug.Stack()})
					}
				}()
				if err := do(); err != nil {
					cancel(err)
				}
			})
		}
		start(func() error {
			defer close(inflated)
			return w.inflate(ctx, inflated)
		})
		var parsing sync.WaitGroup
		parsing.Add(w.workers)
		for range w.workers {
			start(func() error {
				defer parsing.Done()
				return w.parse(ctx, inflated, parsed)
			})
		}
		go func() {
			parsing.Wait()
			close(parsed)
		}()
		defer func() {
			cancel(nil)
			for range parsed { // until the parsers are gone
			}
			running.Wait()
		}()
		for commits := range parsed {
			for _, c := range commits {
				if ctx.Err() != nil {
					break
				}
				if !yield(c, nil) {
					return
				}
			}
		}
		running.Wait()
		err := context.Cause(ctx)
		if p, ok := err.(*workerPanic); ok {
			panic(p)
		}
		if err != nil {
			yield(storage.Commit{}, err)
		}
	}
}

// inflate hands on the batches of a walk of the packs.
func (w *walk) inflate(ctx context.Context, out chan<- *packfile.Batch) error {
	store, err := packfile.Open(filepath.Join(w.dirs.common, "objects"), packfile.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	for batch, err := range store.Walk(ctx, w.tips, w.known, packfile.WalkOptions{Workers: w.workers, Shallow: w.shallow}) {
		if err != nil {
			return err
		}
		select {
		case out <- batch:
		case <-ctx.Done():
			batch.Release()
			return nil
		}
	}
	return nil
}

// parse decodes the commits of batches.
func (w *walk) parse(ctx context.Context, in <-chan *packfile.Batch, out chan<- []storage.Commit) error {
	for batch := range in {
		commits, err := w.commitsOf(batch)
		batch.Release()
		if err != nil {
			return err
		}
		select {
		case out <- commits:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (w *walk) commitsOf(batch *packfile.Batch) ([]storage.Commit, error) {
	commits := make([]storage.Commit, 0, len(batch.Commits))
	for _, found := range batch.Commits {
		c, err := parseCommit(found.OID, found.Content)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", packfile.ErrCorrupt, err)
		}
		c.Shallow = w.shallow[found.OID]
		commits = append(commits, c)
	}
	return commits, nil
}
