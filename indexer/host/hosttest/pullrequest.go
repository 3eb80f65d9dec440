package hosttest

import (
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
			p.WebURL = s.Local(p.WebURL)
			want[i] = p
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("are not listed in part", func(t *testing.T) {
		s, h := c.start(t)
		lister := power[host.PullRequests](t, h)
		for kind, handle := range map[error]Handler{
			host.ErrGone:   answering(404, "application/json", `{"message": "Not Found"}`),
			host.ErrAnswer: answering(200, "application/json", `{"message"`),
		} {
			s.Script(handle)
			got, err := lister.PullRequests(t.Context(), s.repository(c.Repository), time.Time{})
			c.mustBe(t, err, kind)
			if len(got) != 0 {
				t.Errorf("%d pull requests beside the error", len(got))
			}
		}
	})
}
