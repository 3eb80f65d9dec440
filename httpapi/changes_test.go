package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"keytrail/storage"
	"keytrail/storage/memstore"
)

// replica is what a follower of the feed holds.
type replica struct {
	held   map[string]bool // lines of (key, commit, repository)
	cursor string
}

func newReplica() *replica { return &replica{held: map[string]bool{}} }

func (p *replica) apply(changes ...Change) {
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %d", c.Key, c.SHA, c.Repository.ID)
		if c.Op == "add" {
			p.held[line] = true
		} else {
			delete(p.held, line)
		}
	}
}

// readPage follows one page as JSON.
func (p *replica) readPage(f *fixture, token, query string) (atEnd bool) {
	f.t.Helper()
	var page Changes
	f.as(token, http.MethodGet, "/api/v1/changes?"+query+p.from(), "").json(&page)
	p.apply(page.Changes...)
	p.cursor = page.Next
	return page.AtEnd
}

func (p *replica) from() string {
	if p.cursor == "" {
		return ""
	}
	return "&cursor=" + url.QueryEscape(p.cursor)
}

// readLines follows the lines of a stream; atEnd is what the last mark says.
func (p *replica) readLines(t testing.TB, body []byte) (atEnd bool) {
	t.Helper()
	for line := range bytes.Lines(body) {
		var entry struct {
			Change
			Next  string `json:"next"`
			AtEnd bool   `json:"at_end"`
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if entry.Next == "" {
			p.apply(entry.Change)
			continue
		}
		p.cursor, atEnd = entry.Next, entry.AtEnd
	}
	return atEnd
}

// exported gives what GET /api/v1/export holds, as lines of a replica.
func (f *fixture) exported(token string) map[string]bool {
	f.t.Helper()
	held := map[string]bool{}
	for line := range bytes.Lines(f.as(token, http.MethodGet, "/api/v1/export", "").body) {
		var p Posting
		if err := json.Unmarshal(line, &p); err != nil {
			f.t.Fatal(err)
		}
		held[fmt.Sprintf("%s %s %d", p.Key, p.SHA, p.Repository.ID)] = true
	}
	return held
}

// writer changes an index at random.
type writer struct {
	t     *rapid.T
	store storage.Store
	made  int
}

// write makes one change: commits pushed or dropped, a repository registered, forgotten or retired, something decided by hand, or
// the feed trimmed.
func (w *writer) write(t testing.TB) {
	ctx := context.Background()
	var live []storage.Repository
	for r, err := range w.store.Repositories(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		live = append(live, r)
	}
	if len(live) == 0 || rapid.IntRange(0, 9).Draw(w.t, "register") == 0 {
		w.made++
		spec := storage.RepositorySpec{Integration: rapid.SampledFrom([]string{"acme", ""}).Draw(w.t, "integration"), HostID: strconv.Itoa(w.made), Name: "made"}
		if _, err := w.store.Register(ctx, []storage.RepositorySpec{spec}); err != nil {
			t.Fatal(err)
		}
		return
	}
	r := rapid.SampledFrom(live).Draw(w.t, "repository")
	n := byte(rapid.IntRange(1, 12).Draw(w.t, "commit"))
	switch rapid.IntRange(0, 9).Draw(w.t, "kind") {
	case 0:
		if err := w.store.Forget(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
	case 1, 2, 3:
		decided := storage.Association{
			Key: rapid.SampledFrom([]storage.IssueKey{"A-1", "ZK-1", "ZK-2"}).Draw(w.t, "key"), OID: oid(n),
			Verdict: rapid.SampledFrom([]storage.Verdict{storage.VerdictAdd, storage.VerdictDrop, storage.VerdictClear}).Draw(w.t, "verdict"),
		}
		if _, err := w.store.Associate(ctx, []storage.Association{decided}); err != nil {
			t.Fatal(err)
		}
	default:
		w.push(t, r.ID, n)
	}
}

// push moves a branch of a repository to a commit of its own, or deletes it.
func (w *writer) push(t testing.TB, id storage.RepositoryID, n byte) {
	ref := rapid.SampledFrom([]string{"refs/heads/main", "refs/heads/side"}).Draw(w.t, "ref")
	var old storage.OID
	if at, err := w.store.Tip(context.Background(), id, ref); err == nil {
		old = at.OID
	}
	change := storage.TipChange{Old: old}
	change.Ref = ref
	a := storage.Advance{Repository: id, SeenAt: now}
	if old.IsZero() || rapid.Bool().Draw(w.t, "push") {
		change.OID, change.Commit = oid(n), oid(n)
		a.Commits = commits(made(n, "2024-10-20T10:00:00Z", "text\n", []storage.IssueKey{"A-1", storage.IssueKey(fmt.Sprintf("ZK-%d", n))}))
	}
	if change.OID == old {
		return
	}
	a.Tips = []storage.TipChange{change}
	advance(t, w.store, a)
}

func TestWhoFollowsTheFeedHoldsTheExport(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store := memstore.New()
		f := newFixture(t, withScopes, func(o *Options) { o.Store, o.Associations = store, store })
		defer store.Close()
		w := &writer{t: r, store: store}
		followers := map[string]*replica{"all": newReplica(), "zk": newReplica(), "acme": newReplica()}
		follow := func(token string) {
			limit := "limit=" + strconv.Itoa(rapid.IntRange(1, 7).Draw(r, "limit"))
			if rapid.Bool().Draw(r, "lines") {
				body := f.get("/api/v1/changes?"+limit+followers[token].from(), "Authorization", "Bearer "+token, "Accept", ndjsonType).body
				if !followers[token].readLines(t, body) {
					t.Fatalf("the stream ends before the end of the feed: %s", body)
				}
				return
			}
			for pages := rapid.IntRange(1, 5).Draw(r, "pages"); pages > 0 && !followers[token].readPage(f, token, limit); pages-- {
			}
		}
		for range rapid.IntRange(1, 30).Draw(r, "writes") {
			w.write(t)
			follow(rapid.SampledFrom(slices.Sorted(maps.Keys(followers))).Draw(r, "follower"))
		}
		for token, p := range followers {
			for !p.readPage(f, token, "limit=3") {
			}
			if diff := cmp.Diff(f.exported(token), p.held); diff != "" {
				t.Fatalf("token %s holds something else than the export (-want +got):\n%s", token, diff)
			}
		}
	})
}

func TestAChangeTellsWhatHappened(t *testing.T) {
	f := newFixture(t)
	var page Changes
	f.get("/api/v1/changes").json(&page)
	if !page.AtEnd || len(page.Changes) != 9 || !page.Changes[0].Initial || page.Changes[0].Op != "add" || page.Changes[0].Repository.Name != "kafka" || page.Changes[0].At != nil {
		t.Fatalf("%+v", page)
	}
	f.post("/api/v1/repositories/2/commits/"+oid(1).String()+"/issues", `{"drop":["KAFKA-7"]}`)
	if err := f.store.Forget(t.Context(), fork); err != nil {
		t.Fatal(err)
	}
	cursor := page.Next
	page = Changes{}
	f.get("/api/v1/changes?cursor=" + cursor).json(&page)
	got := []string{}
	for _, c := range page.Changes {
		if c.At == nil || c.Initial {
			t.Errorf("%+v", c)
		}
		got = append(got, fmt.Sprintf("%s %s %s %d %q", c.Op, c.Key, c.SHA.String()[:2], c.Repository.ID, c.Repository.Name))
	}
	want := []string{`drop KAFKA-7 01 1 "kafka"`, `drop KAFKA-7 01 2 ""`, `drop KAFKA-7 02 2 ""`, `drop ZK-1 02 2 ""`}
	if diff := cmp.Diff(want, got); diff != "" || page.Changes[0].Sequence >= page.Changes[3].Sequence {
		t.Errorf("%+v\n%s", page.Changes, diff)
	}
	f.get("/api/v1/changes?project=ZK&cursor="+cursor).problem(badCursor, "another question")
	f.get("/api/v1/changes?project=ZK").json(&page)
	if len(page.Changes) != 2 {
		t.Errorf("the changes of ZK: %+v", page.Changes)
	}
}

func TestACursorThatIsTooOldIsGone(t *testing.T) {
	f := newFixture(t)
	var page Changes
	f.get("/api/v1/changes?limit=1").json(&page)
	f.post("/api/v1/repositories/2/commits/"+oid(1).String()+"/issues", `{"drop":["KAFKA-7"]}`)
	if err := f.store.TrimFeed(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.get("/api/v1/changes?cursor="+page.Next).problem(feedGone, "begin again without a cursor")
	f.get("/api/v1/changes?cursor="+page.Next, "Accept", ndjsonType).problem(feedGone, "begin again without a cursor")
	other := newFixture(t)
	other.get("/api/v1/changes?cursor="+page.Next).problem(feedGone, "another")
	f.get("/api/v1/changes?wait=61").problem(badParameter, "up to 1m0s")
	f.get("/api/v1/changes?wait=soon").problem(badParameter, "up to 1m0s")
	f.get("/api/v1/changes?limit=1001").problem(badParameter, "from 1 to 1000")
	f.get("/api/v1/changes?cursor=x").problem(badCursor, "malformed")
}

// follow begins to ask a server on the network for changes.
func (f *fixture) followOver(address, query string, header ...string) (*http.Response, context.CancelFunc) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	f.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/changes?"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	answer, err := client(f.t).Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { answer.Body.Close() })
	return answer, cancel
}

func TestWhoWaitsIsToldWhenSomethingComesHoweverSlowlyItDoes(t *testing.T) {
	f := newFixture(t)
	f.server.writeTimeout = 20 * time.Millisecond // which waiting does not count for
	address, _ := f.start()
	p := newReplica()
	p.readPage(f, "", "")
	go func() {
		time.Sleep(3 * f.server.writeTimeout)
		_, err := f.store.Associate(context.Background(), []storage.Association{{Key: "NEW-1", OID: oid(1), Verdict: storage.VerdictAdd}})
		if err != nil {
			t.Error(err)
		}
	}()
	answer, _ := f.followOver(address, "wait=60"+p.from())
	var page Changes
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || len(page.Changes) != 2 || page.Changes[0].Key != "NEW-1" {
		t.Errorf("%v: %+v", err, page)
	}
	p.cursor = page.Next
	if !p.readPage(f, "", "wait=10ms") || len(p.held) != 9 {
		t.Errorf("a wait for nothing: %v", p.held)
	}
	began := time.Now()
	var none Changes
	f.get("/api/v1/changes?project=ZK&wait=30ms").json(&none)
	f.get("/api/v1/changes?project=ZK&wait=30ms&cursor=" + none.Next).json(&none)
	if len(none.Changes) != 0 || time.Since(began) < 30*time.Millisecond {
		t.Errorf("after %v: %+v", time.Since(began), none)
	}
}

func TestAStreamGoesOnWhileChangesComeAndEndsWithTheServer(t *testing.T) {
	f := newFixture(t)
	address, stop := f.start()
	answer, _ := f.followOver(address, "wait=60", "Accept", ndjsonType)
	lines := bufio.NewScanner(answer.Body)
	next := func() (told []string) {
		for lines.Scan() {
			told = append(told, lines.Text())
			if strings.Contains(lines.Text(), `"at_end":true`) {
				return told
			}
		}
		return told
	}
	if told := next(); len(told) != 10 {
		t.Fatalf("%d lines: %v", len(told), told)
	}
	for n := byte(1); n < 4; n++ {
		if _, err := f.store.Associate(t.Context(), []storage.Association{{Key: "NEW-1", OID: oid(n), Verdict: storage.VerdictAdd}}); err != nil {
			t.Fatal(err)
		}
		if told := next(); len(told) < 2 || !strings.Contains(told[0], "NEW-1") {
			t.Fatalf("lines %v", told)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the stream goes on with %q, or was cut off: %v", lines.Text(), lines.Err())
	}
	if strings.Contains(f.log.String(), "cut off") {
		t.Error("the wait held the server up")
	}
}

func TestAStreamEndsWhenTheTokensChange(t *testing.T) {
	f := newFixture(t, withScopes)
	address, _ := f.start()
	answer, _ := f.followOver(address, "wait=60", "Accept", ndjsonType, "Authorization", "Bearer all")
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), `"at_end":true`) {
	}
	f.server.SetTokens(nil)
	if _, err := f.store.Associate(t.Context(), []storage.Association{{Key: "NEW-1", OID: oid(1), Verdict: storage.VerdictAdd}}); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the stream goes on with %q, or was cut off: %v", lines.Text(), lines.Err())
	}
}
