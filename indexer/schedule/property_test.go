package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
)

// model drives a schedule at random and knows what must be true of it.
type model struct {
	s       *Schedule
	c       *clock
	limits  Limits
	items   map[storage.RepositoryID]string    // the host by repository, as last set
	running map[storage.RepositoryID]string    // the host by job, as when it was taken
	again   map[storage.RepositoryID]bool      // nudged, and not taken since
	closed  map[storage.RepositoryID]time.Time // throttled until
}

func newModel(t *rapid.T) *model {
	m := &model{
		c: &clock{epoch},
		limits: Limits{
			Total:       rapid.IntRange(1, 6).Draw(t, "total"),
			PerHost:     rapid.IntRange(1, 4).Draw(t, "per host"),
			Interval:    time.Minute,
			MaxInterval: time.Hour,
		},
		items:   make(map[storage.RepositoryID]string),
		running: make(map[storage.RepositoryID]string),
		again:   make(map[storage.RepositoryID]bool),
		closed:  make(map[storage.RepositoryID]time.Time),
	}
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	m.s = New(Options{Limits: m.limits, Now: func() time.Time { return m.c.now }, Rand: random.Float64})
	return m
}

func (m *model) set(t *rapid.T) {
	var items []Item
	named := make(map[storage.RepositoryID]string)
	for id := range storage.RepositoryID(12) {
		if rapid.IntRange(0, 9).Draw(t, "named") < 8 {
			host := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "host")
			seen := m.c.now.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "seen")) * time.Second)
			if rapid.Bool().Draw(t, "new") {
				seen = time.Time{}
			}
			items = append(items, Item{ID: id, Host: host, Seen: seen})
			named[id] = host
		}
	}
	m.items = named
	m.s.Set(items)
	for id := range storage.RepositoryID(12) {
		if _, runs := m.running[id]; named[id] == "" && !runs {
			delete(m.again, id)
			delete(m.closed, id)
		}
	}
}

func (m *model) nudge(t *rapid.T) {
	ids := rapid.SliceOfN(rapid.Map(rapid.Uint32Range(0, 13), func(n uint32) storage.RepositoryID {
		return storage.RepositoryID(n)
	}), 0, 20).Draw(t, "nudged")
	m.s.Nudge(ids...)
	for _, id := range ids {
		_, runs := m.running[id]
		if m.items[id] != "" || runs {
			m.again[id] = true
		}
	}
}

func (m *model) next(t *rapid.T) {
	id, wake, ok := m.s.Next()
	if !ok {
		if !wake.IsZero() && !wake.After(m.c.now) {
			t.Fatalf("nothing to take, and to be asked again at %v, which is not to come", wake)
		}
		return
	}
	if _, twice := m.running[id]; twice {
		t.Fatalf("repository %d runs twice", id)
	}
	if m.items[id] == "" {
		t.Fatalf("repository %d is not in the set", id)
	}
	if m.c.now.Before(m.closed[id]) {
		t.Fatalf("repository %d runs before its host's own time", id)
	}
	m.running[id] = m.items[id]
	delete(m.again, id)
}

func (m *model) done(t *rapid.T) {
	ids := m.runningIDs()
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(t, "done")
	o := Outcome{Changed: m.c.now.Add(-time.Duration(rapid.IntRange(0, 24).Draw(t, "quiet hours")) * time.Hour)}
	delete(m.closed, id)
	if rapid.Bool().Draw(t, "failed") {
		o.Failed = true
		o.RetryAfter = time.Duration(rapid.IntRange(0, 2).Draw(t, "retry")) * time.Minute
		if o.Throttled = rapid.Bool().Draw(t, "throttled"); o.Throttled {
			m.closed[id] = m.c.now.Add(o.RetryAfter)
		}
	}
	delete(m.running, id)
	if m.items[id] == "" {
		delete(m.again, id)
		delete(m.closed, id)
	}
	m.s.Done(id, o)
}

func (m *model) runningIDs() []storage.RepositoryID {
	var ids []storage.RepositoryID
	for id := range m.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// check holds the schedule to its promises and to its own order.
func (m *model) check(t *rapid.T) {
	perHost := make(map[string]int)
	for _, host := range m.running {
		perHost[host]++
	}
	if len(m.running) > m.limits.Total {
		t.Fatalf("%d jobs run, %d may", len(m.running), m.limits.Total)
	}
	for host, n := range perHost {
		if n > m.limits.PerHost {
			t.Fatalf("%d jobs run of host %s, %d may", n, host, m.limits.PerHost)
		}
	}
	st, known := m.s.Stats(), len(m.items)
	for id := range m.running {
		if m.items[id] == "" {
			known++ // dropped, and still running
		}
	}
	if st.Running != len(m.running) || st.Idle+st.BackingOff+st.Queued+st.Running != known {
		t.Fatalf("%+v with %d running of %d", st, len(m.running), known)
	}
	for id := range m.again {
		if it := m.s.items[id]; !it.nudged {
			t.Fatalf("the nudge of repository %d is lost", id)
		}
	}
	if err := m.s.consistent(); err != nil {
		t.Fatal(err)
	}
}

// consistent checks that each item is in one place and that the hosts' turns are what their queues and slots give them.
func (s *Schedule) consistent() error {
	for id, it := range s.items {
		places := 0
		for _, in := range []bool{it.index >= 0, it.place != nil, it.running} {
			if in {
				places++
			}
		}
		if places != 1 || it.index >= 0 && s.waiting[it.index] != it {
			return fmt.Errorf("repository %d: index %d, queued %v, running %v", id, it.index, it.place != nil, it.running)
		}
	}
	for i := 1; i < len(s.waiting); i++ {
		if s.waiting.Less(i, (i-1)/2) {
			return fmt.Errorf("timeline out of order at %d", i)
		}
	}
	turns := [classes]int{}
	for name, h := range s.hosts {
		if h.items == 0 && h.running == 0 {
			return fmt.Errorf("host %s is empty and kept", name)
		}
		for class := range classes {
			may := h.queues[class].Len() > 0 && h.running < s.limits.PerHost
			if may != (h.turns[class] != nil) {
				return fmt.Errorf("host %s, class %d: may run %v, has a turn %v", name, class, may, !may)
			}
			if may {
				turns[class]++
			}
		}
	}
	for class, n := range turns {
		if s.turns[class].Len() != n {
			return fmt.Errorf("class %d: %d turns for %d hosts", class, s.turns[class].Len(), n)
		}
	}
	return nil
}

// drain lets all run on, without failures, until each repository of the set was taken once more.
func (m *model) drain(t *rapid.T) {
	for _, id := range m.runningIDs() {
		m.s.Done(id, Outcome{})
	}
	m.running = make(map[storage.RepositoryID]string)
	missing := make(map[storage.RepositoryID]bool)
	for id := range m.items {
		missing[id] = true
	}
	end := m.c.now.Add(2 * m.limits.MaxInterval)
	for len(missing) > 0 {
		id, wake, ok := m.s.Next()
		switch {
		case ok:
			delete(missing, id)
			m.s.Done(id, Outcome{})
		case wake.IsZero() || wake.After(end):
			t.Fatalf("never taken: %v; next at %v", missing, wake)
		default:
			m.c.now = wake
		}
	}
}

func TestWhateverHappensThePromisesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"":      m.check,
			"set":   m.set,
			"nudge": m.nudge,
			"next":  m.next,
			"more":  m.next,
			"done":  m.done,
			"pass": func(t *rapid.T) {
				m.c.pass(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
			},
		})
		m.drain(t)
	})
}

// TestAFreeSlotIsNeverLeftToADueRepository compares Next with a search of all items.
func TestAFreeSlotIsNeverLeftToADueRepository(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.set(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.c.pass(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "done") {
				m.done(t)
			}
			due := false
			perHost := make(map[string]int)
			for _, host := range m.running {
				perHost[host]++
			}
			for _, it := range m.s.items {
				due = due || !it.running && !it.due.After(m.c.now) && perHost[it.host.name] < m.limits.PerHost
			}
			before := len(m.running)
			m.next(t)
			if took, want := len(m.running) > before, due && before < m.limits.Total; took != want {
				t.Fatalf("took a job: %v, one was due: %v", took, want)
			}
		}
	})
}
