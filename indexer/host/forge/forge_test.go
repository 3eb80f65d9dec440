package forge

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
	"keytrail/indexer/host/hosttest"
)

func TestAPullRequestKeepsTheNameOfADeletedBranch(t *testing.T) {
	for b, want := range map[Branch]string{
		{Label: "feature/ACME-1", Ref: "feature/ACME-1"}:      "feature/ACME-1",
		{Label: "acme:feature/ACME-1", Ref: "feature/ACME-1"}: "feature/ACME-1",
		{Label: "feature/ACME-1", Ref: "refs/pull/12/head"}:   "feature/ACME-1",
		{Ref: "refs/pull/12/head"}:                            "refs/pull/12/head",
	} {
		if got := b.Name(); got != want {
			t.Errorf("%+v: got %q, want %q", b, got, want)
		}
	}
}

func TestAPullRequestIsReadAsEitherHostTellsOfIt(t *testing.T) {
	for text, want := range map[string]host.PullRequest{
		`{"state": "open", "merged_at": null}`:                            {State: host.PullRequestOpen},
		`{"state": "open", "merged_at": "2026-03-01T02:00:00Z"}`:          {State: host.PullRequestOpen},
		`{"state": "closed"}`:                                             {State: host.PullRequestDeclined},
		`{"state": "closed", "merged_at": "2026-03-01T02:00:00Z"}`:        {State: host.PullRequestMerged},
		`{"state": "open", "user": {"login": "r", "full_name": "R Doe"}}`: {State: host.PullRequestOpen, Author: "R Doe"},
		`{"state": "open", "user": {"login": "r", "full_name": ""}}`:      {State: host.PullRequestOpen, Author: "r"},
		`{"state": "open", "user": null}`:                                 {State: host.PullRequestOpen},
	} {
		var p PullRequest
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.Read(); got.State != want.State || got.Author != want.Author {
			t.Errorf("%s: got %s by %q, want %s by %q", text, got.State, got.Author, want.State, want.Author)
		}
	}
}

func TestPullRequestsEndWhereTheyAreOlderThanAsked(t *testing.T) {
	asked := 0
	api, err := hostapi.New(hostapi.Options{Base: "https://git.example.com/api", Transport: hosttest.RoundTrip(func(*http.Request) (int, string) {
		asked++
		return http.StatusOK, `[{"number": 3, "updated_at": "2026-03-01T02:00:00Z"}, {"number": 2, "updated_at": "2026-03-01T00:00:00Z"},
			{"number": 1, "updated_at": "2026-02-01T00:00:00Z"}]`
	})})
	if err != nil {
		t.Fatal(err)
	}
	got, err := PullRequests(t.Context(), api, host.Repository{Name: "acme/shop"}, "state=all", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || asked != 1 || len(got) != 2 || got[0].Number != 3 || got[1].Number != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAListIsNotReadWhereItIsNoneOfPullRequests(t *testing.T) {
	for _, text := range []string{`null`, `[null]`, `[{}]`, `{"message": "Not Found"}`} {
		api, err := hostapi.New(hostapi.Options{Base: "https://git.example.com/api", Transport: hosttest.RoundTrip(func(*http.Request) (int, string) {
			return http.StatusOK, text
		})})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := PullRequests(t.Context(), api, host.Repository{Name: "acme/shop"}, "state=all", time.Time{}); !errors.Is(err, host.ErrAnswer) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

func TestEventsAreUnderstoodByTheirNames(t *testing.T) {
	for _, c := range []struct {
		event, body string
		kind        host.EventKind
		refs        string
	}{
		{"push", `{"ref": "refs/heads/main"}`, host.EventPush, "refs/heads/main"},
		{"push", `{"ref": "refs/notes/commits"}`, host.EventPush, "refs/notes/commits"},
		{"push", `{}`, host.EventPush, ""},
		{"create", `{"ref": "v1", "ref_type": "tag"}`, host.EventPush, "refs/tags/v1"},
		{"create", `{"ref": "feature/a", "ref_type": "branch"}`, host.EventPush, "refs/heads/feature/a"},
		{"create", `{"ref": "refs/pull/a", "ref_type": "branch"}`, host.EventPush, "refs/heads/refs/pull/a"},
		{"delete", `{"ref": "refs/heads/a", "ref_type": "branch"}`, host.EventPush, "refs/heads/a"},
		{"delete", `{"ref": "v1", "ref_type": "tag"}`, host.EventPush, "refs/tags/v1"},
		{"repository", `{"action": "created"}`, host.EventCreated, ""},
		{"repository", `{"action": "deleted"}`, host.EventDeleted, ""},
		{"repository", `{"action": "renamed"}`, host.EventRenamed, ""},
		{"repository", `{"action": "archived"}`, host.EventRenamed, ""},
		{"pull_request", `{"number": 5}`, host.EventPullRequest, ""},
		{"pull_request_approved", `{"number": 5}`, host.EventOther, ""},
		{"star", `{"action": "created"}`, host.EventOther, ""},
		{"", `{}`, host.EventOther, ""},
	} {
		var p Payload
		if err := json.Unmarshal([]byte(c.body), &p); err != nil {
			t.Fatal(err)
		}
		p.Repository = &Repository{ID: 1, FullName: "acme/shop"}
		got := p.Event(c.event)
		if got.Kind != c.kind || strings.Join(got.Refs, " ") != c.refs || len(got.Subjects) != 1 || got.Subjects[0].ID != "1" {
			t.Errorf("%s %s: got %+v", c.event, c.body, got)
		}
		if isAbout := got.Number == 5; isAbout != (c.kind == host.EventPullRequest) {
			t.Errorf("%s: the number is %d", c.event, got.Number)
		}
	}
}
