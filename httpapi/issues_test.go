package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

// shas lists the commits of a page as "repository:n" of oid(n).
func shas(p Commits) []string {
	list := []string{}
	for _, c := range p.Commits {
		list = append(list, fmt.Sprintf("%d:%d", c.Repository.ID, c.SHA[0]))
	}
	return list
}

func TestCommitJSONIsAsTheDesignFixesIt(t *testing.T) {
	var page struct{ Commits []json.RawMessage }
	newFixture(t).get("/api/v1/issues/ZK-1/commits?repository=kafka").json(&page)
	if len(page.Commits) != 1 {
		t.Fatalf("%d commits", len(page.Commits))
	}
	want := `{"sha":"0200000000000000000000000000000000000002","repository":{"id":1,"name":"kafka"},` +
		`"author":{"name":"Ada Example","email":"ada@example.com","date":"2024-10-21T10:00:00+05:00"},` +
		`"committer":{"name":"Bo Example","email":"bo@example.com","date":"2024-10-21T10:00:00+05:00"},` +
		`"message":"KAFKA-7, ZK-1: <go> on & on\n","parents":["0100000000000000000000000000000000000001"],"merge":false,` +
		`"keys":["KAFKA-7","ZK-1","ZK-2"],"branches":["kafka-7-side","trunk"],"tags":["1.0"],` +
		`"first_tag":"1.0","in_default":true,"notes":{"refs/notes/commits":"reviewed, ZK-2\n"}}`
	if diff := cmp.Diff(want, string(page.Commits[0])); diff != "" {
		t.Error(diff)
	}
}

func TestCommitsAreFilteredAndNewestFirst(t *testing.T) {
	f := newFixture(t)
	tests := []struct{ query, want string }{
		{"", "1:4 1:5 1:2 2:2 1:1 2:1"},
		{"limit=2", "1:4 1:5"},
		{"repository=1", "1:4 1:5 1:2 1:1"},
		{"repository=kafka", "1:4 1:5 1:2 1:1"},
		{"repository=2", "2:2 2:1"},
		{"repository=3", ""},
		{"repository=kafka&ref=trunk", "1:4 1:2 1:1"},
		{"repository=kafka&ref=refs/heads/kafka-7-side", "1:5 1:2 1:1"},
		{"ref=1.0", "1:2 1:1"},
		{"ref=no-such-ref", ""},
		{"since=2024-10-23", "1:4 1:5"},
		{"since=2024-10-23T10:00:00Z", "1:4 1:5"},
		{"since=2024-10-23T10:00:01Z", "1:4"},
		{"until=2024-10-23T10:00:00Z", "1:2 2:2 1:1 2:1"},
		{"until=2024-10-21", "1:1 2:1"},
		{"since=2024-10-21T10:00:00%2B05:00&until=2024-10-22", "1:2 2:2"},
	}
	for _, test := range tests {
		var page Commits
		f.get("/api/v1/issues/KAFKA-7/commits?" + test.query).json(&page)
		if diff := cmp.Diff(strings.Fields(test.want), shas(page)); diff != "" {
			t.Errorf("%s: %s", test.query, diff)
		}
	}
}

func TestPagesGiveEveryCommitOnce(t *testing.T) {
	f := newFixture(t)
	for _, query := range []string{"", "&repository=kafka", "&ref=trunk", "&until=2024-10-24&since=2024-10-21"} {
		var whole Commits
		f.get("/api/v1/issues/KAFKA-7/commits?limit=1000" + query).json(&whole)
		for limit := 1; limit <= 3; limit++ {
			got, cursor := []string{}, ""
			for range 10 {
				var page Commits
				f.get(fmt.Sprintf("/api/v1/issues/KAFKA-7/commits?limit=%d%s%s", limit, query, cursor)).json(&page)
				got = append(got, shas(page)...)
				if page.Next == "" {
					break
				}
				cursor = "&cursor=" + page.Next
			}
			if diff := cmp.Diff(shas(whole), got); diff != "" {
				t.Errorf("query %q limit %d: %s", query, limit, diff)
			}
		}
	}
}

func TestKeysAreCanonicalisedAndUnknownOnesEmpty(t *testing.T) {
	f := newFixture(t)
	for written, want := range map[string]string{"kafka-7": "KAFKA-7", "OLD-7": "KAFKA-7", "KAFKA-8": "KAFKA-8"} {
		var page Commits
		f.get("/api/v1/issues/" + written + "/commits").json(&page)
		if string(page.Key) != want || (len(page.Commits) == 0) != (want == "KAFKA-8") {
			t.Errorf("%s: key %s, %d commits; want key %s", written, page.Key, len(page.Commits), want)
		}
	}
	want := `{"key":"KAFKA-8","commits":0,"repositories":[],"branches":[],"tags":[],"pull_requests":[]}` + "\n"
	if diff := cmp.Diff(want, string(f.get("/api/v1/issues/KAFKA-8").body)); diff != "" {
		t.Error(diff)
	}
}

func TestIssueSumsUpWhatBelongsToIt(t *testing.T) {
	f := newFixture(t)
	var issue Issue
	f.get("/api/v1/issues/KAFKA-7").json(&issue)
	if issue.Commits != 4 || issue.First == nil || issue.Last == nil {
		t.Fatalf("%+v", issue)
	}
	if first, last := fmt.Sprint(issue.First), fmt.Sprint(issue.Last); !strings.HasPrefix(first, "2024-10-20 10:00:00") || !strings.HasPrefix(last, "2024-10-25 11:00:00 -0800") {
		t.Errorf("first %s, last %s", first, last)
	}
	wantIn := []RepositoryCount{{RepositoryRef{kafka, "kafka"}, 4}, {RepositoryRef{fork, "tools"}, 2}}
	if diff := cmp.Diff(wantIn, issue.Repositories); diff != "" {
		t.Error(diff)
	}
	var branches struct{ Branches []Ref }
	f.get("/api/v1/issues/KAFKA-7/branches").json(&branches)
	side := Ref{Repository: RepositoryRef{kafka, "kafka"}, Name: "kafka-7-side", SHA: oid(5), ByName: true, ByCommit: true}
	if !slices.Contains(branches.Branches, side) || cmp.Diff(issue.Branches, branches.Branches) != "" {
		t.Errorf("branches %+v, of the issue %+v", branches.Branches, issue.Branches)
	}
	var tags struct{ Tags []Ref }
	f.get("/api/v1/issues/KAFKA-7/tags").json(&tags)
	want := []Ref{{Repository: RepositoryRef{kafka, "kafka"}, Name: "1.0", SHA: oid(2), ByCommit: true}}
	if diff := cmp.Diff(want, tags.Tags); diff != "" {
		t.Error(diff)
	}
}

func TestRefsAreSortedByNameThenRepository(t *testing.T) {
	refs := []storage.IssueRef{{Repository: fork, Name: "b"}, {Repository: kafka, Name: "b"}, {Repository: fork, Name: "a"}}
	sorted, err := refsOf(context.Background(), refs, newFixture(t).server.names(), Links.Branch)
	if err != nil {
		t.Fatal(err)
	}
	order := ""
	for _, r := range sorted {
		order += fmt.Sprintf("%s%d ", r.Name, r.Repository.ID)
	}
	if order != "a2 b1 b2 " {
		t.Error(order)
	}
}

func TestAForgottenRepositoryIsLeftOutOfAnAnswerUnderWay(t *testing.T) {
	f := newFixture(t)
	f.store.forgotten = fork
	var page Commits
	f.get("/api/v1/issues/KAFKA-7/commits").json(&page)
	var issue Issue
	f.get("/api/v1/issues/KAFKA-7").json(&issue)
	if got := strings.Join(shas(page), " "); got != "1:4 1:5 1:2 1:1" || len(issue.Repositories) != 1 {
		t.Errorf("commits %s, repositories %v", got, issue.Repositories)
	}
	if body := string(f.get("/api/v1/export").body); strings.Contains(body, "tools") {
		t.Error(body)
	}
}

func TestBatchAnswersInTheOrderOfItsKeys(t *testing.T) {
	f := newFixture(t)
	var batch struct{ Issues []Commits }
	f.post("/api/v1/issues/commits", `{"keys":["ZK-1","OLD-7","KAFKA-8","ZK-1"],"limit":2}`).json(&batch)
	got := ""
	for _, i := range batch.Issues {
		got += fmt.Sprintf("%s %v; ", i.Key, shas(i))
	}
	if want := "ZK-1 [1:2 2:2]; KAFKA-7 [1:4 1:5]; KAFKA-8 []; ZK-1 [1:2 2:2]; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var rest Commits
	f.get("/api/v1/issues/KAFKA-7/commits?cursor=" + url.QueryEscape(batch.Issues[1].Next)).json(&rest)
	if got := strings.Join(shas(rest), " "); got != "1:2 2:2 1:1 2:1" {
		t.Errorf("a batch's cursor continues with %s", got)
	}
}

func TestCommitOfARepository(t *testing.T) {
	f := newFixture(t)
	var commit Commit
	f.get("/api/v1/repositories/1/commits/" + strings.ToUpper(oid(4).String())).json(&commit)
	if commit.SHA != oid(4) || !commit.Merge || len(commit.Parents) != 2 || commit.Notes == nil {
		t.Errorf("%+v", commit)
	}
	want := `{"sha":"` + oid(3).String() + `","repository":{"id":1,"name":"kafka"},"keys":[],"decided":[]}` + "\n"
	if diff := cmp.Diff(want, string(f.get("/api/v1/repositories/1/commits/"+oid(3).String()+"/issues").body)); diff != "" {
		t.Error(diff)
	}
	if got := string(f.get("/api/v1/repositories/1/commits/" + oid(2).String() + "/issues").body); !strings.Contains(got, `["KAFKA-7","ZK-1","ZK-2"]`) {
		t.Error(got)
	}
}

func TestExplainTellsOfAText(t *testing.T) {
	f := newFixture(t)
	want := `{"text":"KAFKA-7 <b>","findings":[{"text":"KAFKA-7","start":0,"end":7,"key":"KAFKA-7","found":true}]}` + "\n"
	if diff := cmp.Diff(want, string(f.get("/api/v1/explain?text="+url.QueryEscape("KAFKA-7 <b>")).body)); diff != "" {
		t.Error(diff)
	}
}

func TestExportGivesEveryPostingOnALine(t *testing.T) {
	f := newFixture(t)
	answer := f.get("/api/v1/export?project=ZK")
	want := `{"key":"ZK-1","sha":"` + oid(2).String() + `","repository":{"id":1,"name":"kafka"}}
{"key":"ZK-1","sha":"` + oid(2).String() + `","repository":{"id":2,"name":"tools"}}
{"key":"ZK-2","sha":"` + oid(2).String() + `","repository":{"id":1,"name":"kafka"}}
`
	if diff := cmp.Diff(want, string(answer.body)); diff != "" {
		t.Error(diff)
	}
	if got := strings.Count(string(f.get("/api/v1/export").body), "\n"); got != 9 {
		t.Errorf("%d postings, want 9", got)
	}
	if got := string(f.get("/api/v1/export?project=old").body); strings.Count(got, `"KAFKA-7"`) != 6 {
		t.Errorf("a project's alias is not followed: %s", got)
	}
	if empty := f.get("/api/v1/export?project=NONE"); empty.status != http.StatusOK || len(empty.body) != 0 {
		t.Errorf("%d %s", empty.status, empty.body)
	}
	if head := f.do(http.MethodHead, "/api/v1/export", ""); head.status != http.StatusOK || len(head.body) != 0 {
		t.Errorf("HEAD: %d %s", head.status, head.body)
	}
}
