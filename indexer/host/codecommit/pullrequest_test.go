package codecommit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
)

func TestClosedPullRequestsAreAskedForOnce(t *testing.T) {
	var asked []string
	h := answering(t, func(operation, body string) (int, string) {
		if operation == "ListPullRequests" {
			return http.StatusOK, `{"pullRequestIds": ["1", "2", "3"]}`
		}
		var in struct{ PullRequestID string }
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Error(err)
		}
		asked = append(asked, in.PullRequestID)
		status := map[bool]string{true: "OPEN", false: "CLOSED"}[in.PullRequestID == "2"]
		return http.StatusOK, fmt.Sprintf(`{"pullRequest": {"pullRequestId": %q, "pullRequestStatus": %q, "lastActivityDate": 100%s.5,
			"authorArn": "arn:aws:iam::111122223333:root", "pullRequestTargets": [{"repositoryName": "shop"}]}}`, in.PullRequestID, status, in.PullRequestID)
	})
	for _, c := range []struct {
		since time.Time
		want  string // the numbers that are given, and the ids that were asked for
	}{
		{time.Time{}, "[3 2 1] [1 2 3]"},
		{time.Unix(1002, 0), "[3 2] [2 3]"},
		{time.Unix(2000, 0), "[] [2]"},
		{time.Time{}, "[3 2 1] [1 2 3]"},
	} {
		asked = nil
		pulls, err := h.PullRequests(t.Context(), host.Repository{Name: "shop"}, c.since)
		if err != nil {
			t.Fatal(err)
		}
		numbers := []int64{}
		for _, p := range pulls {
			numbers = append(numbers, p.Number)
			if p.Author != "root" || (p.State == host.PullRequestOpen) != (p.Number == 2) {
				t.Errorf("got %+v", p)
			}
		}
		if got := fmt.Sprint(numbers, asked); got != c.want {
			t.Errorf("since %v: got %s, want %s", c.since, got, c.want)
		}
	}
}

func TestAPullRequestIsAskedForAsRecordedButForItsToken(t *testing.T) {
	var sent, recorded map[string]any
	h := answering(t, func(_, body string) (int, string) {
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Error(err)
		}
		return http.StatusOK, `{"pullRequest": {"pullRequestId": "6", "pullRequestTargets": [{"repositoryName": "billing-api"}]}}`
	})
	new := host.NewPullRequest{Title: pull5().Title, Description: pull5().Description, Source: branch, Target: "main"}
	made, err := h.CreatePullRequest(t.Context(), billing(), new, host.Caller{})
	if err != nil || made.Number != 6 {
		t.Fatalf("got %+v, %v", made, err)
	}
	text, err := os.ReadFile("testdata/codecommit/create-pull-request.request.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	token, _ := sent["clientRequestToken"].(string)
	if len(token) < 20 {
		t.Errorf("the token is %q", token)
	}
	recorded["clientRequestToken"] = token
	if diff := cmp.Diff(recorded, sent); diff != "" {
		t.Error(diff)
	}
}

func TestACallerBringsAWholeAccessKey(t *testing.T) {
	h := answering(t, func(string, string) (int, string) {
		t.Error("the API was asked")
		return http.StatusForbidden, ""
	})
	for _, token := range []string{"SECRET", ":SECRET", "ID:", "ID:SECRET:SESSION:MORE"} {
		_, err := h.CreateBranch(t.Context(), billing(), host.NewBranch{Base: "main", Name: branch}, host.Caller{Token: token})
		if !errors.Is(err, host.ErrAuth) {
			t.Errorf("%s: got %v", token, err)
		}
	}
	k, err := callerKeys(host.Caller{Token: "ID:SECRET:SESSION"})
	if err != nil {
		t.Fatal(err)
	}
	held, err := k.read(t.Context())
	if err != nil || held.AccessKeyID != "ID" || held.SecretAccessKey != "SECRET" || held.SessionToken != "SESSION" {
		t.Errorf("got another key, %v", err)
	}
}
