package hosttest

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
)

func pullRequests(t *testing.T, c Case) {
	if len(c.PullRequests) == 0 {
		t.Skip("the case has no pull requests")
	}
	t.Run("are listed of all pages", func(t *testing.T) {
		s, h := c.start(t)
		got, err := power[host.PullRequests](t, h).PullRequests(t.Context(), s.repository(c.Repository), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]host.PullRequest, len(c.PullRequests))
		for i, p := range c.PullRequests {
			want[i] = s.local(p)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("are asked for in the background, and repositories are not", func(t *testing.T) {
		var calls []host.Call
		s, h := c.start(t, func(config *host.Config) { config.Observe = func(call host.Call) { calls = append(calls, call) } })
		if _, err := h.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := len(calls)
		if _, err := power[host.PullRequests](t, h).PullRequests(t.Context(), s.repository(c.Repository), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if len(calls) == before {
			t.Error("the host was not asked for pull requests")
		}
		for i, call := range calls {
			isForToken := c.IsList != nil && i >= before && i < len(calls)-1
			if call.InBackground != (i >= before) && !isForToken {
				t.Errorf("request %d of %d, of which the list of repositories has %d: in the background %v", i+1, len(calls), before, call.InBackground)
			}
		}
	})
	t.Run("are not listed in part", func(t *testing.T) {
		s, h := c.start(t)
		lister := power[host.PullRequests](t, h)
		for _, answer := range []struct {
			status int
			body   string
			kind   error
		}{
			{404, `{"message": "Not Found"}`, host.ErrGone},
			{200, `{"message"`, host.ErrAnswer},
			{200, `null`, host.ErrAnswer},
			{200, `{"message": "hello"}`, host.ErrAnswer},
		} {
			s.Script(answering(answer.status, "application/json", answer.body))
			got, err := lister.PullRequests(t.Context(), s.repository(c.Repository), time.Time{})
			c.mustBe(t, err, answer.kind)
			if len(got) != 0 {
				t.Errorf("%s: %d pull requests beside the error", answer.body, len(got))
			}
		}
	})
}

// local gives a pull request with the server's address in its URL.
func (s *Server) local(p host.PullRequest) host.PullRequest {
	p.WebURL = s.Local(p.WebURL)
	return p
}

// AskedForPullRequests gives what a host asks for to list all pull requests of the repository acme/shop, where it has none.
func AskedForPullRequests(t *testing.T, newHost func(host.Config) (host.Host, error), url string) (ref string) {
	t.Helper()
	h, err := newHost(host.Config{URL: url, Token: Secret(Token), Transport: RoundTrip(func(r *http.Request) (int, string) {
		ref = r.URL.RequestURI()
		return http.StatusOK, "[]"
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := power[host.PullRequests](t, h).PullRequests(t.Context(), host.Repository{Name: "acme/shop"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return ref
}
