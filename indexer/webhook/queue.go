package webhook

import (
	"cmp"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"keytrail/indexer/host"
	"keytrail/storage"
)

// The bounds of what is kept. What they leave out costs a look or a discovery too many, or waits for the interval; nothing is lost.
const (
	maxSeen      = 10_000                 // deliveries that would be known again
	maxStrangers = 10_000                 // of one integration
	pullSpacing  = 2 * time.Second        // of readings of one repository's pull requests
	sweepStep    = 100 * time.Millisecond // from one portion of a sweep to the next
	sweepPortion = 10                     // repositories
)

// queue is what is to be done. There is no more of it than there are repositories and integrations, whatever arrives.
type queue struct {
	index   Index
	spacing time.Duration
	strange complaints    // of deliveries to nobody
	wake    chan struct{} // holds one when there is something new

	mu     sync.Mutex
	byName map[string]*account
	jobs   map[storage.RepositoryID]*job
	seen   map[[sha256.Size]byte]time.Time // until when a delivery is known again
	table  *table
}

// account is an integration and what is to be done for it.
type account struct {
	Integration
	complaints *complaints
	*tasks
}

// tasks are of an integration as a whole. queue.mu guards them.
type tasks struct {
	discovery spaced
	sweep     spaced                 // looks at all repositories
	left      []storage.RepositoryID // of the sweep under way
	step      time.Time              // when it goes on
	strangers map[string]stranger
}

// job is what is to be done for a repository.
type job struct {
	look, pulls spaced
	announced   time.Time // the oldest change that the look is for
}

// spaced is something that is done once however often it is asked for, and not sooner after the last time than its spacing.
type spaced struct {
	due  time.Time // zero: not asked for
	free time.Time // not before
}

func (s *spaced) ask(at time.Time) {
	if s.free.After(at) {
		at = s.free
	}
	if s.due.IsZero() || at.Before(s.due) {
		s.due = at
	}
}

// take tells whether it is to be done now.
func (s *spaced) take(now time.Time, spacing time.Duration) bool {
	if s.due.IsZero() || s.due.After(now) {
		return false
	}
	s.due, s.free = time.Time{}, now.Add(spacing)
	return true
}

// isIdle tells that nothing is left to be remembered.
func (s *spaced) isIdle(now time.Time) bool { return s.due.IsZero() && !s.free.After(now) }

func newQueue(index Index, spacing time.Duration) *queue {
	return &queue{
		index: index, spacing: spacing, wake: make(chan struct{}, 1),
		jobs: map[storage.RepositoryID]*job{}, seen: map[[sha256.Size]byte]time.Time{},
	}
}

func (q *queue) set(integrations []Integration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	former := q.byName
	q.byName = make(map[string]*account, len(integrations))
	for _, in := range integrations {
		a := &account{Integration: in, complaints: &complaints{}, tasks: &tasks{strangers: map[string]stranger{}}}
		if f := former[in.Name]; f != nil {
			a.tasks = f.tasks
		}
		q.byName[in.Name] = a
	}
}

// account gives the one of a name that a URL holds; nil when there is none.
func (q *queue) account(name string) *account {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.byName[name]
}

// accounts gives all, by name.
func (q *queue) accounts() []*account {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.SortedFunc(maps.Values(q.byName), func(a, b *account) int { return strings.Compare(a.Name, b.Name) })
}

// note notes what is to be done for an event, and gives the outcome of its delivery.
func (q *queue) note(a *account, e host.Event, d [sha256.Size]byte, now time.Time) (outcome string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, isReplay := q.first(d, now)
	isUseful := len(e.Subjects) == 0
	switch {
	case !isUseful:
	case e.Kind == host.EventPush || e.Kind == host.EventPullRequest:
		a.sweep.ask(at)
	default:
		a.discovery.ask(at)
	}
	known := q.names(a.Name)
	for _, s := range e.Subjects {
		isUseful = q.noteSubject(a, known, subjectOf(s), e.Kind, at) || isUseful
	}
	q.alert()
	switch {
	case !isUseful:
		return outcomeUnknown
	case isReplay:
		return outcomeDuplicate
	}
	return outcomeAccepted
}

// first gives when a delivery is to be worked on: at once when it has not been seen before, else when its time is over.
func (q *queue) first(d [sha256.Size]byte, now time.Time) (at time.Time, isReplay bool) {
	if d == [sha256.Size]byte{} {
		return now, false
	}
	if until := q.seen[d]; until.After(now) {
		return until, true
	}
	if len(q.seen) >= maxSeen {
		maps.DeleteFunc(q.seen, func(_ [sha256.Size]byte, until time.Time) bool { return !until.After(now) })
	}
	if len(q.seen) >= maxSeen {
		clear(q.seen)
	}
	q.seen[d] = now.Add(replayWindow)
	return now, false
}

// noteSubject notes what is to be done for a repository, and tells whether that is anything.
func (q *queue) noteSubject(a *account, known *names, s subject, kind host.EventKind, at time.Time) bool {
	ids, isSure := known.find(s)
	if kind == host.EventDeleted {
		if len(ids) > 0 {
			a.discovery.ask(at)
		}
		return len(ids) > 0
	}
	for _, id := range ids {
		q.ask(a, id, kind, at)
	}
	if isSure && kind != host.EventRenamed {
		return true
	}
	if a.Name == "" { // repositories named one by one are not discovered
		return len(ids) > 0
	}
	isNew := a.await(s, kind, at)
	if isNew {
		a.discovery.ask(at)
	}
	return isNew || len(ids) > 0
}

// ask has a repository looked at, its pull requests, or both.
func (q *queue) ask(a *account, id storage.RepositoryID, kind host.EventKind, at time.Time) {
	j := q.jobs[id]
	if j == nil {
		j = &job{}
		q.jobs[id] = j
	}
	if kind == host.EventPullRequest {
		j.pulls.ask(at)
		if !a.HasPullRefs {
			return
		}
	}
	if j.look.due.IsZero() || at.Before(j.announced) {
		j.announced = at
	}
	j.look.ask(at)
}

// names gives what an integration's repositories are called now.
func (q *queue) names(integration string) *names {
	if q.table == nil || q.table.generation != q.index.Generation() {
		q.table = newTable(q.index.Registered())
	}
	return q.table.of[integration]
}

// due is what is to be done now.
type due struct {
	looks       []look
	pulls       []storage.RepositoryID
	discoveries []string
}

type look struct {
	id        storage.RepositoryID
	announced time.Time
}

// take gives what is to be done now, and when there is more; zero when only a delivery changes that.
func (q *queue) take(now time.Time) (d due, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	soonest := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for name, a := range q.byName {
		q.sweep(a, now)
		if a.discovery.take(now, discoverEvery) && name != "" { // repositories named one by one are not discovered
			d.discoveries = append(d.discoveries, name)
		}
		soonest(a.discovery.due)
		if len(a.left) > 0 {
			soonest(a.step)
		} else {
			soonest(a.sweep.due)
		}
	}
	for id, j := range q.jobs {
		if j.look.take(now, q.spacing) {
			d.looks = append(d.looks, look{id, j.announced})
		}
		if j.pulls.take(now, pullSpacing) {
			d.pulls = append(d.pulls, id)
		}
		soonest(j.look.due)
		soonest(j.pulls.due)
		if j.look.isIdle(now) && j.pulls.isIdle(now) {
			delete(q.jobs, id)
		}
	}
	slices.SortFunc(d.looks, func(a, b look) int {
		return cmp.Or(a.announced.Compare(b.announced), cmp.Compare(a.id, b.id))
	})
	return d, next
}

// sweep goes on with the looks at all repositories of an integration, a portion at a time, so that other work is not held up. One
// that is asked for meanwhile follows it.
func (q *queue) sweep(a *account, now time.Time) {
	if len(a.left) == 0 && a.sweep.take(now, replayWindow) {
		if known := q.names(a.Name); known != nil {
			a.left, a.step = slices.Clone(known.all), now
		}
	}
	if len(a.left) == 0 || a.step.After(now) {
		return
	}
	portion := a.left[:min(sweepPortion, len(a.left))]
	for _, id := range portion {
		q.ask(a, id, host.EventPush, now)
	}
	a.left, a.step = a.left[len(portion):], now.Add(sweepStep)
}

// alert has wait return.
func (q *queue) alert() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// wait returns true at an instant, unless that is zero, or when there is something new, and false when ctx ends.
func (q *queue) wait(ctx context.Context, until time.Time, now func() time.Time) bool {
	var reached <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(until.Sub(now()))
		defer timer.Stop()
		reached = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-q.wake:
	case <-reached:
	}
	return true
}
