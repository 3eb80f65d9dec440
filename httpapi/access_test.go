package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"keytrail/storage"
)

// withScopes are tokens whose secrets are their names.
func withScopes(o *Options) {
	for _, t := range []Token{
		{Name: "all"},
		{Name: "reader", ReadOnly: true},
		{Name: "zk", Projects: []string{"ZK"}},
		{Name: "other-project", Projects: []string{"OTHER"}},
		{Name: "other-integration", Integrations: []string{"elsewhere"}},
		{Name: "acme", Integrations: []string{"acme"}},
		{Name: "plain", Integrations: []string{""}},
	} {
		t.Hash = sha256.Sum256([]byte(t.Name))
		o.Tokens = append(o.Tokens, t)
	}
}

// as asks with a token.
func (f *fixture) as(token, method, target, body string) reply {
	f.t.Helper()
	return f.do(method, target, body, "Content-Type", "application/json", "Authorization", "Bearer "+token)
}

func basicOf(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// securityOf gives what a route of the table asks for in the words of the contract.
func securityOf(to route) []string {
	switch {
	case to.open, to.proved:
		return nil
	case to.whole:
		return []string{"whole"}
	case to.write && to.basic:
		return []string{"writer", "basicWriter"}
	case to.write:
		return []string{"writer"}
	case to.basic:
		return []string{"bearer", "basic"}
	}
	return []string{"bearer"}
}

// described gives what the contract says that an operation asks for: one of these.
func described(doc *openapi3.T, operation *openapi3.Operation) []string {
	security := doc.Security
	if operation.Security != nil {
		security = *operation.Security
	}
	var names []string
	for _, requirement := range security {
		for name := range requirement {
			names = append(names, name)
		}
	}
	return names
}

// eachOperation calls back for every route of the contract, but for those that never succeed.
func eachOperation(t *testing.T, f *fixture, call func(method, path string, operation *openapi3.Operation, to route)) {
	doc := contractOf(t)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			to, ok := f.server.routes[method+" "+path]
			if !ok {
				t.Errorf("%s %s is no route", method, path)
			}
			if operation.Responses.Len() == 1 {
				continue
			}
			call(method, path, operation, to)
		}
	}
}

func TestEveryRouteAsksForWhatTheContractSays(t *testing.T) {
	f := newFixture(t, withScopes)
	eachOperation(t, f, func(method, path string, operation *openapi3.Operation, to route) {
		got, want := described(contractOf(t).T, operation), securityOf(to)
		if !slices.Equal(got, want) {
			t.Errorf("%s %s: the contract asks for %v, the table of routes for %v", method, path, got, want)
		}
		target, body := exampleRequest(method, path)
		refused := map[string][]string{
			"no token":        {},
			"another token":   {"Authorization", "Bearer wrong"},
			"empty token":     {"Authorization", "Bearer "},
			"no scheme":       {"Authorization", "all"},
			"unencoded basic": {"Authorization", "Basic all"},
			"wrong password":  {"Authorization", basicOf("ada", "wrong")},
			"no password":     {"Authorization", basicOf("all", "")},
		}
		if !slices.Contains(want, "basic") && !slices.Contains(want, "basicWriter") {
			refused["basic"] = []string{"Authorization", basicOf("ada", "all")}
		}
		for name, header := range refused {
			answer := f.do(method, target, body, append([]string{"Content-Type", "application/json"}, header...)...)
			if isOpen := len(want) == 0; isOpen && answer.status >= 300 || !isOpen && answer.status != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: status %d", method, path, name, answer.status)
			}
			if offered := len(answer.header.Values("WWW-Authenticate")); len(want) > 0 && offered != len(want) {
				t.Errorf("%s %s with %s: %d schemes are offered, want %v", method, path, name, offered, want)
			}
		}
		accepted := []string{"bEARER all"}
		if to.basic {
			accepted = append(accepted, basicOf("ada", "all"), basicOf("", "all"))
		}
		for _, header := range accepted {
			answer := f.do(method, target, body, "Content-Type", "application/json", "Authorization", header)
			if succeeds(operation) && answer.status >= 300 || answer.status == http.StatusUnauthorized {
				t.Errorf("%s %s with %s: status %d: %s", method, path, header, answer.status, answer.body)
			}
		}
	})
}

// succeeds reports whether the contract lets an operation succeed at all.
func succeeds(operation *openapi3.Operation) bool {
	for status := range operation.Responses.Map() {
		if strings.HasPrefix(status, "2") {
			return true
		}
	}
	return false
}

func TestEveryRouteKeepsATokenWithinItsBounds(t *testing.T) {
	f := newFixture(t, withScopes)
	refused := []int{http.StatusForbidden, http.StatusNotFound}
	eachOperation(t, f, func(method, path string, operation *openapi3.Operation, to route) {
		if to.open || to.proved || !succeeds(operation) {
			return
		}
		target, body := exampleRequest(method, path)
		// check asks with a token. The answer must be one of the refusals, or if it may be a success, hold none of the words.
		check := func(token string, want []int, maySucceed bool, words ...string) {
			t.Helper()
			f.indexer.asked = nil
			answer := f.as(token, method, target, body)
			isRight := slices.Contains(want, answer.status)
			if answer.status < 300 {
				isRight = maySucceed && !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(string(answer.body), word) })
			}
			if isAsked := len(f.indexer.asked) > 0; !isRight || isAsked && (!maySucceed || token == "other-integration") {
				t.Errorf("%s %s with token %s: status %d: %s; the indexer was asked %q", method, path, token, answer.status, answer.body, f.indexer.asked)
			}
		}
		if to.write {
			check("reader", []int{http.StatusForbidden}, false)
		} else {
			check("reader", nil, true)
		}
		isNative, isOfRepository := strings.HasPrefix(path, "/api/v1/"), strings.Contains(path, "{id}") || strings.Contains(path, "{integration}")
		switch {
		case to.whole:
			check("other-project", []int{http.StatusForbidden}, false)
			check("other-integration", []int{http.StatusForbidden}, false)
			return
		case strings.Contains(path, "{key}"):
			check("other-project", []int{http.StatusForbidden}, false)
		case to.write: // a repository and a pull request's title belong to no project
			check("other-project", refused, true, "ZK-")
		default:
			check("other-project", refused, true, "KAFKA-7", "ZK-")
		}
		check("other-integration", refused, !isNative || !isOfRepository, oid(2).String(), `"kafka"`, "acme")
	})
}

func TestATokenOfAProjectSeesNoOtherKeys(t *testing.T) {
	f := newFixture(t, withScopes)
	f.as("zk", http.MethodGet, "/api/v1/issues/KAFKA-7", "").problem(forbidden, `the token "zk" does not open project KAFKA, only ZK`)
	f.as("zk", http.MethodGet, "/api/v1/export?project=KAFKA", "").problem(forbidden, "KAFKA")
	for target, want := range map[string]string{
		"/api/v1/issues/ZK-1/commits":                                   `"keys":["ZK-1","ZK-2"]`,
		"/api/v1/repositories/1/commits/" + oid(2).String():             `"keys":["ZK-1","ZK-2"]`,
		"/api/v1/repositories/1/commits/" + oid(2).String() + "/issues": `"keys":["ZK-1","ZK-2"]`,
	} {
		if body := string(f.as("zk", http.MethodGet, target, "").body); !strings.Contains(body, want) || strings.Contains(body, `"KAFKA-7"`) {
			t.Errorf("%s: %s", target, body)
		}
	}
	if got, want := string(f.as("zk", http.MethodGet, "/api/v1/export", "").body), string(f.as("all", http.MethodGet, "/api/v1/export?project=ZK", "").body); got != want || got == "" {
		t.Errorf("the export holds\n%s\nwant\n%s", got, want)
	}
	f.as("zk", http.MethodGet, "/api/v1/repositories/1/commits/"+oid(1).String(), "").problem(commitNotFound, "no ref")
}

func TestATokenOfAnIntegrationSeesItsRepositoriesAlone(t *testing.T) {
	f := newFixture(t, withScopes)
	var all, some Issue
	f.as("all", http.MethodGet, "/api/v1/issues/KAFKA-7", "").json(&all)
	f.as("plain", http.MethodGet, "/api/v1/issues/KAFKA-7", "").json(&some)
	if all.Commits != 4 || some.Commits != 0 || len(some.Repositories)+len(some.Branches)+len(some.Tags) != 0 || some.First != nil {
		t.Errorf("the plain repositories have %+v of %+v", some, all)
	}
	var page struct{ Repositories []Repository }
	f.as("plain", http.MethodGet, "/api/v1/repositories", "").json(&page)
	if len(page.Repositories) != 1 || page.Repositories[0].ID != twin {
		t.Errorf("the plain repositories are %+v", page.Repositories)
	}
	f.as("plain", http.MethodGet, "/api/v1/repositories/1", "").problem(repositoryNotFound, "there is no repository 1")
	f.as("all", http.MethodGet, "/api/v1/issues/KAFKA-7/commits?repository=tools", "").problem(badParameter, "2 repositories are named")
	if got := f.as("acme", http.MethodGet, "/api/v1/issues/KAFKA-7/commits?repository=tools", "").status; got != http.StatusOK {
		t.Errorf("the only tools that the token opens: status %d", got)
	}
	advance(t, f.store, storage.Advance{
		Repository: twin, DefaultBranch: "refs/heads/main", SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/main", 1)},
		Commits: commits(made(1, "2024-10-20T10:00:00Z", "KAFKA-7: begin\n", []storage.IssueKey{"KAFKA-7"})),
	})
	f.as("plain", http.MethodGet, "/api/v1/issues/KAFKA-7", "").json(&some)
	if some.Commits != 1 || len(some.Repositories) != 1 || some.Repositories[0].ID != twin {
		t.Errorf("the plain repositories have %+v", some)
	}
}

func TestATokenFindsANewRepositoryASecondLaterAtMost(t *testing.T) {
	clock := now
	f := newFixture(t, withScopes, func(o *Options) { o.Now = func() time.Time { return clock } })
	count := func() (n int64) {
		var issue Issue
		f.as("plain", http.MethodGet, "/api/v1/issues/NEW-1", "").json(&issue)
		return issue.Commits
	}
	if n := count(); n != 0 {
		t.Fatalf("%d commits", n)
	}
	ids, err := f.store.Register(t.Context(), []storage.RepositorySpec{{HostID: "late", Name: "late", URL: "/srv/late.git"}})
	if err != nil {
		t.Fatal(err)
	}
	advance(t, f.store, storage.Advance{
		Repository: ids[0], SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/main", 9)},
		Commits: commits(made(9, "2024-10-20T10:00:00Z", "NEW-1\n", []storage.IssueKey{"NEW-1"})),
	})
	clock = clock.Add(censusAge)
	if n := count(); n != 1 {
		t.Errorf("%d commits a second later", n)
	}
}

func TestAnswersTellAsOfWhenTheyAreTrue(t *testing.T) {
	f := newFixture(t, withScopes)
	oldest := now.Add(-time.Hour).Format(time.RFC3339Nano)
	eachOperation(t, f, func(method, path string, _ *openapi3.Operation, to route) {
		target, body := exampleRequest(method, path)
		for token, want := range map[string]string{"all": oldest, "acme": oldest, "plain": ""} {
			answer := f.as(token, method, target, body)
			if !to.dated || answer.status >= 300 {
				want = ""
			}
			if got := answer.header.Get(asOfField); got != want {
				t.Errorf("%s %s with token %s: %s %q, want %q", method, path, token, asOfField, got, want)
			}
		}
	})
	tag := f.as("all", http.MethodGet, "/api/v1/issues/KAFKA-7", "").header.Get("ETag")
	same := f.get("/api/v1/issues/KAFKA-7", "Authorization", "Bearer all", "If-None-Match", tag)
	if same.status != http.StatusNotModified || same.header.Get(asOfField) != oldest {
		t.Errorf("status %d, %v", same.status, same.header)
	}
	if got := newFixture(t).get("/api/v1/issues/KAFKA-7").header.Get(asOfField); got != oldest {
		t.Errorf("without tokens: %q", got)
	}
}

func TestWhatIsNotLookedAtDoesNotMakeAnswersOld(t *testing.T) {
	seen := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	l := &roll{entries: []entry{
		{id: 1, integration: "a", isLive: true, seen: seen(1)},
		{id: 2, integration: "a", isLive: true},  // never indexed
		{id: 3, integration: "a", seen: seen(9)}, // retired
		{id: 4, integration: "b", isLive: true, seen: seen(5)},
		{id: 5, isLive: false},
	}}
	for _, c := range []struct {
		integrations []string
		scope        string
		asOf         time.Time
	}{
		{[]string{"a"}, "[1 2 3]", seen(1)},
		{[]string{"a", "b"}, "[1 2 3 4]", seen(5)},
		{[]string{""}, "[5]", time.Time{}},
		{nil, "[]", time.Time{}},
	} {
		scope, asOf := l.within(func(name string) bool { return slices.Contains(c.integrations, name) })
		want := ""
		if !c.asOf.IsZero() {
			want = c.asOf.Format(time.RFC3339Nano)
		}
		if scope == nil || fmt.Sprint(scope) != c.scope || asOf != want {
			t.Errorf("%q: %v as of %s, want %s as of %s", c.integrations, scope, asOf, c.scope, want)
		}
	}
}
