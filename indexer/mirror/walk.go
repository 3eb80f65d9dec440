package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"

	"keytrail/indexer/mirror/packfile"
	"keytrail/storage"
)

// walk is one walk of a repository.
type walk struct {
	ctx     context.Context
	dirs    gitDirs
	workers int
	memory  int
	shallow map[storage.OID]bool
	grafts  map[storage.OID][]storage.OID
	tips    []storage.OID
	known   func(storage.OID) (bool, error)
	keys    FindKeys
}

// walkCommits yields, in batches and in no particular order, each commit that tips reach and known does not know, decoded once. Packs
// are read by package packfile, whose workers also decode; what that does not take, because it is rare, goes through libgit2. What is
// damaged does not: libgit2 trusts an index of a pack, and waits for ever for the rest of a loose object.
//
// A batch is the consumer's until it asks for the next one. What its commits refer to is theirs for ever, and shares blocks of memory with
// what others refer to, see commitArena: to keep a few strings of many commits, clone them.
//
// Of a commit that the consumer has left behind, a walk keeps two bits.
func walkCommits(ctx context.Context, dirs gitDirs, o Options, tips []storage.OID, known func(storage.OID) (bool, error), keys FindKeys) iter.Seq2[[]storage.Commit, error] {
	return func(yield func([]storage.Commit, error) bool) {
		shallow, err := readShallow(dirs)
		if err != nil {
			yield(nil, err)
			return
		}
		grafts, err := readGrafts(dirs)
		if err != nil {
			yield(nil, err)
			return
		}
		w := &walk{ctx: ctx, dirs: dirs, workers: o.Workers, memory: o.Memory, shallow: shallow, grafts: grafts, tips: tips, known: known, keys: keys}
		if w.workers <= 0 {
			w.workers = runtime.GOMAXPROCS(0)
		}
		for commits, err := range w.packs() {
			if isBeyondPackfile(err) {
				w.goOn(given(err), yield)
				return
			}
			if errors.Is(err, packfile.ErrCorrupt) {
				err = fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if !yield(commits, err) || err != nil {
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

// given tells which commits a walk of the packs gave before it failed.
func given(err error) func(storage.OID) bool {
	if failed := (*packfile.WalkError)(nil); errors.As(err, &failed) {
		return failed.Gave
	}
	return func(storage.OID) bool { return false } // it did not begin
}

// goOn walks anew through libgit2, without the commits that were given. These are no end of the walk: not all that they reach
// was given too.
func (w *walk) goOn(isGiven func(storage.OID) bool, yield func([]storage.Commit, error) bool) {
	for commits, err := range w.objects() {
		commits = slices.DeleteFunc(commits, func(c storage.Commit) bool { return isGiven(c.OID) })
		if !yield(commits, err) || err != nil {
			return
		}
	}
}

// packs is the walk through package packfile.
func (w *walk) packs() iter.Seq2[[]storage.Commit, error] {
	return func(yield func([]storage.Commit, error) bool) {
		store, err := packfile.Open(filepath.Join(w.dirs.common, "objects"), packfile.Options{})
		if err != nil {
			yield(nil, err)
			return
		}
		defer store.Close()
		options := packfile.WalkOptions{Workers: w.workers, Memory: w.memory, Shallow: w.shallow, Grafts: w.grafts, Decode: w.decode}
		for batch, err := range store.Walk(w.ctx, w.tips, w.known, options) {
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(batch.Value.(*decodedBatch).commits, nil)
			batch.Release()
			if !more {
				return
			}
		}
	}
}

// decodedBatch is what a packfile.Batch holds, decoded. Its own memory is used again with the batch's.
type decodedBatch struct {
	parser  commitParser
	commits []storage.Commit
}

// decode decodes the commits of a batch into its value.
func (w *walk) decode(batch *packfile.Batch) error {
	d, ok := batch.Value.(*decodedBatch)
	if !ok {
		d = &decodedBatch{parser: commitParser{find: w.keys}}
		batch.Value = d
	}
	content := 0
	for i := range batch.Commits {
		content += len(batch.Commits[i].Rest)
	}
	n := len(batch.Commits)
	d.parser.arena.expect(content, n)
	clear(d.commits) // what the last ones referred to is not to be kept
	d.commits = slices.Grow(d.commits[:0], n)[:n]
	for i := range batch.Commits {
		found, c := &batch.Commits[i], &d.commits[i]
		d.parser.parse(c, found.OID, found.Parents, found.Rest)
		c.Shallow = w.shallow[found.OID]
	}
	return nil
}
