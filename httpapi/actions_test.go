package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// recordedActions makes what it is asked for, or fails.
type recordedActions struct {
	branches []NewBranch
	pulls    []NewPullRequest
	callers  []HostToken
	err      error

	defaultBranch string
	denied        error // of asking for it
}

func (a *recordedActions) DefaultBranch(storage.Repository, HostToken) (string, error) {
	return a.defaultBranch, a.denied
}

func (a *recordedActions) CreateBranch(_ context.Context, _ storage.Repository, b NewBranch, caller HostToken) (MadeBranch, error) {
	a.branches, a.callers = append(a.branches, b), append(a.callers, caller)
	return MadeBranch{Name: b.Name, SHA: oid(4).String(), WebURL: "https://git.example.com/kafka/tree/" + b.Name}, a.err
}

func (a *recordedActions) CreatePullRequest(_ context.Context, r storage.Repository, p NewPullRequest, caller HostToken) (storage.PullRequest, error) {
	a.pulls, a.callers = append(a.pulls, p), append(a.callers, caller)
	return storage.PullRequest{
		Repository: r.ID, ID: "501", Number: 12, Title: p.Title, Source: p.Source, Target: p.Target, State: storage.PullRequestOpen,
	}, a.err
}

func nameBranch(s BranchSubject) string {
	return strings.Trim(fmt.Sprintf("%s/%s-%s", s.Type, s.Key, s.Summary), "/-")
}

const (
	branches     = "/api/v1/repositories/1/branches"
	pullRequests = "/api/v1/repositories/1/pull-requests"
)

func TestABranchIsMadeAsItIsNamedOrAfterItsIssue(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		body string
		want NewBranch
	}{
		{`{"base":"release/2","name":"fix"}`, NewBranch{Base: "release/2", Name: "fix"}},
		{`{"name":"fix"}`, NewBranch{Base: "trunk", Name: "fix"}},
		{`{"key":"old-7"}`, NewBranch{Base: "trunk", Name: "KAFKA-7"}},
		{`{"key":"KAFKA-7","summary":"go-on","issue_type":"bug"}`, NewBranch{Base: "trunk", Name: "bug/KAFKA-7-go-on"}},
	} {
		answer := f.post(branches, c.body)
		if answer.status != http.StatusCreated {
			t.Errorf("%s: status %d: %s", c.body, answer.status, answer.body)
			continue
		}
		if have := f.actions.branches[len(f.actions.branches)-1]; have != c.want {
			t.Errorf("%s: have %+v, want %+v", c.body, have, c.want)
		}
	}
	want := `{"repository":{"id":1,"name":"kafka"},"name":"fix","base":"trunk","sha":"` + oid(4).String() +
		`","url":"https://git.example.com/kafka/tree/fix"}` + "\n"
	if have := string(f.post(branches, `{"name":"fix"}`).body); have != want {
		t.Errorf("have %s want %s", have, want)
	}
}

func TestAPullRequestIsMade(t *testing.T) {
	f := newFixture(t)
	answer := f.post(pullRequests, `{"source":"fix","title":" KAFKA-7: go on ","description":"all of it"}`)
	want := `{"repository":{"id":1,"name":"kafka"},"id":"501","number":12,"title":"KAFKA-7: go on","source":"fix","target":"trunk","state":"open","keys":[]}` + "\n"
	if answer.status != http.StatusCreated || string(answer.body) != want {
		t.Errorf("status %d, %s want %s", answer.status, answer.body, want)
	}
	if want := (NewPullRequest{Title: "KAFKA-7: go on", Description: "all of it", Source: "fix", Target: "trunk"}); f.actions.pulls[0] != want {
		t.Errorf("have %+v, want %+v", f.actions.pulls[0], want)
	}
}

func TestActionsThatCannotBeMeantAreRefusedBeforeTheHostIsAsked(t *testing.T) {
	f := newFixture(t)
	f.post(branches, `{}`).problem(badBody, "neither name nor key")
	f.post(branches, `{"key":"nothing"}`).problem(badKey, "no issue key")
	f.post(branches, `{"nam":"fix"}`).problem(badBody, `"nam"`)
	f.post(branches, `{"name":"fix"}`, "Content-Type", "text/plain").problem(unsupportedMediaType, "application/json")
	f.post(branches, `{"name":"`+strings.Repeat("x", 251)+`"}`).problem(badBody, "at most 250")
	for _, name := range []string{"a b", "a..b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock/b", "a~1", "a^", "a:b", "a?", "a*", "a[", `a\\b`, "@", "a@{1}", "-a", "a.", "HEAD", `a\u0007`} {
		f.post(branches, `{"name":"`+name+`"}`).problem(badBody, "git does not allow this")
		f.post(branches, `{"name":"fix","base":"`+name+`"}`).problem(badBody, "git does not allow this")
	}
	f.post(branches, `{"name":"refs/heads/fix"}`).problem(badBody, `the short name of a branch, as "fix"`)
	f.post(branches, `{"name":"fix","base":"refs/heads/trunk"}`).problem(badBody, `as "trunk"`)
	f.post(pullRequests, `{"source":"refs/heads/fix","title":"t"}`).problem(badBody, `as "fix"`)
	f.post(pullRequests, `{"source":"fix","title":" "}`).problem(badBody, "title is empty")
	f.post(pullRequests, `{"title":"t"}`).problem(badBody, "source is empty")
	f.post(pullRequests, `{"source":"trunk","title":"t"}`).problem(badBody, "the same branch")
	f.post("/api/v1/repositories/3/branches", `{"name":"fix"}`).problem(badBody, "default branch of repository 3 is not known")
	f.post("/api/v1/repositories/5/branches", `{"name":"fix"}`).problem(repositoryRetired, "repository 5 is gone")
	f.post("/api/v1/repositories/9/pull-requests", `{"source":"a","title":"t"}`).problem(repositoryNotFound, "no repository 9")
	f.post(branches, `{"name":"fix"}`, "Sec-Fetch-Site", "cross-site").problem(crossOrigin, "another site")
	if len(f.actions.callers) > 0 {
		t.Errorf("the host was asked %d times", len(f.actions.callers))
	}
}

func TestADefaultBranchThatNoFetchHasFoundIsTheHosts(t *testing.T) {
	const unfetched = "/api/v1/repositories/3"
	f := newFixture(t)
	f.actions.defaultBranch = "main"
	f.post(unfetched+"/branches", `{"name":"fix"}`)
	f.post(unfetched+"/pull-requests", `{"source":"fix","title":"t"}`)
	if len(f.actions.branches) != 1 || f.actions.branches[0].Base != "main" || len(f.actions.pulls) != 1 || f.actions.pulls[0].Target != "main" {
		t.Errorf("made %+v and %+v", f.actions.branches, f.actions.pulls)
	}
	f.actions.defaultBranch, f.actions.denied = "", &ActionError{Reason: ActionNeedsToken}
	f.post(unfetched+"/branches", `{"name":"fix"}`).problem(hostTokenNeeded, hostTokenField)
	f.post(unfetched+"/pull-requests", `{"source":"fix","title":"t"}`).problem(hostTokenNeeded, hostTokenField)
}

func TestAHostThatLimitsRequestsSaysWhenToAskAgain(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		until time.Time
		want  string
	}{{time.Now().Add(20 * time.Second), "20"}, {time.Now().Add(-time.Second), "1"}, {time.Time{}, "60"}} {
		f.actions.err = &ActionError{Reason: ActionThrottled, Status: 429, Until: c.until, Text: "it is asked again at noon"}
		answer := f.post(branches, `{"name":"fix"}`)
		answer.problem(hostThrottles, "nothing was made: ask again in "+c.want+" seconds")
		if have := answer.header.Get("Retry-After"); have != c.want || strings.Contains(string(answer.body), "noon") {
			t.Errorf("Retry-After %q, want %s: %s", have, c.want, answer.body)
		}
	}
}

func TestWhatWasNotSentIsNotLookedForAtTheHost(t *testing.T) {
	f := newFixture(t)
	for _, err := range []*ActionError{
		{Reason: ActionFailed, Status: 500}, {Reason: ActionFailed, Text: "no answer"}, {Reason: ActionFailed, Err: context.DeadlineExceeded},
	} {
		f.actions.err = err
		sent := f.post(branches, `{"name":"fix"}`)
		err.Unsent = true
		unsent := f.post(branches, `{"name":"fix"}`)
		unsent.problem(hostFailed, "nothing was sent to make it")
		if have := string(unsent.body); strings.Contains(have, "see there") || strings.Contains(have, "not asked again") {
			t.Errorf("sends to the host for what cannot be there: %s", have)
		}
		if have := string(sent.body); strings.Contains(have, "nothing was sent") {
			t.Errorf("says of what was sent that it was not: %s", have)
		}
	}
}

func TestAHostsFailureIsPassedOnInItsOwnWordsWithoutTheCallersToken(t *testing.T) {
	const token = "canary-host-token"
	f := newFixture(t)
	for reason, want := range map[ActionReason]kind{
		ActionUnsupported: actionNotSupported, ActionNeedsToken: hostTokenNeeded, ActionForbidden: hostForbids,
		ActionRefused: hostRefuses, ActionThrottled: hostThrottles, ActionFailed: hostFailed,
	} {
		f.actions.err = &ActionError{Reason: reason, Said: "no: " + token + " again", Err: errors.New("it said " + token)}
		part := `no: [redacted] again`
		if want == hostTokenNeeded {
			part = "repository 1"
		}
		f.post(branches, `{"name":"fix"}`, hostTokenField, token).problem(want, part)
		answer := f.post(pullRequests, `{"source":"fix","title":"t"}`, hostTokenField, token)
		answer.problem(want, part)
		if strings.Contains(fmt.Sprint(answer.header, string(answer.body)), token) {
			t.Errorf("%s: the token is in the answer: %s", reason, answer.body)
		}
	}
	f.actions.err = context.DeadlineExceeded
	f.post(branches, `{"name":"fix"}`).problem(hostFailed, "see there whether it was made")
	f.actions.err = errors.New("a bug")
	f.post(branches, `{"name":"fix"}`).problem(internal, "the log of the daemon says why")
	for _, caller := range f.actions.callers[:2] {
		if caller != token {
			t.Error("the host was not given the caller's token")
		}
	}
	for _, shown := range []string{f.log.String(), fmt.Sprintf("%v %+v %#v %q", f.actions.callers, f.actions.callers, f.actions.callers, f.actions.callers), string(encode(f.actions.callers))} {
		if strings.Contains(shown, token) {
			t.Errorf("the token is shown: %s", shown)
		}
	}
}

func TestARefusalSaysWhatTheHostMayHaveLackedAndNothingIsSaidToBeTriedAgain(t *testing.T) {
	f := newFixture(t)
	branch, pull := `{"name":"fix","base":"nowhere"}`, `{"source":"fix","target":"nowhere","title":"t"}`
	for _, c := range []struct {
		err                ActionError
		kind               kind
		onBranch, onEither string
	}{
		{ActionError{Reason: ActionRefused, Status: 404, Said: "no such ref"}, hostRefuses, `check that the base branch "nowhere" is there, and that "fix" is not`, `the host says "no such ref"`},
		{ActionError{Reason: ActionRefused, Status: 404, Text: "HTTP status 404: gone"}, hostRefuses, `base branch "nowhere"`, "HTTP status 404: gone"},
		{ActionError{Reason: ActionFailed, Status: 500, Said: "no such object", Text: "unused"}, hostFailed, `base branch "nowhere"`, `failed with HTTP status 500: check that`},
		{ActionError{Reason: ActionFailed, Status: 500, Said: "no such object"}, hostFailed, "not asked again", `the host says "no such object"`},
		{ActionError{Reason: ActionFailed, Text: "no answer: check that the host runs"}, hostFailed, "not asked again", "could not be asked"},
		{ActionError{Reason: ActionFailed, Text: "no answer: check that the host runs"}, hostFailed, "see there whether it was made", "check that the host runs"},
		{ActionError{Reason: ActionUnsupported, Text: "use git"}, actionNotSupported, "no way to do this", "; use git"},
	} {
		f.actions.err = &c.err
		f.post(branches, branch).problem(c.kind, c.onBranch)
		f.post(branches, branch).problem(c.kind, c.onEither)
		f.post(pullRequests, pull).problem(c.kind, c.onEither)
		if answer := f.post(branches, branch); strings.Contains(string(answer.body), "tried again") || strings.Contains(string(answer.body), "unused") {
			t.Errorf("%+v: %s", c.err, answer.body)
		}
	}
	f.actions.err = &ActionError{Reason: ActionRefused, Status: 409}
	f.post(pullRequests, pull).problem(hostRefuses, `branches "fix" and "nowhere" are there`)
}

func TestAProcessThatReadsOnlyMakesNothing(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Actions = nil })
	f.post(branches, `{"name":"fix"}`).problem(actionNotSupported, "ask a daemon")
}

func TestPullRequestsOfAnIssueAreListedAndSummedUp(t *testing.T) {
	f := newFixture(t)
	var empty struct {
		Pulls []PullRequest `json:"pull_requests"`
	}
	f.get("/api/v1/issues/KAFKA-7/pull-requests").json(&empty)
	if empty.Pulls == nil || len(empty.Pulls) != 0 {
		t.Errorf("have %+v, want an empty list", empty.Pulls)
	}
	pull := storage.PullRequest{
		ID: "501", Number: 12, Title: "KAFKA-7: go on", Description: "long", Source: "kafka-7-side", Target: "trunk", State: storage.PullRequestMerged,
		Author: "ada", Created: now.Add(-time.Hour), Updated: now, WebURL: "https://git.example.com/kafka/pulls/12", Keys: []storage.IssueKey{"KAFKA-7"},
	}
	older := storage.PullRequest{ID: "7", Title: "KAFKA-7", State: storage.PullRequestOpen, Keys: pull.Keys}
	for id, p := range map[storage.RepositoryID]storage.PullRequest{kafka: pull, fork: older} {
		if err := f.store.SetPullRequests(t.Context(), id, storage.PullRequestUpdate{Changed: []storage.PullRequest{p}, SeenAt: now}); err != nil {
			t.Fatal(err)
		}
	}
	list := `"pull_requests":[{"repository":{"id":1,"name":"kafka"},"id":"501","number":12,"title":"KAFKA-7: go on","source":"kafka-7-side",` +
		`"target":"trunk","state":"merged","author":"ada","created":"2024-10-25T11:00:00Z","updated":"2024-10-25T12:00:00Z",` +
		`"url":"https://git.example.com/kafka/pulls/12","keys":["KAFKA-7"]},{"repository":{"id":2,"name":"tools"},"id":"7","number":0,` +
		`"title":"KAFKA-7","source":"","target":"","state":"open","keys":["KAFKA-7"]}]`
	answer := f.get("/api/v1/issues/old-7/pull-requests")
	if want := `{"key":"KAFKA-7",` + list + "}\n"; string(answer.body) != want {
		t.Errorf("have %s want %s", answer.body, want)
	}
	if again := f.get("/api/v1/issues/KAFKA-7/pull-requests", "If-None-Match", answer.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("status %d for what has not changed", again.status)
	}
	if summary := string(f.get("/api/v1/issues/KAFKA-7").body); !strings.Contains(summary, list) {
		t.Errorf("the summary lacks them: %s", summary)
	}
	f.get("/api/v1/issues/nothing/pull-requests").problem(badKey, "no issue key")
	f.get("/api/v1/issues/KAFKA-7/pull-requests?limit=1").problem(unknownParameter, "knows none")
}
