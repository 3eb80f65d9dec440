package discovery_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/storage"
)

func TestRepositoriesComeAndGoWithTheirHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 3)
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		b.has(3, "at the start")
		a.gives(2, 4)
		a.change(func(repos []host.Repository) { repos[0].Name = "acme/renamed" })
		pass(1)
		if got := strings.Join(b.live(), " "); got != "acme/r003 acme/r004 acme/renamed" {
			t.Errorf("after a change: %s", got)
		}
		r, err := b.store.Repository(t.Context(), 2)
		if err != nil || r.Name != "acme/renamed" {
			t.Errorf("the renamed repository has lost its number: %+v, %v", r, err)
		}
		if s := b.state(); s.Listed != 3 || s.Selected != 3 || s.LastSuccess.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

func TestAHostThatAsksToWaitIsLeftAloneUntilThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.fails(&host.Error{Kind: host.ErrThrottled, Until: time.Now().Add(time.Hour)})
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		if n := a.requests(); n != 1 {
			t.Fatalf("%d requests", n)
		}
		a.gives(1, 1)
		b.ask(false)
		b.set(source(a))
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if n := a.requests(); n != 0 {
			t.Errorf("%d requests before the time, though asked for and configured again", n)
		}
		time.Sleep(8 * time.Minute)
		synctest.Wait()
		b.has(1, "after the time")
	})
}

func TestTheClassOfAFailureSaysWhenToTryAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		class storage.ErrorClass
		least int // requests within the first interval after the failure, and
		most  int // at the most
	}{
		{"not reached", host.Problem(host.ErrUnreachable, "no route"), storage.ClassTransient, 3, 10},
		{"failed", host.Problem(host.ErrServer, "status 500"), storage.ClassTransient, 3, 10},
		{"throttled without a time", host.Problem(host.ErrThrottled, "too many"), storage.ClassThrottled, 3, 10},
		{"not authorised", host.Problem(host.ErrAuth, "wrong token"), storage.ClassAuth, 0, 0},
		{"gone", host.Problem(host.ErrGone, "no such organisation"), storage.ClassGone, 0, 0},
		{"of another shape", host.Problem(host.ErrShape, "null"), storage.ClassCorrupt, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &account{}
				a.gives(1, 2)
				b := newBench(t)
				b.run(source(a))
				defer b.stop()
				synctest.Wait()
				a.fails(c.err)
				b.ask(false)
				if s := b.state(); s.Class != c.class || s.Failures != 1 || s.Text == "" || s.Next.IsZero() {
					t.Errorf("%+v", s)
				}
				a.requests()
				time.Sleep(interval - time.Second)
				synctest.Wait()
				if n := a.requests(); n < c.least || n > c.most {
					t.Errorf("%d requests within an interval, want %d to %d", n, c.least, c.most)
				}
				b.has(2, "while it fails")
				a.gives(1, 2)
				b.ask(false)
				if s := b.state(); s.Class != "" || s.Failures != 0 || !s.FailingSince.IsZero() {
					t.Errorf("after it came back: %+v", s)
				}
			})
		})
	}
}

func TestRequestsForADiscoveryThatRunsAreOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{hold: make(chan struct{})}
		a.gives(1, 1)
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		for range 100 {
			if err := b.discoverer.Discover("acme", false); err != nil {
				t.Fatal(err)
			}
		}
		if s := b.state(); !s.IsRunning || s.Began.IsZero() || s.Began.After(time.Now()) {
			t.Errorf("it does not run: %+v", s)
		}
		close(a.hold)
		synctest.Wait()
		if s := b.state(); s.IsRunning || !s.Began.IsZero() {
			t.Errorf("it still runs: %+v", s)
		}
		if n := a.requests(); n != 2 {
			t.Errorf("%d discoveries, want 2", n)
		}
		if err := b.discoverer.Discover("other", false); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("an unknown integration: %v", err)
		}
	})
}

func TestAnAnswerToAFormerConfigurationIsNotTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := &account{hold: make(chan struct{})}, &account{}
		old.gives(1, 5)
		next.gives(11, 12)
		b := newBench(t)
		b.run(source(old))
		defer b.stop()
		synctest.Wait()
		b.set(source(next))
		close(old.hold)
		synctest.Wait()
		if got := strings.Join(b.live(), " "); got != "acme/r011 acme/r012" {
			t.Errorf("live: %s", got)
		}
		refused := errors.New("refused")
		if err := b.discoverer.Set(nil, discovery.Limits{Interval: interval, Confirmations: 3}, func() error { return refused }); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		if n := len(b.discoverer.States()); n != 1 {
			t.Errorf("%d integrations after a configuration that was refused, want 1", n)
		}
	})
}

func TestAPanicEndsItsDiscoveryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{panic: true}
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		if s := b.state(); s.Class != storage.ClassBug || strings.Contains(s.Text, "goroutine") {
			t.Errorf("%+v", s)
		}
		a.gives(1, 1)
		b.ask(false)
		b.has(1, "after the panic")
	})
}

func TestWhatCannotBeFetchedIsLeftOutOrKeptWithoutLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 3)
		a.change(func(repos []host.Repository) {
			repos[0].Disabled, repos[1].Archived, repos[2].CloneHTTP = true, true, ""
		})
		s := source(a)
		target := s.Target
		s.Target = func(r host.Repository) (indexer.Target, error) {
			if r.CloneHTTP == "" {
				return indexer.Target{}, errors.New("no URL")
			}
			return target(r)
		}
		b := newBench(t)
		b.run(s)
		defer b.stop()
		synctest.Wait()
		b.has(2, "of three")
		if s := b.state(); s.Disabled != 1 || s.Archived != 1 || s.Selected != 3 {
			t.Errorf("%+v", s)
		}
		want := "# HELP keytrail_queue_repositories Repositories in the schedule, by what they wait for.\n# TYPE keytrail_queue_repositories gauge\n" +
			"keytrail_queue_repositories{state=\"backing_off\"} 0\nkeytrail_queue_repositories{state=\"idle\"} 0\n" +
			"keytrail_queue_repositories{state=\"queued\"} 1\nkeytrail_queue_repositories{state=\"running\"} 0\n"
		if err := testutil.GatherAndCompare(b.registry, strings.NewReader(want), "keytrail_queue_repositories"); err != nil {
			t.Error(err)
		}
	})
}

func TestTheMetricTellsOfEachConfiguredIntegration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := &account{}, &account{}
		good.gives(1, 1)
		bad.fails(host.Problem(host.ErrAuth, "wrong token"))
		second := source(bad)
		second.Name = "other"
		b := newBench(t)
		b.run(source(good), second)
		defer b.stop()
		synctest.Wait()
		const metric = "keytrail_discovery_last_success_timestamp_seconds"
		if n, err := testutil.GatherAndCount(b.registry, metric); n != 3 || err != nil {
			t.Errorf("%d series, %v; want one for each integration and one for the configuration's own", n, err)
		}
		b.set(second)
		if n, err := testutil.GatherAndCount(b.registry, metric); n != 2 || err != nil {
			t.Errorf("%d series, %v, when one is taken out", n, err)
		}
		if problems, err := testutil.GatherAndLint(b.registry); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
