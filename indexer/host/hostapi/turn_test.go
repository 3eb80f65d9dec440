package hostapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keytrail/indexer/host"
)

// busy is a client that has just made the one request that it may make a second.
func busy(t *testing.T) (*Client, *script) {
	t.Helper()
	s := &script{replies: []reply{{status: 200, body: "{}"}}}
	c := over(t, s, func(o *Options) { o.Limits.Rate = 1 })
	if _, err := c.Get(t.Context(), "/first"); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// queue asks for a path without waiting for the answer, behind what waits already.
func queue(t *testing.T, all *sync.WaitGroup, c *Client, path string) {
	t.Helper()
	all.Go(func() {
		if _, err := c.Get(t.Context(), path); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
}

// order gives the names of what was asked for, in turn.
func (s *script) order() string {
	var names []string
	for _, r := range s.seen {
		names = append(names, strings.TrimPrefix(r.URL.Path, "/v1/"))
	}
	return strings.Join(names, " ")
}

func TestARequestThatSomebodyWaitsForGoesBeforeThoseInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := busy(t)
		var all sync.WaitGroup
		for _, path := range []string{"/poll-1", "/poll-2", "/poll-3"} {
			queue(t, &all, c.InBackground(), path)
		}
		for _, path := range []string{"/page-1", "/page-2"} {
			queue(t, &all, c, path)
		}
		queue(t, &all, c.As(Bearer(Constant("caller"))), "/branches")
		all.Wait()
		if got, want := s.order(), "first page-1 page-2 branches poll-1 poll-2 poll-3"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	})
}

func TestOneOfEightRequestsIsInTheBackgroundHoweverManyOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := busy(t)
		var all sync.WaitGroup
		for range 3 {
			queue(t, &all, c.InBackground(), "/poll")
		}
		for range 20 {
			queue(t, &all, c, "/p")
		}
		all.Wait()
		pages := strings.Repeat("p ", burst)
		if got, want := s.order(), "first "+pages+"poll "+pages+"poll "+strings.Repeat("p ", 20-2*burst)+"poll"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	})
}

func TestWhoNoLongerWaitsGivesTheTurnToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := busy(t)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, polling := range []*Client{c, c.InBackground()} {
			for range 3 {
				all.Go(func() {
					if _, err := polling.Get(ctx, "/given-up"); !errors.Is(err, context.Canceled) {
						t.Errorf("got %v", err)
					}
				})
			}
		}
		synctest.Wait()
		queue(t, &all, c.InBackground(), "/poll")
		queue(t, &all, c, "/page")
		cancel()
		all.Wait()
		if got, want := s.order(), "first page poll"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
		if _, err := c.Get(ctx, "/late"); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := c.Get(t.Context(), "/last"); err != nil || len(s.seen) != 4 {
			t.Errorf("the turn was lost: %v after %s", err, s.order())
		}
	})
}

func TestAWaitThatTheHostAsksForWhileARequestWaitsForItsTurnIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{
			{status: 200, body: "{}"}, {status: 200, header: http.Header{"Retry-After": {"60"}}, body: "{}"}, {status: 200, body: "{}"},
		}}
		c := over(t, s, func(o *Options) { o.Limits.Rate = 1 })
		if _, err := c.Get(t.Context(), "/first"); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		queue(t, &all, c, "/slow-down")
		queue(t, &all, c.InBackground(), "/poll")
		all.Wait()
		if wait := s.came[2].Sub(s.came[1]); wait < time.Minute || wait > 62*time.Second {
			t.Errorf("the poll came %v after the answer that asks for a minute", wait)
		}
	})
}

func TestACallerWithoutATokenIsTheIntegration(t *testing.T) {
	s := &script{replies: []reply{{status: 200, body: "{}"}}}
	c := over(t, s, func(o *Options) { o.Authorize = Bearer(Constant("integration")) })
	for token, want := range map[string]string{"": "Bearer integration", "robin": "Bearer robin"} {
		if _, err := c.For(host.Caller{Token: token}, Bearer).Get(t.Context(), "/user"); err != nil {
			t.Fatal(err)
		}
		if got := s.seen[len(s.seen)-1].Header.Get("Authorization"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
