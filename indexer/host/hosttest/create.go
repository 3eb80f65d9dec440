package hosttest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
)

// refusing replays a refusal for what would make something.
func refusing(s *Server, refusal Refusal) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		e := s.recording.exchange(s.t, refusal.Exchange)
		if r.Method != e.Request.Method || r.URL.EscapedPath() != e.url.EscapedPath() || r.Header.Get("X-Amz-Target") != e.Request.Headers["X-Amz-Target"] {
			return false
		}
		s.Answer(w, refusal.Exchange)
		return true
	}
}

// mustRefuse holds an error to the host's own words.
func (c Case) mustRefuse(t *testing.T, err error, said string) {
	t.Helper()
	c.mustBe(t, err, host.ErrRefused)
	var e *host.Error
	if !errors.As(err, &e) || !strings.Contains(e.Said, said) {
		t.Errorf("the host's words %q are not in %v", said, err)
	}
}

// callerToken is what a caller gives.
func (c Case) callerToken() string {
	if c.Caller != "" {
		return c.Caller
	}
	return CallerToken
}

// creates holds a host to making one thing: as the integration, as a caller, and not at all where it refuses. The server is there to
// tell what is expected of its address.
func creates[V any](t *testing.T, c Case, refusal Refusal, want func(*Server) V, create func(*testing.T, *Server, host.Host, host.Caller) (V, error)) {
	for name, caller := range map[string]host.Caller{"as the integration": {}, "as the caller": {Token: c.callerToken()}} {
		t.Run(name, func(t *testing.T) {
			s, h := c.start(t)
			if caller.HasToken() {
				s.Expect(caller.Token)
			}
			got, err := create(t, s, h, caller)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want(s), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("passes the host's refusal on", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(refusing(s, refusal))
		_, err := create(t, s, h, host.Caller{})
		c.mustRefuse(t, err, refusal.Said)
	})
}

func createBranch(t *testing.T, c Case) {
	if c.NewBranch == (host.NewBranch{}) {
		t.Skip("the case has no branch to make")
	}
	t.Run("believes no answer that holds none", func(t *testing.T) {
		s, h := c.start(t)
		empty := answering(http.StatusCreated, "application/json", `{}`)
		s.Script(func(w http.ResponseWriter, r *http.Request) bool { return r.Method != http.MethodGet && empty(w, r) })
		_, err := power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, host.Caller{})
		c.mustBe(t, err, host.ErrAnswer)
	})
	callerWaits(t, c)
	want := func(s *Server) host.Branch {
		b := c.Branch
		b.WebURL = s.Local(b.WebURL)
		return b
	}
	creates(t, c, c.BranchRefusal, want, func(t *testing.T, s *Server, h host.Host, caller host.Caller) (host.Branch, error) {
		return power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, caller)
	})
}

// callerWaits holds a host to answering at once who waits for a branch while it limits requests, and to telling when it begins to make it.
func callerWaits(t *testing.T, c Case) {
	t.Run("keeps no caller waiting for the end of a limit", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		began := time.Now()
		for _, token := range []string{"", c.callerToken()} {
			_, err := power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, host.Caller{Token: token})
			c.mustBe(t, err, host.ErrThrottled)
		}
		if waited := time.Since(began); waited > 10*time.Second {
			t.Errorf("the caller waited %v", waited)
		}
	})
	t.Run("tells before it sends what makes it", func(t *testing.T) {
		s, h := c.start(t)
		var told, sent bool
		s.Script(func(_ http.ResponseWriter, r *http.Request) bool {
			isAsking := r.Method == http.MethodGet || strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetBranch")
			if !isAsking && !told || isAsking && told {
				t.Errorf("%s %s: told %v", r.Method, r.URL.Path, told)
			}
			sent = sent || !isAsking
			return false
		})
		caller := host.Caller{Token: c.callerToken(), Making: func() { told = true }}
		s.Expect(caller.Token)
		if _, err := power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, caller); err != nil || !sent {
			t.Errorf("sent %v, %v", sent, err)
		}
	})
}

func createPullRequest(t *testing.T, c Case) {
	if c.NewPullRequest == (host.NewPullRequest{}) {
		t.Skip("the case has no pull request to make")
	}
	t.Run("believes no answer that holds none", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(answering(http.StatusCreated, "application/json", `{}`))
		_, err := power[host.PullRequestCreator](t, h).CreatePullRequest(t.Context(), s.repository(c.Repository), c.NewPullRequest, host.Caller{})
		c.mustBe(t, err, host.ErrAnswer)
	})
	want := func(s *Server) host.PullRequest { return s.local(c.PullRequest) }
	creates(t, c, c.PullRefusal, want, func(t *testing.T, s *Server, h host.Host, caller host.Caller) (host.PullRequest, error) {
		return power[host.PullRequestCreator](t, h).CreatePullRequest(t.Context(), s.repository(c.Repository), c.NewPullRequest, caller)
	})
}
