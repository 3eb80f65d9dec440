package httpapi

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// devInfo asks for a body and holds it to Jira's limits.
func (f *fixture) devInfo(query string) DevInfo {
	f.t.Helper()
	var body DevInfo
	f.get("/api/v1/export/devinfo?" + query).json(&body)
	all := 0
	kinds := map[string]int{}
	for _, r := range body.Repositories {
		kinds["commits"] += len(r.Commits)
		kinds["branches"] += len(r.Branches)
		kinds["pull requests"] += len(r.PullRequests)
		all += len(r.Commits) + len(r.Branches) + len(r.PullRequests)
	}
	for kind, n := range kinds {
		if n > 400 {
			f.t.Errorf("%s: %d %s", query, n, kind)
		}
	}
	if all > 1000 || len(body.Repositories) > 100 {
		f.t.Errorf("%s: %d entities of %d repositories", query, all, len(body.Repositories))
	}
	return body
}

func TestDevInfoOfAnIssueIsWhatJiraTakes(t *testing.T) {
	f := newFixture(t)
	setPulls(t, f)
	body := f.devInfo("issue=old-7&files=true")
	if !body.PreventTransitions || body.Next != "" || len(body.Deletions) != 0 || len(body.Repositories) != 2 {
		t.Fatalf("body %+v", body)
	}
	r := body.Repositories[0]
	if r.ID != "1" || r.Name != "kafka" || r.URL != "https://git.example.com/kafka" || r.UpdateSequenceID == 0 || len(r.Commits) != 4 {
		t.Errorf("repository %+v", r)
	}
	if body.Repositories[1].URL != "https://git.example.com/tools.git" {
		t.Errorf("without a page for people: %+v", body.Repositories[1])
	}
	merge, second := r.Commits[0], r.Commits[2]
	if merge.Hash != oid(4) || !slices.Equal(merge.Flags, []string{"MERGE_COMMIT"}) || merge.FileCount != 4 || merge.Files[0].ChangeType != "MOVED" {
		t.Errorf("merge %+v", merge)
	}
	if second.ID != oid(2).String() || second.DisplayID != "0200000" || second.Flags != nil || second.AuthorTimestamp != "2024-10-21T10:00:00+05:00" ||
		second.Author != (DevInfoAuthor{"Ada Example", "ada@example.com"}) || fmt.Sprint(second.IssueKeys) != "[KAFKA-7 ZK-1 ZK-2]" {
		t.Errorf("commit %+v", second)
	}
	if b := r.Branches; len(b) != 1 || b[0].Name != "kafka-7-side" || b[0].LastCommit.Hash != oid(5) || fmt.Sprint(b[0].IssueKeys) != "[KAFKA-7]" {
		t.Errorf("branches %+v", b)
	}
	p := r.PullRequests
	if len(p) != 1 || p[0].ID != "501" || p[0].DisplayID != "#12" || p[0].Status != "MERGED" || p[0].LastUpdate != "2024-10-25T12:00:00+00:00" ||
		fmt.Sprint(p[0].IssueKeys) != "[KAFKA-7 ZK-9]" {
		t.Errorf("pull requests %+v", p)
	}
	if without := f.devInfo("issue=KAFKA-7").Repositories[0].Commits[0]; without.FileCount != 0 || without.Files != nil {
		t.Errorf("files were not asked for: %+v", without)
	}
}

func TestDevInfoIsWithinJirasLimits(t *testing.T) {
	f := newFixture(t)
	keys := make([]storage.IssueKey, 150)
	for i := range keys {
		keys[i] = storage.IssueKey(fmt.Sprintf("WIDE-%03d", i+100))
	}
	long := made(7, "2024-10-24T10:00:00Z", "WIDE-100: "+strings.Repeat("é", 3000), keys)
	advance(t, f.store, storage.Advance{Repository: twin, SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/main", 7)}, Commits: commits(long)})
	c := f.devInfo("issue=WIDE-100&files=true").Repositories[0].Commits[0]
	if n := len([]rune(c.Message)); n != 1024 || len(c.IssueKeys) != 100 || c.IssueKeys[0] != "WIDE-100" {
		t.Errorf("%d characters, %d keys", n, len(c.IssueKeys))
	}
	wide := Commit{SHA: oid(9), Files: make([]File, 30)}
	if c := devInfoCommitOf(wide, &shown{}, 1); len(c.Files) != 10 || c.FileCount != 30 || c.URL != "urn:keytrail:repository:0" {
		t.Errorf("%+v", c)
	}
}

// spread gives every one of many repositories a few commits, a branch and pull requests of one issue.
func spread(t *testing.T, f *fixture, repositories, pulls int) (want map[string]bool) {
	want = map[string]bool{}
	specs := make([]storage.RepositorySpec, repositories)
	for i := range specs {
		specs[i] = storage.RepositorySpec{HostID: fmt.Sprint("spread", i), Name: fmt.Sprint("spread", i), URL: "/srv/spread.git"}
	}
	ids, err := f.store.Register(t.Context(), specs)
	if err != nil {
		t.Fatal(err)
	}
	key := []storage.IssueKey{"WIDE-1"}
	for i, id := range ids {
		var list []storage.Commit
		for n := range 5 {
			c := made(byte(100+n), "2024-10-24T10:00:00Z", "WIDE-1\n", key)
			c.OID[2], c.OID[3] = byte(i), byte(i>>8)
			if n > 0 {
				c.Parents = []storage.OID{list[n-1].OID}
			}
			list = append(list, c)
			want[fmt.Sprintf("%d %s", id, c.OID)] = true
		}
		tipped := storage.TipChange{Tip: storage.Tip{Ref: "refs/heads/wide-1", OID: list[4].OID, Commit: list[4].OID, Keys: key}}
		advance(t, f.store, storage.Advance{Repository: id, SeenAt: now, Tips: []storage.TipChange{tipped}, Commits: commits(list...)})
		want[fmt.Sprintf("%d wide-1", id)] = true
		var update storage.PullRequestUpdate
		for n := range pulls {
			update.Changed = append(update.Changed, storage.PullRequest{ID: strconv.Itoa(n), Title: "WIDE-1", State: storage.PullRequestOpen, Updated: now, Keys: key})
			want[fmt.Sprintf("%d #%d", id, n)] = true
		}
		if err := f.store.SetPullRequests(t.Context(), id, update); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// names gives what a body has, as spread does.
func (d DevInfo) names() []string {
	var names []string
	for _, r := range d.Repositories {
		for _, c := range r.Commits {
			names = append(names, r.ID+" "+c.ID)
		}
		for _, b := range r.Branches {
			names = append(names, r.ID+" "+b.Name)
		}
		for _, p := range r.PullRequests {
			names = append(names, r.ID+" #"+p.ID)
		}
	}
	return names
}

func TestDevInfoPagesOfAWideIssueGiveEverythingOnce(t *testing.T) {
	f := newFixture(t)
	want := spread(t, f, 105, 4)
	have, pages := map[string]bool{}, 0
	for query := "issue=WIDE-1"; query != ""; pages++ {
		body := f.devInfo(query)
		for _, name := range body.names() {
			if have[name] {
				t.Errorf("%s is told twice", name)
			}
			have[name] = true
		}
		if query = ""; body.Next != "" {
			query = "issue=WIDE-1&cursor=" + url.QueryEscape(body.Next)
		}
	}
	if !maps.Equal(have, want) || pages < 4 {
		t.Errorf("%d of %d in %d pages", len(have), len(want), pages)
	}
}

// jira keeps what it is sent as Jira does: of each entity that with the greatest sequence. Of what it deleted it remembers nothing.
type jira struct {
	keys     map[string]string // of a commit
	sequence map[string]uint64
}

func newJira() *jira { return &jira{map[string]string{}, map[string]uint64{}} }

// take takes a body.
func (j *jira) take(body DevInfo) {
	for _, r := range body.Repositories {
		for _, c := range r.Commits {
			if id := r.ID + "/commit/" + c.ID; c.UpdateSequenceID >= j.sequence[id] {
				j.keys[id], j.sequence[id] = fmt.Sprint(c.IssueKeys), c.UpdateSequenceID
			}
		}
	}
}

// drop carries out the deletions of a body.
func (j *jira) drop(t *testing.T, body DevInfo) {
	for _, d := range body.Deletions {
		path, number, _ := strings.Cut(strings.TrimPrefix(d.Path, "/rest/devinfo/0.10/repository/"), "?_updateSequenceId=")
		sequence, err := strconv.ParseUint(number, 10, 64)
		if err != nil || d.Method != http.MethodDelete {
			t.Fatalf("deletion %+v", d)
		}
		for id := range j.keys {
			if (id == path || strings.HasPrefix(id, path+"/")) && j.sequence[id] <= sequence {
				delete(j.keys, id)
				delete(j.sequence, id)
			}
		}
	}
}

// indexed gives the commits that have keys, as jira keeps them.
func indexed(t *testing.T, s storage.Reader) map[string]string {
	keys := map[string][]storage.IssueKey{}
	for p, err := range s.Postings(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("%d/commit/%s", p.Repository, p.OID)
		keys[id] = append(keys[id], p.Key)
	}
	want := map[string]string{}
	for id, list := range keys {
		slices.Sort(list)
		want[id] = fmt.Sprint(list)
	}
	return want
}

// follow reads the feed from a cursor to its end.
func (f *fixture) follow(cursor string) (bodies []DevInfo, next string) {
	f.t.Helper()
	for {
		query := ""
		if cursor != "" {
			query = "cursor=" + url.QueryEscape(cursor)
		}
		body := f.devInfo(query)
		bodies = append(bodies, body)
		if body.Next == cursor {
			return bodies, cursor
		}
		cursor = body.Next
	}
}

// force moves trunk between the commits 2 and 4.
func (f *fixture) force(to byte) func() error {
	from := map[byte]byte{4: 2, 2: 4}[to]
	return func() error {
		_, err := f.store.Advance(f.t.Context(), storage.Advance{
			Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now,
			Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/trunk", OID: oid(to), Commit: oid(to)}, Old: oid(from)}},
			Commits: commits(
				made(3, "2024-10-22T10:00:00Z", "no key\n", nil, oid(1)),
				made(4, "2024-10-25T11:00:00-08:00", "KAFKA-7: merge\n", []storage.IssueKey{"KAFKA-7"}, oid(2), oid(3)),
			),
		})
		return err
	}
}

// decide associates a key with a commit, or not.
func (f *fixture) decide(verdict storage.Verdict, key storage.IssueKey, n byte) func() error {
	return func() error {
		_, err := f.store.Associate(f.t.Context(), []storage.Association{{Key: key, OID: oid(n), Verdict: verdict, At: now}})
		return err
	}
}

func TestJiraHoldsTheIndexHoweverLateBodiesOfTheFeedReachIt(t *testing.T) {
	f := newFixture(t)
	var sent []DevInfo
	bodies, cursor := f.follow("")
	sent = append(sent, bodies...)
	if !bodies[0].PreventTransitions {
		t.Error("what was there already sets something off")
	}
	step := func(change func() error) {
		t.Helper()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		bodies, cursor = f.follow(cursor)
		sent = append(sent, bodies...)
		issue := f.devInfo("issue=KAFKA-7") // somebody sends one issue again between
		issue.Next = ""
		sent = append(sent, issue)
	}
	step(f.force(2))
	step(f.decide(storage.VerdictAdd, "NEW-1", 1))
	step(f.force(4))
	step(f.decide(storage.VerdictDrop, "KAFKA-7", 5))
	step(f.decide(storage.VerdictAdd, "NEW-2", 5))
	step(f.decide(storage.VerdictClear, "NEW-2", 5))
	step(func() error { return f.store.Forget(t.Context(), fork) })
	if !slices.ContainsFunc(sent, func(d DevInfo) bool { return len(d.Repositories) > 0 && !d.PreventTransitions }) {
		t.Error("nothing that is new sets anything off")
	}

	want := indexed(t, f.store)
	inOrder := newJira()
	for _, body := range sent {
		inOrder.take(body)
		inOrder.drop(t, body)
	}
	if !maps.Equal(inOrder.keys, want) {
		t.Errorf("in order Jira holds\n%v\nwant\n%v", inOrder.keys, want)
	}
	for seed := range uint64(50) {
		shuffled, late := slices.Clone(sent), newJira()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		for _, body := range shuffled {
			late.take(body)
		}
		for _, body := range shuffled {
			late.drop(t, body)
		}
		if !maps.Equal(late.keys, want) {
			t.Fatalf("in order %d Jira holds\n%v\nwant\n%v", seed, late.keys, want)
		}
	}
}

func TestTheDevInfoFeedTellsEveryCommitOfAWideIssueAndWhatElseFitsIn(t *testing.T) {
	f := newFixture(t)
	want := spread(t, f, 105, 4)
	have, pulls, branches := map[string]bool{}, 0, 0
	bodies, _ := f.follow("")
	for _, body := range bodies {
		for _, name := range body.names() {
			have[name] = true
		}
		for _, r := range body.Repositories {
			pulls, branches = pulls+len(r.PullRequests), branches+len(r.Branches)
		}
	}
	for name := range want {
		if isCommit := !strings.Contains(name, "#") && !strings.Contains(name, "wide-1"); isCommit && !have[name] {
			t.Errorf("%s is not told", name)
		}
	}
	if len(bodies) > 10 || pulls == 0 || branches == 0 {
		t.Errorf("%d bodies with %d branches and %d pull requests", len(bodies), branches, pulls)
	}
}

func TestTheDevInfoFeedWaitsForChanges(t *testing.T) {
	f := newFixture(t)
	_, cursor := f.follow("")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := make(chan DevInfo)
	go func() { told <- f.devInfo("wait=60&cursor=" + url.QueryEscape(cursor)) }()
	advance(t, f.store, storage.Advance{
		Repository: twin, SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/main", 8)},
		Commits: commits(made(8, "2024-10-24T10:00:00Z", "LATE-1\n", []storage.IssueKey{"LATE-1"})),
	})
	select {
	case body := <-told:
		if len(body.Repositories) != 1 || body.Repositories[0].Commits[0].Hash != oid(8) {
			t.Errorf("body %+v", body)
		}
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
}

func TestADevInfoRequestThatCannotBeMeantIsToldWhy(t *testing.T) {
	f := newFixture(t)
	const at = "/api/v1/export/devinfo"
	_, cursor := f.follow("")
	for target, c := range map[string]struct {
		kind kind
		part string
	}{
		"?issue=nonsense":                 {badKey, "no issue key"},
		"?issue=KAFKA-7&wait=5":           {badParameter, "leave out issue, or wait"},
		"?wait=61":                        {badParameter, "up to 1m0s"},
		"?since=1":                        {unknownParameter, "issue, cursor, files, wait"},
		"?cursor=x":                       {badCursor, "malformed"},
		"?issue=KAFKA-7&cursor=" + cursor: {badCursor, "another question"},
	} {
		f.get(at+target).problem(c.kind, c.part)
	}
}

func TestATokenExportsWhatItOpensAlone(t *testing.T) {
	f := newFixture(t, withScopes)
	setPulls(t, f)
	ask := func(token, query string) string {
		answer := f.as(token, http.MethodGet, "/api/v1/export/devinfo?"+query, "")
		if answer.status != http.StatusOK {
			t.Fatalf("%s %s: status %d, %s", token, query, answer.status, answer.body)
		}
		return string(answer.body)
	}
	for _, query := range []string{"", "issue=ZK-1"} {
		if have := ask("zk", query); !strings.Contains(have, `"issueKeys":["ZK-1","ZK-2"]`) || strings.Contains(have, `"KAFKA-7"`) {
			t.Errorf("%q of a project: %s", query, have)
		}
		if have := ask("plain", query); strings.Contains(have, oid(2).String()) || strings.Contains(have, `"kafka"`) {
			t.Errorf("%q of another integration: %s", query, have)
		}
	}
	f.as("zk", http.MethodGet, "/api/v1/export/devinfo?issue=KAFKA-7", "").problem(forbidden, "KAFKA")
	for path, part := range map[string]string{"rest/gitplugin/1.0/issues/branches": "opens some projects", "rest/gitplugin/1.0/repository?projectKey=KAFKA": "KAFKA"} {
		f.as("zk", http.MethodGet, "/"+path, "").gijRefusal(http.StatusForbidden, part)
	}
	f.as("reader", http.MethodPost, "/rest/gitplugin/2.0/reindex", "{}").gijRefusal(http.StatusForbidden, "may only read")
}

// A branch and a tag of an issue may be on a commit of other issues, which a token of one project does not open.
func TestATokenReadsNothingOfACommitItDoesNotOpenWhereABranchOrTagIsOnIt(t *testing.T) {
	f := newFixture(t, withScopes)
	advance(t, f.store, storage.Advance{
		Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now, Tips: []storage.TipChange{tip("refs/heads/zk-3", 5, "ZK-3"), tip("refs/tags/2.0", 5)},
	})
	for target, own := range map[string]string{
		"/api/v1/export/devinfo?issue=ZK-3":                  `"name":"zk-3"`,
		"/rest/gitplugin/1.0/issuegitdetails/issue/ZK-1/tag": `"name":"2.0"`,
	} {
		for token, isOpen := range map[string]bool{"zk": false, "all": true} {
			have := string(f.as(token, http.MethodGet, target, "").body)
			isTold := strings.Contains(have, "KAFKA-7: aside") || strings.Count(have, "bo@example.com") > 2
			if isTold != isOpen || !strings.Contains(have, own) || !strings.Contains(have, oid(5).String()) {
				t.Errorf("%s of %s: %s", target, token, have)
			}
		}
	}
}
