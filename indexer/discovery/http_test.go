package discovery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/host/github"
	"keytrail/indexer/host/hosttest"
	"keytrail/storage"
)

// scripted is a GitHub Enterprise Server with as many repositories as it is told, or an answer in their place.
type scripted struct {
	url      string
	count    atomic.Int64
	answer   atomic.Pointer[http.HandlerFunc]
	requests atomic.Int64
	polls    atomic.Int64 // of pull requests
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP gives a page of 100 repositories, each with the many fields that GitHub's have.
func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/pulls") {
		s.polls.Add(1)
		io.WriteString(w, "[]")
		return
	}
	s.requests.Add(1)
	if answer := s.answer.Load(); answer != nil {
		(*answer)(w, r)
		return
	}
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		page = 1
	}
	list := []map[string]any{}
	for i := (page - 1) * 100; i < page*100 && i < int(s.count.Load()); i++ {
		name := fmt.Sprintf("acme/r%05d", i)
		o := map[string]any{
			"id": 1000 + i, "full_name": name, "name": name[5:], "clone_url": s.url + "/" + name + ".git", "html_url": s.url + "/" + name,
			"archived": false, "default_branch": "main", "topics": []string{"one", "two"},
			"owner": map[string]any{"login": "acme", "id": 1, "url": s.url + "/api/v3/users/acme"},
		}
		for _, link := range strings.Fields("archive assignees blobs branches collaborators comments commits compare contents contributors deployments") {
			o[link+"_url"] = s.url + "/api/v3/repos/" + name + "/" + link + "{/sha}"
		}
		list = append(list, o)
	}
	if page*100 < int(s.count.Load()) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=100&page=%d>; rel="next"`, s.url, r.URL.Path, page+1))
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(list)
}

func (s *scripted) answers(h http.HandlerFunc) {
	if h == nil {
		s.answer.Store(nil)
		return
	}
	s.answer.Store(&h)
}

// source is the integration of the server.
func (s *scripted) source(t *testing.T, expression string) discovery.Source {
	t.Helper()
	return s.sourceAt(t, expression, 10_000)
}

// sourceAt is one that asks for so much a second.
func (s *scripted) sourceAt(t *testing.T, expression string, rate float64) discovery.Source {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	h, err := github.New(host.Config{
		Name: "acme", URL: s.url, Token: hosttest.Secret("a-token"), Transport: transport, Origins: []string{s.url},
		Limits: host.Limits{Backoff: time.Millisecond, Wait: time.Millisecond, Rate: rate, Body: 1 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	made := source(h)
	if expression != "" {
		f, err := filter.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		made.Filter = f
	}
	return made
}

// discover asks for a discovery and waits until one has ended.
func (b *bench) discover() {
	b.t.Helper()
	before := b.state()
	if err := b.discoverer.Discover("acme", false); err != nil {
		b.t.Fatal(err)
	}
	b.until(func(s discovery.State) bool {
		return s.Failures != before.Failures || s.LastSuccess != before.LastSuccess
	})
}

func (b *bench) until(done func(discovery.State) bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if s := b.state(); !s.IsRunning && done(s) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("it did not happen within a minute: %+v", b.state())
		}
	}
}

func TestNoKindOfFailedAnswerLosesARepository(t *testing.T) {
	s := newScripted(t)
	s.count.Store(150)
	b := newBench(t)
	b.run(s.source(t, "[?!archived]"))
	b.until(func(s discovery.State) bool { return !s.LastSuccess.IsZero() })
	b.has(150, "at the start")
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	const isJSON = "application/json"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		class  storage.ErrorClass
	}{
		{"401", answer(401, isJSON, `{"message": "Bad credentials"}`), storage.ClassAuth},
		{"403", answer(403, isJSON, `{"message": "Resource not accessible"}`), storage.ClassAuth},
		{"404", answer(404, isJSON, `{"message": "Not Found"}`), storage.ClassGone},
		{"500", answer(500, "text/html", `<html>Oops</html>`), storage.ClassTransient},
		{"503", answer(503, "text/plain", `down`), storage.ClassTransient},
		{"a login page", answer(200, "text/html", `<html>Sign in</html>`), storage.ClassAuth},
		{"JSON cut short", answer(200, isJSON, `[{"id": 1001, "na`), storage.ClassTransient},
		{"no JSON", answer(200, isJSON, `hello`), storage.ClassTransient},
		{"nothing", answer(200, isJSON, ``), storage.ClassTransient},
		{"null", answer(200, isJSON, `null`), storage.ClassTransient},
		{"an error with status 200", answer(200, isJSON, `{"message": "busy"}`), storage.ClassTransient},
		{"an empty list", answer(200, isJSON, `[]`), storage.ClassTransient},
		{"a tenth of the list", answer(200, isJSON, `[{"id": 1000, "full_name": "acme/r00000", "archived": false}]`), storage.ClassTransient},
		{"repositories without ids", answer(200, isJSON, `[{"full_name": "acme/r00000", "archived": false}]`), storage.ClassCorrupt},
		{"strings", answer(200, isJSON, `["acme/r00000"]`), storage.ClassCorrupt},
		{"too much", answer(200, isJSON, `["`+strings.Repeat("x", 1<<20)+`"]`), storage.ClassCorrupt},
		{"a clone URL elsewhere", answer(200, isJSON, `[{"id": 1, "full_name": "a/b", "clone_url": "https://git.example.com/a/b"}]`), storage.ClassAuth},
		{"a redirect elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://git.example.com/", http.StatusFound)
		}, storage.ClassAuth},
		{"a failure on the second page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") == "2" {
				answer(403, isJSON, `{"message": "no more"}`)(w, r)
				return
			}
			w.Header().Set("Link", `<`+s.url+r.URL.Path+`?page=2>; rel="next"`)
			answer(200, isJSON, `[]`)(w, r)
		}, storage.ClassAuth},
		{"429", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			answer(429, "text/plain", "slow down")(w, r)
		}, storage.ClassThrottled},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			s.answers(c.answer)
			b.discover()
			b.has(150, "after it")
			if got := b.state(); got.Class != c.class || got.Text == "" {
				t.Errorf("class %q of %q, want %q", got.Class, got.Text, c.class)
			}
		})
	}
	b.t = t
	s.answers(nil)
	b.until(func(s discovery.State) bool { return s.Class == "" })
	b.has(150, "when it is well again")
}

func TestAFilterThatFailsOnTheAnswerLosesNothing(t *testing.T) {
	for expression, class := range map[string]storage.ErrorClass{
		"[?contains(missing, 'x')]": storage.ClassCorrupt,   // a function is given null
		"value[?archived]":          storage.ClassCorrupt,   // no such key: null
		"length(@)":                 storage.ClassCorrupt,   // a number
		"[].full_name":              storage.ClassCorrupt,   // no objects
		"[?name == 'nothing']":      storage.ClassTransient, // none, which is doubted
	} {
		t.Run(expression, func(t *testing.T) {
			s := newScripted(t)
			s.count.Store(7)
			b := newBench(t)
			b.run(s.source(t, ""))
			b.until(func(s discovery.State) bool { return !s.LastSuccess.IsZero() })
			b.set(s.source(t, expression))
			b.until(func(s discovery.State) bool { return s.Class == class })
			b.has(7, "after it")
		})
	}
}

func TestTenThousandRepositoriesAreDiscoveredAgainAndAgainInTheSameMemory(t *testing.T) {
	const many = 10_000
	s := newScripted(t)
	s.count.Store(many)
	b := newBench(t)
	b.run(s.source(t, "[?!archived && starts_with(name, 'r')]"))
	b.until(func(s discovery.State) bool { return !s.LastSuccess.IsZero() })
	b.has(many, "after the first discovery")
	heap := func() (mib float64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	first := heap()
	b.discover()
	if n := s.requests.Load(); n != 2*many/100 {
		t.Errorf("%d requests for two discoveries, want one for each page", n)
	}
	last := heap()
	if last > first*1.2 {
		t.Errorf("%.1f MiB are held after two discoveries, %.1f MiB after one", last, first)
	}
	t.Logf("%.1f MiB held after one discovery, %.1f MiB after two", first, last)
}

func TestADiscoveryGoesBeforePollsOfPullRequestsWithoutStoppingThem(t *testing.T) {
	const pages, pollers, rate = 15, 8, 20
	s := newScripted(t)
	s.count.Store(100 * pages)
	source := s.sourceAt(t, "", rate)
	b := newBench(t)
	b.run(source)
	b.until(func(s discovery.State) bool { return !s.LastSuccess.IsZero() })
	ctx, stop := context.WithCancel(t.Context())
	var polling sync.WaitGroup
	for range pollers {
		polling.Go(func() {
			for ctx.Err() == nil {
				_, err := source.Host.(host.PullRequests).PullRequests(ctx, host.Repository{Name: "acme/r00001"}, time.Time{})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for s.polls.Load() < 2*pollers {
		time.Sleep(time.Millisecond)
	}
	before := s.polls.Load()
	b.discover()
	during := s.polls.Load() - before
	stop()
	polling.Wait()
	// In the order in which they came there would be one poll of each poller for each page.
	if during == 0 || during > 3*pages {
		t.Errorf("%d polls went while %d pages were discovered", during, pages)
	}
	t.Logf("%d polls went while %d pages were discovered", during, pages)
}
