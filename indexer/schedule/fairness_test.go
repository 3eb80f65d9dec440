package schedule

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"keytrail/storage"
)

// job is a look that ends.
type job struct {
	ends time.Time
	id   storage.RepositoryID
}

type jobs []job

func (j jobs) Len() int           { return len(j) }
func (j jobs) Less(a, b int) bool { return j[a].ends.Before(j[b].ends) }
func (j jobs) Swap(a, b int)      { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)        { *j = append(*j, x.(job)) }
func (j *jobs) Pop() any {
	last := (*j)[len(*j)-1]
	*j = (*j)[:len(*j)-1]
	return last
}

// world is repositories on hosts, of which some hang until they are given up.
type world struct {
	s       *Schedule
	c       *clock
	random  *rand.Rand
	hangs   []bool
	success []time.Time // by repository
	took    []int       // looks by repository
	running jobs
}

const (
	stall    = time.Minute // after which a look that hangs is given up
	interval = 5 * time.Minute
)

// newWorld has n repositories on 20 hosts and one more; of every 200 one hangs where it is, about, and another is on the
// last host, which hangs as a whole.
func newWorld(n int) *world {
	w := &world{
		c: &clock{epoch}, random: rand.New(rand.NewPCG(1, 2)),
		hangs: make([]bool, n), success: make([]time.Time, n), took: make([]int, n),
	}
	w.s = New(Options{
		Limits: Limits{Total: 48, PerHost: 4, Interval: interval, MaxInterval: interval},
		Now:    func() time.Time { return w.c.now },
		Rand:   w.random.Float64,
	})
	items := make([]Item, n)
	for i := range items {
		host := fmt.Sprint("host", i%20)
		if i%200 == 7 {
			host = "hung"
		}
		w.hangs[i] = i%200 == 7 || i%201 == 102
		items[i] = Item{ID: storage.RepositoryID(i), Host: host}
		w.success[i] = w.c.now
	}
	w.s.Set(items)
	return w
}

// run lets the world go on until end, and calls each after every minute.
func (w *world) run(end time.Time, each func()) {
	minute := w.c.now.Add(time.Minute)
	for w.c.now.Before(end) {
		id, wake, ok := w.s.Next()
		if ok {
			took := time.Duration(100+w.random.IntN(800)) * time.Millisecond
			if w.hangs[id] {
				took = stall
			}
			heap.Push(&w.running, job{w.c.now.Add(took), id})
			continue
		}
		next := minute
		if !wake.IsZero() && wake.Before(next) {
			next = wake
		}
		if len(w.running) > 0 && w.running[0].ends.Before(next) {
			next = w.running[0].ends
		}
		w.c.now = next
		for len(w.running) > 0 && !w.running[0].ends.After(w.c.now) {
			w.end(heap.Pop(&w.running).(job).id)
		}
		if !w.c.now.Before(minute) {
			each()
			minute = minute.Add(time.Minute)
		}
	}
}

func (w *world) end(id storage.RepositoryID) {
	w.took[id]++
	if !w.hangs[id] {
		w.success[id] = w.c.now
	}
	w.s.Done(id, Outcome{Failed: w.hangs[id]})
}

// TestTenThousandRepositoriesStayFresh is a day of 10,000 repositories, of which one in a hundred hangs, half of them on a host
// that does nothing else: the staleness of all others, seen every minute, is at most twice the interval for 99 of 100, and
// never four times. With the race detector, which makes it slow, it is an hour.
func TestTenThousandRepositoriesStayFresh(t *testing.T) {
	day := 24 * time.Hour
	if raceEnabled {
		day = time.Hour
	}
	w := newWorld(10_000)
	var seconds [4 * 300]int // samples by staleness
	samples, most := 0, time.Duration(0)
	w.run(epoch.Add(day), func() {
		if w.c.now.Sub(epoch) < 2*interval {
			return // the first looks
		}
		for id, at := range w.success {
			if w.hangs[id] {
				continue
			}
			stale := w.c.now.Sub(at)
			most = max(most, stale)
			seconds[min(int(stale.Seconds()), len(seconds)-1)]++
			samples++
		}
	})
	p99, seen := 0, 0
	for seen < samples*99/100 {
		seen += seconds[p99]
		p99++
	}
	var sum, squares float64
	for id, n := range w.took {
		if !w.hangs[id] {
			sum += float64(n)
			squares += float64(n) * float64(n)
		}
	}
	jain := sum * sum / (float64(len(w.took)) * 0.99 * squares)
	t.Logf("%v: %.0f looks, staleness p99 %d s, most %v, Jain's index of looks %.4f", day, sum, p99, most, jain)
	if p99 > int(2*interval.Seconds()) || most > 4*interval || jain < 0.95 {
		t.Errorf("staleness p99 %d s, most %v, Jain's index %.4f", p99, most, jain)
	}
	for id, n := range w.took {
		if n == 0 {
			t.Errorf("repository %d was never looked at", id)
		}
	}
}

// TestARecoveryDoesNotStampede ends a six-hour outage of everything: while it lasts each repository is tried at the pace of its
// back-off, and no minute after it has over twice the looks of the mean one.
func TestARecoveryDoesNotStampede(t *testing.T) {
	const n = 1000
	w := newWorld(n)
	w.s.SetLimits(Limits{Total: n, PerHost: n, Interval: interval, MaxInterval: interval})
	healthy := w.hangs
	w.hangs = make([]bool, n)
	for i := range w.hangs {
		w.hangs[i] = true
	}
	w.run(epoch.Add(6*time.Hour), func() {})
	for id, tries := range w.took {
		if tries > 6*60/5+10 {
			t.Fatalf("repository %d was tried %d times", id, tries)
		}
	}
	copy(w.hangs, healthy)
	var perMinute []int
	total := func() (sum int) {
		for _, n := range w.took {
			sum += n
		}
		return sum
	}
	before := total()
	w.run(epoch.Add(7*time.Hour), func() {
		now := total()
		perMinute = append(perMinute, now-before)
		before = now
	})
	sum, peak := 0, 0
	for _, n := range perMinute {
		sum += n
		peak = max(peak, n)
	}
	if mean := sum / len(perMinute); peak > 2*mean {
		t.Errorf("peak %d, mean %d: %v", peak, mean, perMinute)
	}
}

func BenchmarkNextAndDone(b *testing.B) {
	w := newWorld(10_000)
	for b.Loop() {
		id, wake, ok := w.s.Next()
		if ok {
			w.s.Done(id, Outcome{})
		} else {
			w.c.now = wake
		}
	}
}

// BenchmarkNextOfAHostAtItsCap has 10,000 repositories due, none of which may run.
func BenchmarkNextOfAHostAtItsCap(b *testing.B) {
	items := make([]Item, 10_000)
	for i := range items {
		items[i] = Item{ID: storage.RepositoryID(i), Host: "a"}
	}
	s, _ := start(limits(2, 1))
	s.Set(items)
	s.Next()
	for b.Loop() {
		if _, _, ok := s.Next(); ok {
			b.Fatal("over the cap")
		}
	}
}
