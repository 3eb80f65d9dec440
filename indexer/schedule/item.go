package schedule

import (
	"container/heap"
	"container/list"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keytrail/storage"
)

// item is a repository and where it stands: in the timeline (index), in its host's queue (place), or running.
type item struct {
	id        storage.RepositoryID
	host      *host
	changed   time.Time
	due       time.Time
	notBefore time.Time                   // a host's own wish; nudges keep to it
	nudged    bool                        // the next run was asked for
	backoff   *backoff.ExponentialBackOff // nil after a success

	index   int           // in the timeline; -1 elsewhere
	place   *list.Element // in the host's queue; nil elsewhere
	running bool
	slot    *host // whose slot the running job holds, which the host may no longer be
	gone    bool  // dropped while it ran
}

// class is the queue that it belongs into.
func (it *item) class() int {
	if it.nudged {
		return nudged
	}
	return routine
}

// add takes in a repository that was not known.
func (s *Schedule) add(in Item, now time.Time) {
	it := &item{id: in.ID, host: s.host(in.Host), changed: in.Changed, due: now, index: -1}
	it.host.items++
	s.items[in.ID] = it
	if !in.Seen.IsZero() {
		it.due = in.Seen.Add(s.limits.interval(now, in.Changed))
		// A look in times to come means that the clock was set back, and is no reason to wait.
		if it.due.Before(now) || in.Seen.After(now) {
			it.due = now.Add(s.part(s.limits.Interval))
		}
	}
	s.enqueue(it, now)
}

// move puts a known repository under another host.
func (s *Schedule) move(it *item, name string, now time.Time) {
	if it.host.name == name {
		return
	}
	s.withdraw(it)
	old := it.host
	it.host = s.host(name)
	it.host.items++
	old.items--
	s.settle(old)
	if !it.running {
		s.enqueue(it, now)
	}
}

// remove drops a repository, at the end of its job if one runs.
func (s *Schedule) remove(it *item) {
	if it.running {
		it.gone = true
		return
	}
	s.withdraw(it)
	it.host.items--
	s.settle(it.host)
	delete(s.items, it.id)
}

// enqueue puts an item that is nowhere into the timeline or, when it is due, at the end of its host's queue.
func (s *Schedule) enqueue(it *item, now time.Time) {
	if it.due.After(now) {
		heap.Push(&s.waiting, it)
		return
	}
	it.place = it.host.queues[it.class()].PushBack(it)
	s.settle(it.host)
}

// withdraw takes an item out of the timeline or the queue that it is in.
func (s *Schedule) withdraw(it *item) {
	if it.index >= 0 {
		heap.Remove(&s.waiting, it.index)
	}
	if it.place != nil {
		it.host.queues[it.class()].Remove(it.place)
		it.place = nil
		s.settle(it.host)
	}
}

// settleOutcome sets an item's next time by how its look went.
func (s *Schedule) settleOutcome(it *item, now time.Time, o Outcome) {
	it.changed = later(it.changed, o.Changed)
	it.notBefore = time.Time{}
	var wait time.Duration
	switch {
	case !o.Failed:
		it.backoff = nil
		wait = s.limits.interval(now, it.changed)
		wait -= s.part(wait / 10) // so that what once fell together drifts apart
	case o.RetryAfter > 0:
		it.failed()
		wait = o.RetryAfter + s.part(o.RetryAfter/10) // later, never before
		if o.Throttled {
			it.notBefore = now.Add(wait)
		}
	default:
		wait = it.failed().NextBackOff()
		wait = wait/2 + s.part(wait)
	}
	it.due = now.Add(wait)
	if it.nudged {
		it.due = later(now, it.notBefore)
	}
}

// failed gives the back-off of an item's present row of failures: 10 s, doubled up to 10 min. The caller makes each shorter
// or longer by up to a half, from the schedule's own random numbers rather than the library's: 5 s at the least, 15 min at
// the most.
func (it *item) failed() *backoff.ExponentialBackOff {
	if it.backoff == nil {
		it.backoff = &backoff.ExponentialBackOff{
			InitialInterval: 10 * time.Second,
			Multiplier:      2,
			MaxInterval:     10 * time.Minute,
		}
	}
	return it.backoff
}

// interval is how long to wait between looks at a repository that last changed at changed; zero is not known.
func (l Limits) interval(now, changed time.Time) time.Duration {
	if changed.IsZero() {
		return l.Interval
	}
	return max(l.Interval, min(now.Sub(changed)/4, l.MaxInterval))
}

// timeline is a heap of items, the earliest due on top.
type timeline []*item

func (t timeline) Len() int           { return len(t) }
func (t timeline) Less(i, j int) bool { return t[i].due.Before(t[j].due) }

func (t timeline) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

func (t *timeline) Push(x any) {
	it := x.(*item)
	it.index = len(*t)
	*t = append(*t, it)
}

func (t *timeline) Pop() any {
	last := len(*t) - 1
	it := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	it.index = -1
	return it
}
