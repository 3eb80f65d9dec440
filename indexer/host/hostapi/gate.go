package hostapi

import (
	"context"
	"sync"
	"time"

	"keytrail/indexer/host"
)

// gate keeps requests back until the time that a host asked for.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// close keeps the gate closed until a time, or longer if it is already.
func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
}

// isOpen tells that the host asks for no wait.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.until.After(time.Now())
}

// wait returns when the gate is open. Where that takes longer than most it is ErrThrottled at once.
func (g *gate) wait(ctx context.Context, most time.Duration) error {
	for {
		g.mu.Lock()
		until := g.until
		g.mu.Unlock()
		left := time.Until(until)
		switch {
		case left <= 0:
			return ctx.Err()
		case left > most:
			e := host.Problem(host.ErrThrottled, "the host limits requests: it is asked again at %s", until.UTC().Format(time.RFC3339))
			e.Until = until
			return e
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
