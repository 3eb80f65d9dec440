package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"keytrail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is a time that passes when it is told to.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// start makes a schedule of limits 2 and 1, unless changed, at the epoch, whose random numbers are all 0.
func start(change ...func(*Options)) (*Schedule, *clock) {
	c := &clock{epoch}
	o := Options{
		Limits: Limits{Total: 2, PerHost: 1, Interval: time.Minute, MaxInterval: time.Hour},
		Now:    func() time.Time { return c.now },
		Rand:   func() float64 { return 0 },
	}
	for _, f := range change {
		f(&o)
	}
	return New(o), c
}

func limits(total, perHost int) func(*Options) {
	return func(o *Options) { o.Total, o.PerHost = total, perHost }
}

// on makes items of one host that were never looked at.
func on(host string, ids ...storage.RepositoryID) []Item {
	items := make([]Item, len(ids))
	for i, id := range ids {
		items[i] = Item{ID: id, Host: host}
	}
	return items
}

// take takes all jobs that may run now.
func take(s *Schedule) []storage.RepositoryID {
	var ids []storage.RepositoryID
	for {
		id, _, ok := s.Next()
		if !ok {
			return ids
		}
		ids = append(ids, id)
	}
}

func wantTaken(t *testing.T, s *Schedule, want ...storage.RepositoryID) {
	t.Helper()
	if got := take(s); !slices.Equal(got, want) {
		t.Fatalf("took %v, want %v", got, want)
	}
}

// wantNext reports an error unless the schedule has nothing before d from now, and then id.
func wantNext(t *testing.T, s *Schedule, c *clock, d time.Duration, id storage.RepositoryID) {
	t.Helper()
	got, wake, ok := s.Next()
	if ok || wake.Sub(c.now) != d {
		t.Fatalf("Next: %d, %v, waits %v, want to wait %v", got, ok, wake.Sub(c.now), d)
	}
	c.pass(d)
	wantTaken(t, s, id)
}

func TestNeverLookedAtGoAtOnceInTheOrderGiven(t *testing.T) {
	s, _ := start(limits(9, 9))
	s.Set(on("a", 5, 3, 9))
	wantTaken(t, s, 5, 3, 9)
	if _, wake, ok := s.Next(); ok || !wake.IsZero() {
		t.Errorf("with all running: %v, %v", wake, ok)
	}
}

func TestHostsTakeTurnsWithinTheCaps(t *testing.T) {
	s, _ := start(limits(4, 2))
	s.Set(slices.Concat(on("a", 1, 2, 3, 4), on("b", 5), on("c", 6)))
	wantTaken(t, s, 1, 5, 6, 2)
	s.Done(5, Outcome{})
	wantTaken(t, s) // a has its two
	s.Done(1, Outcome{})
	wantTaken(t, s, 3)
}

func TestQuietRepositoriesAreLookedAtLessAndLess(t *testing.T) {
	tests := []struct{ quiet, want time.Duration }{
		{-time.Hour, time.Minute},
		{0, time.Minute},
		{4 * time.Minute, time.Minute},
		{8 * time.Minute, 2 * time.Minute},
		{2 * time.Hour, 30 * time.Minute},
		{1000 * time.Hour, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.quiet.String(), func(t *testing.T) {
			s, c := start()
			s.Set(on("a", 1))
			wantTaken(t, s, 1)
			s.Done(1, Outcome{Changed: c.now.Add(-test.quiet)})
			wantNext(t, s, c, test.want, 1)
		})
	}
}

func TestLooksDriftApartAndAreNeverLate(t *testing.T) {
	s, c := start(func(o *Options) { o.Rand = func() float64 { return 0.5 } })
	s.Set(on("a", 1))
	wantTaken(t, s, 1)
	s.Done(1, Outcome{})
	wantNext(t, s, c, 57*time.Second, 1)
}

func TestARestartKeepsTheRhythmAndSpreadsWhatIsOverdue(t *testing.T) {
	s, c := start(func(o *Options) { o.Rand = func() float64 { return 0.75 } }, limits(9, 9))
	s.Set([]Item{
		{ID: 1, Host: "a", Seen: c.now.Add(-20 * time.Second)},
		{ID: 2, Host: "a", Seen: c.now.Add(-time.Hour)},
		{ID: 3, Host: "a", Seen: c.now.Add(-time.Minute), Changed: c.now.Add(-8 * time.Minute)},
		{ID: 4, Host: "a", Seen: c.now.Add(time.Hour)},
		{ID: 5, Host: "a"},
	})
	wantTaken(t, s, 5)
	c.pass(40 * time.Second)
	wantTaken(t, s, 1)
	c.pass(5 * time.Second)
	if got := take(s); len(got) != 2 || !slices.Contains(got, 2) || !slices.Contains(got, 4) {
		t.Fatalf("took %v, want the overdue 2 and 4", got)
	}
	wantNext(t, s, c, 15*time.Second, 3)
}

func TestNudgesGoFirstInTheirOrderAndJoin(t *testing.T) {
	s, c := start(limits(1, 1))
	s.Set(on("a", 1, 2, 3, 4))
	wantTaken(t, s, 1)
	s.Nudge(4, 3)
	s.Nudge(4, 77)
	s.Done(1, Outcome{})
	for _, want := range []storage.RepositoryID{4, 3, 2} {
		wantTaken(t, s, want)
		s.Done(want, Outcome{})
	}
	s.Nudge(2)
	wantTaken(t, s, 2)
	s.Done(2, Outcome{})
	c.pass(time.Minute)
	if got := s.Stats(); got != (Stats{Idle: 4}) {
		t.Errorf("%+v", got)
	}
	wantTaken(t, s, 1)
}

func TestNudgesDuringARunMakeOneMore(t *testing.T) {
	s, c := start()
	s.Set(on("a", 1))
	wantTaken(t, s, 1)
	for range 10_000 {
		s.Nudge(1)
	}
	wantTaken(t, s)
	s.Done(1, Outcome{Failed: true})
	wantTaken(t, s, 1)
	s.Done(1, Outcome{})
	wantNext(t, s, c, time.Minute, 1)
}

func TestAStormOfNudgesStarvesNobody(t *testing.T) {
	s, _ := start(limits(1, 1))
	s.Set(on("a", 1, 2, 3))
	var order []storage.RepositoryID
	for range 24 {
		s.Nudge(1, 2)
		ids := take(s)
		order = append(order, ids...)
		for _, id := range ids {
			s.Done(id, Outcome{})
		}
	}
	if i := slices.Index(order, 3); i < 0 || i > burst {
		t.Errorf("3 came in place %d of %v", i, order)
	}
}

func TestFailuresBackOffAndASuccessForgetsThem(t *testing.T) {
	random := 0.25
	s, c := start(func(o *Options) { o.Rand = func() float64 { return random } })
	s.Set(on("a", 1))
	wantTaken(t, s, 1)
	middle := 10 * time.Second
	for range 12 {
		s.Done(1, Outcome{Failed: true})
		if got := s.Stats(); got != (Stats{BackingOff: 1}) {
			t.Fatalf("%+v", got)
		}
		wantNext(t, s, c, middle/2+time.Duration(random*float64(middle)), 1)
		middle = min(2*middle, 10*time.Minute)
		random = 1 - random
	}
	random = 0
	s.Done(1, Outcome{})
	wantNext(t, s, c, time.Minute, 1)
	s.Done(1, Outcome{Failed: true})
	wantNext(t, s, c, 5*time.Second, 1)
}

func TestAGivenRetryIsKeptAndOnlyANudgeCutsItShort(t *testing.T) {
	for _, throttled := range []bool{false, true} {
		t.Run(fmt.Sprintf("throttled %v", throttled), func(t *testing.T) {
			s, c := start(func(o *Options) { o.Rand = func() float64 { return 0.5 } })
			s.Set(on("a", 1))
			wantTaken(t, s, 1)
			s.Nudge(1) // during the run
			s.Done(1, Outcome{Failed: true, RetryAfter: 100 * time.Second, Throttled: throttled})
			s.Nudge(1) // after it
			if !throttled {
				wantTaken(t, s, 1)
				return
			}
			wantNext(t, s, c, 105*time.Second, 1)
			s.Done(1, Outcome{})
			s.Nudge(1)
			wantTaken(t, s, 1)
		})
	}
}

func TestSetKeepsStateMovesAndDrops(t *testing.T) {
	s, c := start(limits(3, 1))
	s.Set(slices.Concat(on("a", 1, 2), on("b", 3)))
	wantTaken(t, s, 1, 3)
	s.Set(slices.Concat(on("c", 2, 1), on("d", 4))) // 1 runs and moves, 2 waits and moves, 3 runs and is dropped
	wantTaken(t, s, 2)
	s.Done(3, Outcome{})
	s.Nudge(3)
	wantTaken(t, s, 4)
	s.Done(1, Outcome{})
	s.Done(2, Outcome{})
	s.Done(4, Outcome{})
	if got := s.Stats(); got != (Stats{Idle: 3}) || len(s.hosts) != 2 {
		t.Fatalf("%+v on %d hosts", got, len(s.hosts))
	}
	c.pass(time.Minute)
	if got := take(s); len(got) != 2 || !slices.Contains(got, 4) {
		t.Errorf("took %v: 1 and 2 share a host now", got)
	}
}

func TestARepositoryDroppedAndNamedAgainWhileItRunsStays(t *testing.T) {
	s, c := start()
	s.Set(on("a", 1))
	wantTaken(t, s, 1)
	s.Set(nil)
	s.Set(on("a", 1))
	wantTaken(t, s)
	s.Done(1, Outcome{})
	wantNext(t, s, c, time.Minute, 1)
	s.Set(nil)
	s.Done(1, Outcome{})
	s.Done(1, Outcome{})
	if len(s.items)+len(s.hosts)+len(s.waiting)+s.running != 0 {
		t.Errorf("something is left: %+v", s)
	}
}

func TestNewLimitsHoldAtOnce(t *testing.T) {
	s, c := start(limits(1, 1))
	s.Set(on("a", 1, 2, 3))
	wantTaken(t, s, 1)
	s.SetLimits(Limits{Total: 3, PerHost: 2, Interval: time.Minute, MaxInterval: time.Hour})
	wantTaken(t, s, 2)
	s.SetLimits(Limits{Total: 1, PerHost: 1, Interval: time.Second, MaxInterval: time.Minute})
	s.Done(1, Outcome{Changed: c.now.Add(-100 * time.Hour)})
	wantTaken(t, s)
	s.Done(2, Outcome{Changed: c.now})
	wantTaken(t, s, 3)
	s.Done(3, Outcome{Failed: true, RetryAfter: time.Hour})
	wantNext(t, s, c, time.Second, 2)
	s.Done(2, Outcome{Changed: c.now})
	s.SetLimits(Limits{Total: 2, PerHost: 2, Interval: time.Second, MaxInterval: 2 * time.Second})
	wantTaken(t, s, 1) // its minute was not over
}

func TestTakeWaitsForTheTimeAndForNudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Limits: Limits{Total: 2, PerHost: 2, Interval: time.Minute, MaxInterval: time.Hour}})
		began := time.Now()
		taken := make(chan storage.RepositoryID)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			go func() {
				for {
					id, err := s.Take(ctx)
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						taken <- 0
						return
					}
					taken <- id
				}
			}()
		}
		want := func(id storage.RepositoryID, from, to time.Duration) {
			t.Helper()
			got := <-taken
			if at := time.Since(began); got != id || at < from || at > to {
				t.Fatalf("took %d at %v, want %d from %v to %v", got, at, id, from, to)
			}
		}
		time.Sleep(time.Second)
		s.Set(on("a", 1))
		want(1, time.Second, time.Second)
		s.Done(1, Outcome{})
		want(1, 55*time.Second, 61*time.Second)
		s.Done(1, Outcome{})
		time.Sleep(time.Second)
		s.Nudge(1)
		want(1, 56*time.Second, 62*time.Second)
		cancel()
		want(0, 0, 62*time.Second)
		want(0, 0, 62*time.Second)
		s.Done(1, Outcome{})
		if _, err := s.Take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Take after the end: %v", err)
		}
	})
}
