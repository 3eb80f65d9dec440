package gitlab

import (
	"net/http"
	"testing"
	"time"

	"keytrail/indexer/host"
)

func TestOnlyMergeRequestsThatChangedSinceAreAskedFor(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	var asked []string
	h := over(t, func(r *http.Request) (http.Header, string) {
		asked = append(asked, r.URL.RequestURI())
		if r.URL.Query().Get("page") == "2" {
			return nil, `[{"iid": 3, "state": "closed", "updated_at": "2026-03-01T11:00:01Z"}]`
		}
		return http.Header{"X-Next-Page": {"2"}}, `[
			{"iid": 5, "state": "locked", "updated_at": "2026-03-01T12:00:00Z"},
			{"iid": 4, "state": "merged", "updated_at": "2026-03-01T12:00:00Z", "author": {"username": "robin"}}]`
	})
	got, err := h.PullRequests(t.Context(), host.Repository{ID: "7"}, since)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got[0].State != host.PullRequestOpen || got[1].State != host.PullRequestMerged || got[2].State != host.PullRequestDeclined {
		t.Errorf("got %+v", got)
	}
	if got[1].Author != "robin" {
		t.Errorf("the author is %q", got[1].Author)
	}
	const first = "/gitlab/api/v4/projects/7/merge_requests?" +
		"order_by=updated_at&per_page=100&sort=desc&state=all&updated_after=2026-03-01T11%3A00%3A00.005Z"
	if len(asked) != 2 || asked[0] != first || asked[1] != first+"&page=2" {
		t.Errorf("asked %q", asked)
	}
}

func TestANameOfABranchStaysOneValue(t *testing.T) {
	var branch, base string
	h := over(t, func(r *http.Request) (http.Header, string) {
		branch, base = r.URL.Query().Get("branch"), r.URL.Query().Get("ref")
		return nil, `{"name": "x", "commit": {"id": "927fe883b109a738a00d73176430c20da2ea10ef"}}`
	})
	want := host.NewBranch{Base: "release/1+2", Name: "ACME-1&ref=#é%"}
	if _, err := h.CreateBranch(t.Context(), host.Repository{ID: "7"}, want, host.Caller{}); err != nil || branch != want.Name || base != want.Base {
		t.Errorf("got %q from %q, %v", branch, base, err)
	}
}
