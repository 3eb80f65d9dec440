package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"keytrail/storage"
	"keytrail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the fixture's clock: an hour after the newest commit.
var now = time.Date(2024, 10, 25, 12, 0, 0, 0, time.UTC)

// fixture is a server over a small index; see seed for what is in it.
type fixture struct {
	t        testing.TB
	server   *Server
	store    *failing
	indexer  *recordedIndexer
	differ   *madeDiffer
	actions  *recordedActions
	webhooks *recordedWebhooks
	registry *prometheus.Registry
	log      *bytes.Buffer
	ready    error
	tokens   bool // the next requests bear one
}

const secret = "a-secret-of-the-test"

func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: &failing{Store: memstore.New()}, indexer: &recordedIndexer{}, differ: &madeDiffer{}, actions: &recordedActions{}, webhooks: &recordedWebhooks{}, registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	t.Cleanup(func() { f.store.Close() })
	seed(t, f.store)
	o := Options{
		Store:        f.store,
		Indexer:      f.indexer,
		Differ:       f.differ,
		Discoverer:   &recordedDiscoverer{},
		Webhooks:     f.webhooks,
		Actions:      f.actions,
		BranchName:   nameBranch,
		Associations: f.store,
		Releases:     ReleaseNames{Tags: []string{"*"}, Branches: []string{"trunk", "main", "release/*"}},
		ContextPath:  "/jira",
		Keys:         userKey,
		ExplainText:  explainText,
		Fetched:      madeFetches{f.store},
		Ready:        func() error { return f.ready },
		Registerer:   f.registry,
		Gatherer:     f.registry,
		Version:      "1.2.3",
		Log:          zerolog.New(&lockedWriter{w: f.log}).Level(zerolog.DebugLevel),
		Drain:        5 * time.Second,
		Now:          func() time.Time { return now },
	}
	for _, c := range change {
		c(&o)
	}
	server, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.server = server
	return f
}

func withTokens(o *Options) {
	o.Tokens = []Token{
		{Name: "other", Hash: sha256.Sum256([]byte("another secret"))},
		{Name: "jira", Hash: sha256.Sum256([]byte(secret))},
	}
}

// reply is a recorded answer that the contract allows.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// get asks for a target and holds the answer to the contract.
func (f *fixture) get(target string, header ...string) reply {
	f.t.Helper()
	return f.do(http.MethodGet, target, "", header...)
}

// post sends a JSON body.
func (f *fixture) post(target, body string, header ...string) reply {
	f.t.Helper()
	return f.do(http.MethodPost, target, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// do sends a request; header lists names and values in turn, an empty value removing the one before.
func (f *fixture) do(method, target, body string, header ...string) reply {
	f.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if f.tokens {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Del(pair[0])
		if pair[1] != "" {
			r.Header.Set(pair[0], pair[1])
		}
	}
	recorder := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(recorder, r)
	answer := recorder.Result()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	holdToContract(f.t, method, f.server.plainPath(path)+"?"+query, body, r.Header, answer, b)
	return reply{t: f.t, status: answer.StatusCode, header: answer.Header, body: b}
}

// json reads the answer, which must be 200, into v.
func (a reply) json(v any) {
	a.t.Helper()
	if a.status != http.StatusOK {
		a.t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
}

// problem checks that the answer is a problem of a kind whose detail has a part.
func (a reply) problem(k kind, part string) {
	a.t.Helper()
	var p problemBody
	if err := json.Unmarshal(a.body, &p); err != nil {
		a.t.Fatalf("status %d, no problem: %s", a.status, a.body)
	}
	status, title := k.describe()
	if p.Type != problemType+string(k) || a.status != status || p.Status != status || p.Title != title {
		a.t.Errorf("status %d, problem %+v; want kind %s", a.status, p, k)
	}
	if !strings.Contains(p.Detail, part) {
		a.t.Errorf("detail %q lacks %q", p.Detail, part)
	}
}

// recordedIndexer remembers what it was asked for.
type recordedIndexer struct {
	asked []string
	err   error
}

func (i *recordedIndexer) Reindex(_ context.Context, id storage.RepositoryID, full bool) error {
	i.asked = append(i.asked, fmt.Sprintf("reindex %d full=%t", id, full))
	return i.err
}

func (i *recordedIndexer) Nudge(ids ...storage.RepositoryID) {
	i.asked = append(i.asked, fmt.Sprint("nudge ", ids))
}

// failing is a store that can be told to fail, or to call back before it answers about an issue.
type failing struct {
	storage.Store
	err         error // of Issue, Holders and, after a few postings, of Postings
	before      func(context.Context)
	forgotten   storage.RepositoryID
	manyPosting int // postings to make up
	pageSize    int // commits of a page at most; 0: as asked for
}

func (s *failing) Commits(ctx context.Context, q storage.CommitQuery) (storage.CommitPage, error) {
	if s.pageSize > 0 {
		q.Limit = min(q.Limit, s.pageSize)
	}
	return s.Store.Commits(ctx, q)
}

func (s *failing) Repository(ctx context.Context, id storage.RepositoryID) (storage.Repository, error) {
	if id == s.forgotten {
		return storage.Repository{}, storage.ErrNotFound
	}
	return s.Store.Repository(ctx, id)
}

func (s *failing) Issue(ctx context.Context, q storage.IssueQuery) (storage.Issue, error) {
	if s.before != nil {
		s.before(ctx)
	}
	if s.err != nil {
		return storage.Issue{}, s.err
	}
	return s.Store.Issue(ctx, q)
}

func (s *failing) Holders(ctx context.Context, o storage.OID) iter.Seq2[storage.RepositoryID, error] {
	if s.err != nil {
		return func(yield func(storage.RepositoryID, error) bool) { yield(0, s.err) }
	}
	return s.Store.Holders(ctx, o)
}

func (s *failing) Postings(ctx context.Context, project string) iter.Seq2[storage.Posting, error] {
	return func(yield func(storage.Posting, error) bool) {
		for i := range s.manyPosting {
			if !yield(storage.Posting{Key: storage.IssueKey(fmt.Sprintf("MADE-%d", i+1)), Repository: kafka, OID: oid(1)}, ctx.Err()) {
				return
			}
		}
		if s.err != nil {
			yield(storage.Posting{}, s.err)
			return
		}
		for p, err := range s.Store.Postings(ctx, project) {
			if !yield(p, err) {
				return
			}
		}
	}
}

var keyForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]+-[1-9][0-9]{0,9}$`)

// userKey stands in for the key grammar: upper case, and the project OLD is KAFKA now.
func userKey(text string) (storage.IssueKey, error) {
	key := strings.ToUpper(text)
	if !keyForm.MatchString(key) {
		return "", fmt.Errorf("%.40q is no issue key: want a project, a hyphen and a number, as KAFKA-16845", text)
	}
	if number, ok := strings.CutPrefix(key, "OLD-"); ok {
		key = "KAFKA-" + number
	}
	return storage.IssueKey(key), nil
}

// explainText stands in for the key grammar: it finds one key at the beginning, and refuses all else.
func explainText(text string) []Finding {
	word, _, _ := strings.Cut(text, " ")
	if !keyForm.MatchString(word) {
		return []Finding{{Text: word, End: len(word), Reason: "not a key"}}
	}
	return []Finding{{Text: word, End: len(word), Key: storage.IssueKey(word), Found: true}}
}

// madeFetches are what was fetched: of kafka what the index has, and a commit that is lost; of the broken repository nothing can be told.
type madeFetches struct{ store storage.Reader }

func (m madeFetches) Has(ctx context.Context, id storage.RepositoryID, o storage.OID) (bool, error) {
	if id == broken {
		return false, &storage.SourceError{Class: storage.ClassCorrupt, Err: errors.New("a pack is damaged")}
	}
	isHeld, err := m.store.Holds(ctx, id, o)
	return isHeld || id == kafka && o == oid(0xcc), err
}

func (madeFetches) Refspecs(storage.RepositoryID) []string {
	return []string{"+refs/heads/*:refs/heads/*", "+refs/pull/*:refs/pull/*"}
}

func (m madeFetches) RefspecFor(id storage.RepositoryID, ref string) string {
	if strings.HasPrefix(ref, "refs/tags/") {
		return ""
	}
	return m.Refspecs(id)[0]
}

// lockedWriter lets handlers on several goroutines write one log.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
