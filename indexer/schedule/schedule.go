// Package schedule decides which repository is looked at next. It does no I/O and starts nothing: workers ask
// [Schedule.Take] for a repository, look at it, and report with [Schedule.Done].
//
// The promises:
//
//   - One job per repository at a time, at most Total jobs in all and PerHost of one host.
//   - Hosts take turns. A host that is slow or hangs holds no more than its own share, and its queue is nobody else's wait.
//   - A repository that was never looked at is due at once, in the order given. Later looks come after Interval, or after a
//     quarter of the time since the repository last changed where that is longer, up to MaxInterval; what is overdue when it
//     is first heard of, as after a restart, is spread over one interval.
//   - A nudge makes a repository due at once and goes before looks that nobody asked for. Nudges of one repository join: however
//     many come, at most one run is queued, and those that come during a run make one more. So that a storm of them cannot
//     starve the rest, every eighth job is a routine one where any waits.
//   - A failed look is tried again with exponential back-off, or when the caller says. A success forgets the failures.
//
// Finding the next job costs O(log n) of the number of repositories: those that wait for their time are in one heap, those
// whose time has come are in a queue of their host, and only hosts that have a queue and a free slot are asked.
package schedule

import (
	"container/heap"
	"container/list"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"keytrail/storage"
)

// Limits bounds how much and how often. All are positive, and MaxInterval is at least Interval.
type Limits struct {
	Total       int           // jobs at a time
	PerHost     int           // jobs at a time of one host
	Interval    time.Duration // between looks at a repository that changes
	MaxInterval time.Duration // between looks at a quiet one
}

// Options are what a schedule is made of.
type Options struct {
	Limits
	Now  func() time.Time // nil: time.Now
	Rand func() float64   // in [0,1), for spreading; nil: math/rand/v2
}

// Item is a repository to be scheduled.
type Item struct {
	ID      storage.RepositoryID
	Host    string    // what PerHost counts by
	Seen    time.Time // the last successful look; zero: never
	Changed time.Time // when its refs last changed; zero: not known
}

// Outcome is how a look went.
type Outcome struct {
	Changed    time.Time     // when the refs last changed; zero: as known before
	Failed     bool          // the rest is of failures
	RetryAfter time.Duration // zero: exponential back-off, from 5 s to 15 min
	Throttled  bool          // the host itself asked for RetryAfter, so a nudge does not cut it short
}

// Stats counts the repositories by where they stand; each is counted once.
type Stats struct {
	Idle       int // waiting for the next look
	BackingOff int // waiting after a failure
	Queued     int // due
	Running    int
}

// Schedule holds the repositories. It is safe for concurrent use.
type Schedule struct {
	now    func() time.Time
	random func() float64

	mu      sync.Mutex
	limits  Limits
	items   map[storage.RepositoryID]*item
	hosts   map[string]*host
	waiting timeline           // items whose time has not come
	turns   [classes]list.List // of *host: those with a queue of the class and a free slot, in the order of their turns
	streak  int                // nudged jobs since the last routine one
	running int
	changed chan struct{} // closed, and replaced, when there may be something to take
}

// New makes an empty schedule.
func New(o Options) *Schedule {
	s := &Schedule{
		now:     o.Now,
		random:  o.Rand,
		limits:  o.Limits,
		items:   make(map[storage.RepositoryID]*item),
		hosts:   make(map[string]*host),
		changed: make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.random == nil {
		s.random = rand.Float64
	}
	return s
}

// Set replaces the set of repositories. Those known already keep their state, though their host may change; those no longer
// named are dropped, and a job that runs for one of them is let run.
func (s *Schedule) Set(items []Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	named := make(map[storage.RepositoryID]bool, len(items))
	for _, in := range items {
		named[in.ID] = true
		if it, known := s.items[in.ID]; known {
			it.gone = false
			s.move(it, in.Host, now)
			continue
		}
		s.add(in, now)
	}
	for id, it := range s.items {
		if !named[id] {
			s.remove(it)
		}
	}
	s.wake()
}

// SetLimits replaces the limits. Jobs that run over a lowered one are let run; a repository whose next look the new intervals
// would have set earlier is looked at within one of them.
func (s *Schedule) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
	now := s.now()
	for _, it := range s.waiting {
		if wait := l.interval(now, it.changed); it.backoff == nil && it.due.Sub(now) > wait {
			it.due = now.Add(s.part(wait))
		}
	}
	heap.Init(&s.waiting)
	for _, h := range s.hosts {
		s.settle(h)
	}
	s.wake()
}

// Nudge makes the repositories due at once, in the order given. Unknown ones are ignored.
func (s *Schedule) Nudge(ids ...storage.RepositoryID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, id := range ids {
		it, known := s.items[id]
		if !known || it.nudged {
			continue
		}
		if it.running {
			it.nudged = true
			continue
		}
		s.withdraw(it)
		it.nudged = true
		it.due = later(now, it.notBefore)
		s.enqueue(it, now)
	}
	s.wake()
}

// Next takes the next job that may run now, if there is one. If there is none, wake is when the passing of time may change
// that; it is zero when only another call can.
func (s *Schedule) Next() (id storage.RepositoryID, wake time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next(s.now())
}

// Take waits for the next job and takes it. Its error is the context's.
func (s *Schedule) Take(ctx context.Context) (storage.RepositoryID, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mu.Lock()
		now := s.now()
		id, wake, ok := s.next(now)
		changed := s.changed
		s.mu.Unlock()
		if ok {
			return id, nil
		}
		wait(ctx, changed, now, wake)
	}
}

// wait returns when something changed, at the time wake unless that is zero, or when ctx ends.
func wait(ctx context.Context, changed <-chan struct{}, now, wake time.Time) {
	var due <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(wake.Sub(now))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-due:
	}
}

// Done ends the job of a repository that was taken, and sets its next. Without such a job it does nothing.
func (s *Schedule) Done(id storage.RepositoryID, o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, known := s.items[id]
	if !known || !it.running {
		return
	}
	it.running = false
	s.running--
	slot := it.slot
	it.slot = nil
	slot.running--
	if it.gone {
		s.remove(it)
	} else {
		now := s.now()
		s.settleOutcome(it, now, o)
		s.enqueue(it, now)
	}
	s.settle(slot)
	s.wake()
}

// Stats counts the repositories.
func (s *Schedule) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Running: s.running}
	for _, it := range s.waiting {
		if it.backoff != nil {
			st.BackingOff++
		} else {
			st.Idle++
		}
	}
	st.Queued = len(s.items) - len(s.waiting) - s.running
	return st
}

// next is Next, with the lock held.
func (s *Schedule) next(now time.Time) (id storage.RepositoryID, wake time.Time, ok bool) {
	for len(s.waiting) > 0 && !s.waiting[0].due.After(now) {
		s.enqueue(heap.Pop(&s.waiting).(*item), now)
	}
	if it := s.pick(); it != nil {
		return it.id, time.Time{}, true
	}
	// Before its time, an item changes nothing while all slots are taken.
	if len(s.waiting) > 0 && s.running < s.limits.Total {
		wake = s.waiting[0].due
	}
	return 0, wake, false
}

// wake lets every Take look again.
func (s *Schedule) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// part gives a random part of d.
func (s *Schedule) part(d time.Duration) time.Duration {
	return time.Duration(s.random() * float64(d))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
