package daemon

import (
	"sync"
	"time"

	"keytrail/indexer/host"
)

// attempts is how the requests to an integration's host go while somebody waits for them: a host that fails is asked again, for some
// time in which there would be nothing to see. The zero value is ready. Its methods are safe for concurrent use.
type attempts struct {
	mu    sync.Mutex
	at    time.Time   // of the last request's end
	err   error       // of the last request
	watch func(error) // is told of each that fails; nil tells nobody
}

// note takes what became of a request.
func (a *attempts) note(c host.Call) {
	if c.InBackground {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.err = time.Now(), c.Err
	if c.Err != nil && a.watch != nil {
		a.watch(c.Err)
	}
}

// tell has f called with each failure from now on, one at a time.
func (a *attempts) tell(f func(error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watch = f
}

// failureSince gives why the last request failed, nil when it did not or when it ended before a time.
func (a *attempts) failureSince(begin time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.Before(begin) {
		return nil
	}
	return a.err
}
