package hostapi

import (
	"container/list"
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// lane is how soon a request gets its turn.
type lane int

const (
	foreground lane = iota // somebody waits for it: a discovery, a person, a token without which nothing else can be asked
	background             // it can wait
	lanes
)

// burst is how many foreground requests may go in a row while a background one waits, so that those never starve: of every burst+1
// requests one is theirs.
const burst = 7

// turns lets requests go at a rate, those in the foreground first. Within a lane they go as they came. Of those that wait one leads: it
// waits for the time of the next request, and only then it is decided whose that is.
type turns struct {
	limiter *rate.Limiter

	mu      sync.Mutex
	waiting [lanes]list.List // of *waiter
	isLed   bool
	streak  int // foreground requests since a background one, or since none waited
}

// waiter is a request that waits for its turn.
type waiter struct {
	lane  lane
	place *list.Element
	told  chan role // holds one
}

// role is what a waiter is to do.
type role int

const (
	leads role = iota
	goes
)

func newTurns(perSecond float64) *turns {
	return &turns{limiter: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))}
}

// wait returns when a request of a lane may go.
func (t *turns) wait(ctx context.Context, l lane) error {
	me := t.join(l)
	select {
	case r := <-me.told:
		if r == goes {
			return nil
		}
	case <-ctx.Done():
		t.leave(me)
		return ctx.Err()
	}
	for {
		if err := t.limiter.Wait(ctx); err != nil {
			t.resign(me)
			return err
		}
		if t.next() == me {
			t.resign(me)
			return nil
		}
	}
}

// join begins to wait, and to lead if nobody does.
func (t *turns) join(l lane) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &waiter{lane: l, told: make(chan role, 1)}
	w.place = t.waiting[l].PushBack(w)
	if !t.isLed {
		t.lead()
	}
	return w
}

// next gives the turn to the one whose it is.
func (t *turns) next() *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	urgent, patient := &t.waiting[foreground], &t.waiting[background]
	queue := urgent
	switch {
	case patient.Len() == 0:
		t.streak = 0
	case urgent.Len() == 0 || t.streak >= burst:
		queue, t.streak = patient, 0
	default:
		t.streak++
	}
	w := queue.Front().Value.(*waiter) // the one that leads waits too, so there is one
	t.remove(w)
	w.told <- goes
	return w
}

// resign lets another lead, and waits no more.
func (t *turns) resign(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(w)
	t.lead()
}

// leave waits no more. What a waiter was told meanwhile it does not do.
func (t *turns) leave(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(w)
	select {
	case r := <-w.told:
		if r == leads {
			t.lead()
		}
	default:
	}
}

// lead has the next one lead, if any waits.
func (t *turns) lead() {
	t.isLed = false
	for l := range t.waiting {
		if first := t.waiting[l].Front(); first != nil {
			first.Value.(*waiter).told <- leads
			t.isLed = true
			return
		}
	}
}

// remove takes a waiter out of its queue, if it is there.
func (t *turns) remove(w *waiter) { t.waiting[w.lane].Remove(w.place) }
