package mirror

import (
	"context"
	"sync"
)

// gate lets so many in at once as it has room for.
type gate chan struct{}

// enter waits for room. Who has entered leaves.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

// turn is one user's place behind a gate, which may be given up for a while.
type turn struct {
	gate   gate
	isHeld bool
}

func (t *turn) take(ctx context.Context) error {
	err := t.gate.enter(ctx)
	t.isHeld = err == nil
	return err
}

// give gives the place up if it is held.
func (t *turn) give() {
	if t.isHeld {
		t.isHeld = false
		t.gate.leave()
	}
}

// hosts has a gate for each host, of which there are as many as are configured. It is safe for concurrent use.
type hosts struct {
	most  int // at once behind each gate
	mu    sync.Mutex
	gates map[string]gate
}

func (h *hosts) gate(host string) gate {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.gates[host]
	if g == nil {
		g = make(gate, h.most)
		h.gates[host] = g
	}
	return g
}

// queue lets in one at a time, and has those who wait share a failure instead of meeting it one after the other. It is safe for
// concurrent use.
type queue struct {
	gate gate

	mu       sync.Mutex
	failures int // so many have left with one
	failure  error
}

// enter waits for the turn of the caller, who leaves if there was no error. It fails when somebody did while it waited.
func (q *queue) enter(ctx context.Context) error {
	before, _ := q.failed()
	if err := q.gate.enter(ctx); err != nil {
		return err
	}
	if now, failure := q.failed(); now != before {
		q.gate.leave()
		return failure
	}
	return nil
}

// leave ends the turn that began with enter, with a failure that others shall share, or nil.
func (q *queue) leave(failure error) {
	if failure != nil {
		q.mu.Lock()
		q.failures++
		q.failure = failure
		q.mu.Unlock()
	}
	q.gate.leave()
}

func (q *queue) failed() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failures, q.failure
}
