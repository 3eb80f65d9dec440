package mirror

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"

	"keytrail/storage"
)

const (
	walkBatch  = 64 // commits that a worker takes, and hands on, at a time
	walkQueued = 16 // batches that wait for the consumer
)

// objects is the walk through libgit2, which reads whatever git can have made. Workers with handles of their own share one
// frontier; all have ended when the sequence has.
func (w *walk) objects() iter.Seq2[[]storage.Commit, error] {
	return func(yield func([]storage.Commit, error) bool) {
		ctx, cancel := context.WithCancelCause(w.ctx)
		defer cancel(nil)
		f := newFrontier(w.known)
		stop := context.AfterFunc(ctx, f.abandon)
		defer stop()
		if err := f.add(w.tips); err != nil {
			yield(nil, err)
			return
		}
		out := make(chan []storage.Commit, walkQueued)
		var running sync.WaitGroup
		for range w.workers {
			running.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						cancel(&workerPanic{value: p, stack: debug.Stack()})
					}
				}()
				if err := w.work(ctx, f, out); err != nil {
					cancel(err)
				}
			})
		}
		go func() {
			running.Wait()
			close(out)
		}()
		defer func() {
			cancel(nil)
			for range out { // until the workers are gone
			}
		}()
		for batch := range out {
			if !yield(batch, nil) {
				return
			}
		}
		err := context.Cause(ctx)
		if p, ok := err.(*workerPanic); ok {
			panic(p)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// workerPanic carries a worker's panic to the goroutine that asked for the walk, which is the one that can end a job.
type workerPanic struct {
	value any
	stack []byte
}

func (p *workerPanic) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

// work decodes commits of the frontier until there are none.
func (w *walk) work(ctx context.Context, f *frontier, out chan<- []storage.Commit) error {
	var o *objects
	defer func() {
		if o != nil {
			o.close()
		}
	}()
	for {
		oids := f.take(walkBatch)
		if len(oids) == 0 {
			return nil
		}
		if o == nil {
			var err error
			if o, err = openDirs(w.dirs); err != nil {
				return err
			}
		}
		batch := make([]storage.Commit, 0, len(oids))
		var parents []storage.OID
		for _, oid := range oids {
			c, err := o.commit(oid)
			if err != nil {
				return err
			}
			if grafted, isGrafted := w.grafts[oid]; isGrafted {
				c.Parents = grafted
			}
			if c.Shallow = w.shallow[oid]; !c.Shallow {
				parents = append(parents, c.Parents...)
			}
			if w.keys != nil {
				c.Keys = w.keys(nil, c.Message)
			}
			batch = append(batch, c)
		}
		if err := f.add(parents); err != nil {
			return err
		}
		f.done(len(oids))
		select {
		case out <- batch:
		case <-ctx.Done():
			return nil
		}
	}
}

// frontier is the commits that are to be decoded. It is safe for concurrent use.
type frontier struct {
	known func(storage.OID) (bool, error)

	mu        sync.Mutex
	more      sync.Cond
	queue     []storage.OID
	seen      map[storage.OID]struct{}
	open      int // queued, or taken and not done
	abandoned bool
}

func newFrontier(known func(storage.OID) (bool, error)) *frontier {
	f := &frontier{known: known, seen: map[storage.OID]struct{}{}}
	f.more.L = &f.mu
	return f
}

// add queues those of the commits that were not seen before and are not known.
func (f *frontier) add(oids []storage.OID) error {
	fresh := f.markSeen(oids)
	if f.known != nil {
		unknown := fresh[:0]
		for _, oid := range fresh {
			isKnown, err := f.known(oid)
			if err != nil {
				return err
			}
			if !isKnown {
				unknown = append(unknown, oid)
			}
		}
		fresh = unknown
	}
	if len(fresh) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, fresh...)
	f.open += len(fresh)
	f.more.Broadcast()
	return nil
}

func (f *frontier) markSeen(oids []storage.OID) []storage.OID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var fresh []storage.OID
	for _, oid := range oids {
		if _, ok := f.seen[oid]; !ok {
			f.seen[oid] = struct{}{}
			fresh = append(fresh, oid)
		}
	}
	return fresh
}

// take waits for commits and gives up to n of them; none when the walk is over.
func (f *frontier) take(n int) []storage.OID {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) == 0 && f.open > 0 && !f.abandoned {
		f.more.Wait()
	}
	if f.abandoned {
		return nil
	}
	rest := max(0, len(f.queue)-n)
	taken := append([]storage.OID(nil), f.queue[rest:]...)
	f.queue = f.queue[:rest]
	return taken
}

// done tells that n commits that were taken have had their parents added.
func (f *frontier) done(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open -= n; f.open == 0 {
		f.more.Broadcast()
	}
}

// abandon ends the walk.
func (f *frontier) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abandoned = true
	f.more.Broadcast()
}
