package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

// decidedLines sums up associations: number, verdict, key and the beginning of the commit's id.
func decidedLines(list []Association) []string {
	var lines []string
	for _, a := range list {
		lines = append(lines, fmt.Sprintf("%d %s %s %s by %q with %q because %q", a.Number, a.Verdict, a.Key, a.SHA.String()[:2], a.By, a.Token, a.Reason))
	}
	return lines
}

// listAssociations asks for all pages of a list.
func (f *fixture) listAssociations(token, query string, limit int) []Association {
	f.t.Helper()
	var all []Association
	cursor := ""
	for {
		var page struct {
			Associations []Association
			Next         string
		}
		f.as(token, http.MethodGet, fmt.Sprintf("/api/v1/associations?limit=%d%s%s", limit, query, cursor), "").json(&page)
		all = append(all, page.Associations...)
		if page.Next == "" {
			return all
		}
		if len(page.Associations) != limit {
			f.t.Fatalf("a page of %d in the middle", len(page.Associations))
		}
		cursor = "&cursor=" + page.Next
	}
}

func TestWhatIsDecidedByHandHoldsInEveryRepositoryThatHasTheCommit(t *testing.T) {
	f := newFixture(t, withScopes)
	body := `{"add":["OLD-9","zk-3"],"drop":["KAFKA-7"],"by":"ada","reason":"mistyped"}`
	var done struct {
		SHA     storage.OID
		Keys    []storage.IssueKey
		Decided []Association
		Added   int64 `json:"postings_added"`
		Dropped int64 `json:"postings_dropped"`
	}
	f.as("all", http.MethodPost, "/api/v1/repositories/1/commits/"+oid(2).String()+"/issues", body).json(&done)
	if got := fmt.Sprintf("%s %v +%d -%d", done.SHA, done.Keys, done.Added, done.Dropped); got != oid(2).String()+" [KAFKA-9 ZK-1 ZK-2 ZK-3] +4 -2" {
		t.Error(got)
	}
	want := []string{
		`1 add KAFKA-9 02 by "ada" with "all" because "mistyped"`,
		`2 add ZK-3 02 by "ada" with "all" because "mistyped"`,
		`3 drop KAFKA-7 02 by "ada" with "all" because "mistyped"`,
	}
	if diff := cmp.Diff(want, decidedLines(done.Decided)); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"", "/issues"} {
		var shown struct {
			Keys    []storage.IssueKey
			Decided []Association
		}
		f.as("all", http.MethodGet, "/api/v1/repositories/2/commits/"+oid(2).String()+path, "").json(&shown)
		if diff := cmp.Diff(want, decidedLines(shown.Decided)); diff != "" || fmt.Sprint(shown.Keys) != "[KAFKA-9 ZK-1 ZK-3]" {
			t.Errorf("in the fork: %v\n%s", shown.Keys, diff)
		}
	}
	f.as("all", http.MethodPost, "/api/v1/repositories/2/commits/"+oid(2).String()+"/issues", `{"clear":["KAFKA-7"]}`).json(&done)
	if !slices.Contains(done.Keys, "KAFKA-7") || done.Added != 2 || len(done.Decided) != 2 {
		t.Errorf("cleared: %+v", done)
	}
	var page Commits
	f.as("all", http.MethodGet, "/api/v1/issues/KAFKA-9/commits", "").json(&page)
	if len(page.Commits) != 2 {
		t.Errorf("KAFKA-9 has %+v", page.Commits)
	}
}

func TestAssociationsAreListedAndTakenOver(t *testing.T) {
	f := newFixture(t, withScopes)
	f.as("all", http.MethodPost, "/api/v1/repositories/1/commits/"+oid(3).String()+"/issues", `{"add":["KAFKA-1","KAFKA-2","ZK-9"]}`)
	f.as("all", http.MethodPost, "/api/v1/repositories/1/commits/"+oid(4).String()+"/issues", `{"drop":["KAFKA-7"]}`)
	f.as("all", http.MethodPost, "/api/v1/repositories/1/commits/"+oid(3).String()+"/issues", `{"clear":["KAFKA-1"],"drop":["KAFKA-2"]}`)
	numbers := func(list []Association) string {
		var n []uint64
		for _, a := range list {
			n = append(n, a.Number)
		}
		return fmt.Sprint(n)
	}
	for query, want := range map[string]string{
		"":                                     "[3 4 5]",
		"&history=true":                        "[1 2 3 4 5 6]",
		"&key=OLD-2":                           "[5]",
		"&key=KAFKA-1":                         "[]",
		"&sha=" + oid(3).String():              "[3 5]",
		"&history=true&sha=" + oid(3).String(): "[1 2 3 5 6]",
		"&history=true&key=KAFKA-2&sha=" + oid(3).String(): "[2 5]",
	} {
		for _, limit := range []int{1, 2, 50} {
			if got := numbers(f.listAssociations("all", query, limit)); got != want {
				t.Errorf("%s by %d: %s, want %s", query, limit, got, want)
			}
		}
	}
	if got := numbers(f.listAssociations("zk", "&history=true", 50)); got != "[3]" {
		t.Errorf("a token of ZK: %s", got)
	}
	if got := numbers(f.listAssociations("plain", "&history=true", 50)); got != "[]" {
		t.Errorf("a token of repositories that do not have the commits: %s", got)
	}

	list := string(f.as("all", http.MethodGet, "/api/v1/associations?history=true", "").body)
	other := newFixture(t, withScopes)
	var done struct{ Taken int }
	other.as("acme", http.MethodPost, "/api/v1/associations", list).json(&done)
	if done.Taken != 6 {
		t.Errorf("%d were taken over", done.Taken)
	}
	if got, want := string(other.as("all", http.MethodGet, "/api/v1/export", "").body), string(f.as("all", http.MethodGet, "/api/v1/export", "").body); got != want {
		t.Errorf("the other index has\n%s\nwant\n%s", got, want)
	}
	if got := other.listAssociations("all", "", 50); len(got) != 3 || got[0].Token != "acme" {
		t.Errorf("who took them over is not told: %+v", got)
	}
}

func TestACommitThatNobodyHasIsDecidedAboutByAWholeTokenOnly(t *testing.T) {
	f := newFixture(t, withScopes)
	body := `{"associations":[{"key":"KAFKA-7","sha":"` + oid(99).String() + `","verdict":"add"}]}`
	f.as("acme", http.MethodPost, "/api/v1/associations", body).problem(commitNotFound, "no repository that the token opens")
	if got := f.as("all", http.MethodPost, "/api/v1/associations", body).status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestATokenOfAProjectAddsItsKeysToAnyCommitAndNoOthers(t *testing.T) {
	f := newFixture(t, withScopes)
	commit := "/api/v1/repositories/1/commits/" + oid(3).String()
	f.as("zk", http.MethodGet, commit, "").problem(commitNotFound, "")
	f.as("zk", http.MethodPost, commit+"/issues", `{"add":["KAFKA-7"]}`).problem(forbidden, "KAFKA")
	f.as("zk", http.MethodPost, commit+"/issues", `{"add":["ZK-7"]}`).json(&struct{}{})
	if got := f.as("zk", http.MethodGet, commit, "").status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestDecisionsThatCannotBeMeantAreRefused(t *testing.T) {
	f := newFixture(t)
	var keys []string
	for i := range maxAssociations + 1 {
		keys = append(keys, fmt.Sprintf(`"KAFKA-%d"`, i+1))
	}
	at := "/api/v1/repositories/1/commits/" + oid(2).String() + "/issues"
	for body, part := range map[string]string{
		`{}`:                                    "nothing is decided",
		`{"add":["A_1-1","a_1-1"]}`:             "A_1-1 stands twice",
		`{"add":["KAFKA-1"],"clear":["OLD-1"]}`: "KAFKA-1 stands twice",
		`{"add":[` + strings.Join(keys, ",") + `]}`:                               "more than 500 keys",
		`{"add":["KAFKA-1"],"by":"` + strings.Repeat("x", maxBy+1) + `"}`:         "by has 256 bytes",
		`{"add":["KAFKA-1"],"reason":"` + strings.Repeat("x", maxReason+1) + `"}`: "reason has 1001 bytes",
		`{"add":["KAFKA-1"],"token":"root"}`:                                      "unknown field",
	} {
		f.post(at, body).problem(badBody, part)
	}
	f.post(at, `{"add":["nonsense"]}`).problem(badKey, "no issue key")
	f.post("/api/v1/repositories/1/commits/"+oid(9).String()+"/issues", `{"add":["KAFKA-1"]}`).problem(commitNotFound, "no ref")
	list := `{"associations":[{"key":"KAFKA-7","sha":"` + oid(2).String() + `","verdict":"%s"}]}`
	f.post("/api/v1/associations", fmt.Sprintf(list, "maybe")).problem(badBody, "want one of add, drop, clear")
	f.post("/api/v1/associations", `{"associations":[{"key":"KAFKA-7","sha":"02","verdict":"add"}]}`).problem(badSHA, "40")
	f.post("/api/v1/associations", `{"associations":[]}`).problem(badBody, "nothing is decided")
	f.get("/api/v1/associations?cursor=nonsense").problem(badCursor, "malformed")
	if got := f.listAssociations("", "&history=true", 50); len(got) != 0 {
		t.Errorf("something was decided: %v", decidedLines(got))
	}
	reading := newFixture(t, func(o *Options) { o.Associations = nil })
	reading.post(at, `{"add":["KAFKA-1"]}`).problem(actionNotSupported, "ask a daemon")
}
