package packfile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"sync"

	"keytrail/storage"
)

// DefaultMemory is how much memory, in bytes, the batches of a walk take unless WalkOptions says otherwise.
const DefaultMemory = 64 << 20

// WalkOptions of a walk. The zero value is ready for use.
type WalkOptions struct {
	Workers int // goroutines that decode; 0 for one for each processor
	// Memory is how much the contents of all batches may take, in bytes; 0 for DefaultMemory. One commit that is larger
	// than the part of a batch is given all the same, alone.
	Memory int
	// Shallow has the commits whose parents are not there (gitrepository-layout(5), shallow). It is only read.
	Shallow map[storage.OID]bool
	// Grafts gives commits other parents than those that they name (gitrepository-layout(5), info/grafts). It is only read.
	Grafts map[storage.OID][]storage.OID
	// Decode, unless nil, is called once with each batch before it is given, while its bytes are still in the cache of the processor
	// that inflated them: by several goroutines, each with another batch. An error ends the walk.
	Decode func(*Batch) error
}

// sparse is how many commits a walk reads one by one at the least before it sweeps, and sparseShare the part of a pack's objects
// when that is more. To prepare a sweep costs some ten nanoseconds for each object of the packs, which should be
// little beside what was spent until then.
const (
	sparse      = 512
	sparseShare = 1024
)

// Walk gives, once and in no particular order, each commit that the tips reach and known does not know. A commit that is known
// ends the walk there: all that it reaches is taken for known too. known may be nil; it is called from several
// goroutines, and also about commits that turn out not to be reached. Tips are commits, annotated tags are peeled
// by the caller; they may be there twice.
//
// Batches come from workers that run ahead, as far as their memory lasts. There are two more than twice as many as workers: a
// caller that releases none waits for ever, or until the context ends. All workers have ended when the sequence has.
// After an error, which is a *WalkError, what was given is right; to go on in another way, ask what it was.
func (s *Store) Walk(ctx context.Context, tips []storage.OID, known func(storage.OID) (bool, error), o WalkOptions) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		w, err := newWalk(s, known, o)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { s.unpin(w.set) }()
		err = w.start(tips)
		if err == nil {
			err = w.run(ctx, yield)
		}
		if k := (*knownError)(nil); errors.As(err, &k) {
			err = k.error
		}
		if err != nil && err != errStopped {
			yield(nil, &WalkError{err, w})
		}
	}
}

// WalkError is the error of a walk that has begun.
type WalkError struct {
	err  error
	walk *walk
}

// Error is the text of the error.
func (e *WalkError) Error() string { return e.err.Error() }

// Unwrap gives the error itself.
func (e *WalkError) Unwrap() error { return e.err }

// Gave reports whether the walk gave a commit before it failed. It may be asked until the sequence has ended, which is when the
// caller has returned from the error, and by one goroutine.
func (e *WalkError) Gave(oid storage.OID) bool {
	f := e.walk.frontier
	if f == nil {
		return false
	}
	if r := e.walk.resolve(&oid, unseen); r != unseen {
		return f.fields[r.pack()].found.has(r.position())
	}
	return f.places[oid]
}

// errStopped is the end of a walk whose caller wants no more.
var errStopped = errors.New("the walk's caller has stopped it")

// walk is one walk over the packs of a set, in their order there.
type walk struct {
	store    *Store
	set      *set // pinned
	known    func(storage.OID) (bool, error)
	shallow  map[storage.OID]bool
	grafts   map[storage.OID][]storage.OID
	decode   func(*Batch) error // nil: nothing to decode
	workers  int
	share    int // bytes for each batch
	frontier *frontier
	free     chan *Batch
	out      chan *Batch
}

func newWalk(s *Store, known func(storage.OID) (bool, error), o WalkOptions) (*walk, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	batches := 2*o.Workers + 2
	w := &walk{
		store: s, known: known, shallow: o.Shallow, grafts: o.Grafts, decode: o.Decode, workers: o.Workers,
		share: max(o.Memory/batches, 1),
		free:  make(chan *Batch, batches),
		out:   make(chan *Batch, batches),
	}
	for range batches {
		w.free <- &Batch{free: w.free, isFree: true}
	}
	var err error
	w.set, err = s.pin()
	return w, err
}

// start marks the tips. One that is in no pack may be in a pack that came after the Store was opened.
func (w *walk) start(tips []storage.OID) error {
	for {
		refs := make([]ref, len(tips))
		isMissing := false
		for i := range tips {
			refs[i] = w.resolve(&tips[i], unseen)
			isMissing = isMissing || refs[i] == unseen
		}
		if isMissing {
			changed, err := w.store.refresh(w.set)
			if err != nil {
				return err
			}
			if changed {
				if err := w.renew(); err != nil {
					return err
				}
				continue
			}
		}
		return w.mark(tips, refs)
	}
}

// renew goes over to the present files.
func (w *walk) renew() error {
	fresh, err := w.store.pin()
	if err != nil {
		return err
	}
	w.store.unpin(w.set)
	w.set = fresh
	return nil
}

func (w *walk) mark(tips []storage.OID, refs []ref) error {
	w.frontier = newFrontier(w.set.packs, cap(w.free))
	w.frontier.mu.Lock()
	defer w.frontier.mu.Unlock()
	for i := range tips {
		if w.known != nil {
			if isKnown, err := w.known(tips[i]); err != nil {
				return err
			} else if isKnown {
				continue
			}
		}
		w.frontier.mark(refs[i], &tips[i], 0)
	}
	return nil
}

// emit passes a batch on, or takes it back when there is nothing in it.
func (w *walk) emit(b *Batch) error {
	if len(b.Commits) == 0 {
		b.Release()
		return nil
	}
	if w.decode != nil {
		if err := w.decode(b); err != nil {
			return err
		}
	}
	w.out <- b // never blocks: there is room for every batch
	return nil
}

// run reads commits one by one, and sweeps when there are many.
func (w *walk) run(ctx context.Context, yield func(*Batch, error) bool) error {
	d, err := newDecoder(w)
	if err != nil {
		return err
	}
	defer d.close()
	most := sparse
	for _, p := range w.set.packs {
		most = max(most, p.index.count/sparseShare)
	}
	for w.frontier.found < most {
		more, err := w.step(ctx, d)
		if err != nil || !more {
			return err
		}
		select {
		case b := <-w.out:
			if !yield(b, nil) {
				return errStopped
			}
		default: // nothing found in it
		}
	}
	return w.sweep(ctx, yield)
}

// step makes one visit. It reports false when the walk has ended.
func (w *walk) step(ctx context.Context, d *decoder) (bool, error) {
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-w.frontier.over:
		return false, nil
	case b := <-w.free:
		b.reset(w.share)
		if !w.frontier.take(b) {
			b.Release()
			return false, nil
		}
		if err := d.decode(b); err != nil {
			return false, err
		}
		d.closed = w.frontier.finish(d.closed[:0], b)
		for _, b := range d.closed {
			if err := w.emit(b); err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

// sweep has workers make all visits that remain.
func (w *walk) sweep(ctx context.Context, yield func(*Batch, error) bool) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { w.frontier.fail(context.Cause(ctx)) })
	defer stop()
	var running sync.WaitGroup
	for range w.workers {
		running.Go(func() { w.work(ctx) })
	}
	go func() {
		running.Wait()
		close(w.out)
	}()
	defer func() {
		cancel(errStopped)
		for range w.out { // until the workers are gone
		}
	}()
	for b := range w.out {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !yield(b, nil) {
			return errStopped
		}
	}
	err := w.frontier.failure()
	if p, ok := err.(*workerPanic); ok {
		panic(p)
	}
	return err
}

// prepare lays the packs out in chunks, and brings what is marked to its chunk.
func (w *walk) prepare(ctx context.Context) error {
	f := w.frontier
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fl := range f.fields {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		if fl.layout, err = newLayout(fl.pack); err != nil {
			return err
		}
		fl.pending = make([]int32, fl.layout.chunks())
		fl.busy = make([]bool, fl.layout.chunks())
	}
	f.sweep = true
	marked := f.list
	f.list = nil
	for _, r := range marked {
		if r.pack() == outside {
			f.list = append(f.list, r)
			continue
		}
		fl := f.fields[r.pack()]
		fl.pending[chunkOf(fl.pack.index.offset(r.position()))]++
		fl.open++
	}
	return nil
}

// work makes visits until there are none. Its errors end the walk.
func (w *walk) work(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			w.frontier.fail(&workerPanic{p, debug.Stack()})
		}
	}()
	d, err := newDecoder(w)
	if err != nil {
		w.frontier.fail(err)
		return
	}
	defer d.close()
	for more := true; more && err == nil; {
		more, err = w.step(ctx, d)
	}
	if err != nil {
		w.frontier.fail(err)
	}
}

// workerPanic carries a worker's panic to the goroutine that asked for the walk.
type workerPanic struct {
	value any
	stack []byte
}

func (p *workerPanic) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }
