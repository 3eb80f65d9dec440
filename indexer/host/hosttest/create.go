package hosttest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

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

// made compares what was made, with the server's address in the web URL.
func made[V any](t *testing.T, want, got V, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// callerToken is what a caller gives.
func (c Case) callerToken() string {
	if c.Caller != "" {
		return c.Caller
	}
	return CallerToken
}

func createBranch(t *testing.T, c Case) {
	if c.NewBranch == (host.NewBranch{}) {
		t.Skip("the case has no branch to make")
	}
	for name, caller := range map[string]host.Caller{"as the integration": {}, "as the caller": {Token: c.callerToken()}} {
		t.Run(name, func(t *testing.T) {
			s, h := c.start(t)
			if !caller.IsZero() {
				s.Expect(caller.Token)
			}
			want := c.Branch
			want.WebURL = s.Local(want.WebURL)
			got, err := power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, caller)
			made(t, want, got, err)
		})
	}
	t.Run("passes the host's refusal on", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(refusing(s, c.BranchRefusal))
		_, err := power[host.BranchCreator](t, h).CreateBranch(t.Context(), s.repository(c.Repository), c.NewBranch, host.Caller{})
		c.mustRefuse(t, err, c.BranchRefusal.Said)
	})
}

func createPullRequest(t *testing.T, c Case) {
	if c.NewPullRequest == (host.NewPullRequest{}) {
		t.Skip("the case has no pull request to make")
	}
	for name, caller := range map[string]host.Caller{"as the integration": {}, "as the caller": {Token: c.callerToken()}} {
		t.Run(name, func(t *testing.T) {
			s, h := c.start(t)
			if !caller.IsZero() {
				s.Expect(caller.Token)
			}
			want := c.PullRequest
			want.WebURL = s.Local(want.WebURL)
			got, err := power[host.PullRequestCreator](t, h).CreatePullRequest(t.Context(), s.repository(c.Repository), c.NewPullRequest, caller)
			made(t, want, got, err)
		})
	}
	t.Run("passes the host's refusal on", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(refusing(s, c.PullRefusal))
		_, err := power[host.PullRequestCreator](t, h).CreatePullRequest(t.Context(), s.repository(c.Repository), c.NewPullRequest, host.Caller{})
		c.mustRefuse(t, err, c.PullRefusal.Said)
	})
}
