package httpapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestAnUnchangedAnswerIsNotSentAgain(t *testing.T) {
	f := newFixture(t)
	targets := []string{
		"/api/v1/issues/KAFKA-7", "/api/v1/issues/KAFKA-7/commits", "/api/v1/issues/KAFKA-7/branches", "/api/v1/issues/KAFKA-7/tags",
		"/api/v1/repositories", "/api/v1/repositories/1", "/api/v1/repositories/1/commits/" + oid(2).String(),
		"/api/v1/explain?text=x", "/openapi.yaml",
	}
	for _, target := range targets {
		tag := f.get(target).header.Get("ETag")
		for _, same := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			answer := f.get(target, "If-None-Match", same)
			if answer.status != http.StatusNotModified || len(answer.body) != 0 || answer.header.Get("ETag") != tag {
				t.Errorf("%s, If-None-Match %s: status %d, %d bytes", target, same, answer.status, len(answer.body))
			}
		}
		if answer := f.get(target, "If-None-Match", `"other"`); answer.status != http.StatusOK {
			t.Errorf("%s: status %d for another tag", target, answer.status)
		}
	}
	if a, b := f.get("/api/v1/issues/KAFKA-7"), f.get("/api/v1/issues/KAFKA-8"); a.header.Get("ETag") == b.header.Get("ETag") {
		t.Error("two answers have one tag")
	}
	if a := f.get("/api/v1/issues/nonsense", "If-None-Match", "*"); a.status != http.StatusBadRequest || a.header.Get("ETag") != "" {
		t.Errorf("a problem: status %d, tag %q", a.status, a.header.Get("ETag"))
	}
}

func TestUnknownMethodsAreToldTheKnownOnes(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct{ method, target, allow string }{
		{http.MethodPost, "/api/v1/issues/KAFKA-7", "GET, HEAD"},
		{http.MethodDelete, "/api/v1/repositories/1", "GET, HEAD"},
		{http.MethodOptions, "/api/v1/repositories", "GET, HEAD"},
		{http.MethodPut, "/api/v1/repositories/1/reindex", "POST"},
		{http.MethodGet, "/api/v1/repositories/1/reindex", "POST"},
	} {
		answer := f.do(test.method, test.target, "")
		answer.problem(methodNotAllowed, test.allow)
		if got := answer.header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow %q, want %q", test.method, test.target, got, test.allow)
		}
	}
}

func TestBrowsersCannotBeMisused(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{"/api/v1/issues/KAFKA-7", "/nowhere", "/metrics", "/api/v1/export"} {
		h := f.get(target, "Origin", "https://evil.example.com").header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", target, h)
		}
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}} {
		f.post("/api/v1/repositories/1/reindex", "", header...).problem(crossOrigin, "another site")
	}
	if len(f.indexer.asked) > 0 {
		t.Errorf("the indexer was asked: %v", f.indexer.asked)
	}
	if answer := f.post("/api/v1/repositories/1/reindex", "", "Sec-Fetch-Site", "same-origin"); answer.status != http.StatusAccepted {
		t.Errorf("same origin: status %d", answer.status)
	}
}

func TestAPageCannotReachLoopbackUnderItsOwnName(t *testing.T) {
	open, guarded := newFixture(t), newFixture(t, withTokens)
	tests := []struct {
		local, host string
		refused     bool
	}{
		{"127.0.0.1", "evil.example.com", true},
		{"127.0.0.1", "evil.example.com:8790", true},
		{"127.0.0.1", "localhost.evil.example.com", true},
		{"::1", "evil.example.com:8790", true},
		{"127.0.0.1", "localhost:8790", false},
		{"127.0.0.1", "LOCALHOST.", false},
		{"127.0.0.1", "keytrail.localhost", false},
		{"127.0.0.1", "127.0.0.1:8790", false},
		{"::1", "[::1]:8790", false},
		{"::1", "[::1]", false},
		{"127.0.0.1", "", false},
		{"192.0.2.1", "keytrail.example.com", false},
	}
	for _, test := range tests {
		for _, f := range []*fixture{open, guarded} {
			r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
			r.Host = test.host
			local := &net.TCPAddr{IP: net.ParseIP(test.local)}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
			w := httptest.NewRecorder()
			f.server.Handler().ServeHTTP(w, r)
			if refused := w.Code == http.StatusMisdirectedRequest; refused != (test.refused && f == open) {
				t.Errorf("host %q over %s, tokens %t: status %d", test.host, test.local, f == guarded, w.Code)
			}
		}
	}
}

func TestUnroutedPathsTellNothingWithoutAToken(t *testing.T) {
	f := newFixture(t, withTokens)
	f.get("/nowhere").problem(unauthorized, "Authorization: Bearer")
	f.do(http.MethodDelete, "/api/v1/repositories", "").problem(unauthorized, "Authorization: Bearer")
	f.tokens = true
	f.get("/nowhere").problem(routeNotFound, "no route")
}

func TestTokensChangeAtRunTime(t *testing.T) {
	f := newFixture(t, withTokens)
	f.tokens = true
	if got := f.get("/api/v1/repositories").status; got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	if log := f.log.String(); !strings.Contains(log, `"token":"jira"`) || strings.Contains(log, secret) {
		t.Errorf("log: %s", log)
	}
	tokens := []Token{{Name: "next", Hash: sha256.Sum256([]byte("next secret"))}}
	f.server.SetTokens(tokens)
	tokens[0] = Token{Name: "changed behind its back", Hash: sha256.Sum256([]byte(secret))}
	f.get("/api/v1/repositories").problem(unauthorized, "none of the configured ones")
	if got := f.get("/api/v1/repositories", "Authorization", "Bearer next secret").status; got != http.StatusOK {
		t.Errorf("the new token: status %d", got)
	}
	f.server.SetTokens(nil)
	if got := f.get("/api/v1/repositories", "Authorization", "").status; got != http.StatusOK {
		t.Errorf("without tokens: status %d", got)
	}
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	f := newFixture(t, withTokens)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/repositories", nil)
	r.Header["Authorization"] = []string{"Bearer " + secret, "Bearer " + secret}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="keytrail"` {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

func TestAPanicIsAProblemAndIsLogged(t *testing.T) {
	f := newFixture(t)
	f.store.before = func(context.Context) { panic("the store has a bug") }
	f.get("/api/v1/issues/KAFKA-7").problem(internal, "please report it")
	if log := f.log.String(); !strings.Contains(log, "the store has a bug") || !strings.Contains(log, "serve_test.go") {
		t.Errorf("log: %s", log)
	}
	if got := testutil.ToFloat64(f.server.metrics.panics); got != 1 {
		t.Errorf("%v panics counted", got)
	}
	f.store.before = nil
	if got := f.get("/api/v1/issues/KAFKA-7").status; got != http.StatusOK {
		t.Errorf("status %d after a panic", got)
	}
}

func TestMetricsAreLintedAndBounded(t *testing.T) {
	f := newFixture(t)
	f.get("/api/v1/issues/KAFKA-7")
	f.get("/api/v1/issues/KAFKA-8")
	f.get("/api/v1/issues/nonsense")
	f.get("/nowhere/1")
	f.get("/nowhere/2")
	f.do("BREW", "/api/v1/repositories", "")
	f.do("STEEP", "/api/v1/repositories", "")
	f.do(http.MethodHead, "/api/v1/export", "")
	var series []string
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			line := family.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			series = append(series, line)
		}
	}
	slices.Sort(series)
	want := []string{
		"keytrail_http_panics_total",
		"keytrail_http_request_duration_seconds 200 GET /api/v1/issues/{key}",
		"keytrail_http_request_duration_seconds 200 HEAD /api/v1/export",
		"keytrail_http_request_duration_seconds 400 GET /api/v1/issues/{key}",
		"keytrail_http_request_duration_seconds 404 GET none",
		"keytrail_http_request_duration_seconds 405 other none",
		"keytrail_http_requests_in_flight",
	}
	if !slices.Equal(series, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(series, "\n"), strings.Join(want, "\n"))
	}
	if problems, err := testutil.GatherAndLint(f.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if got := testutil.ToFloat64(f.server.metrics.inFlight); got != 0 {
		t.Errorf("%v requests in flight", got)
	}
	if body := string(f.get("/metrics").body); !strings.Contains(body, "keytrail_http_requests_in_flight 1") {
		t.Error(body)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	f := newFixture(t)
	lacks := map[string]func(*Options){
		"store":      func(o *Options) { o.Store = nil },
		"indexer":    func(o *Options) { o.Indexer = nil },
		"keys":       func(o *Options) { o.Keys = nil },
		"text":       func(o *Options) { o.ExplainText = nil },
		"ready":      func(o *Options) { o.Ready = nil },
		"registerer": func(o *Options) { o.Registerer = nil },
		"gatherer":   func(o *Options) { o.Gatherer = nil },
		"drain":      func(o *Options) { o.Drain = 0 },
	}
	for name, change := range lacks {
		o := f.server.options
		o.Registerer = prometheus.NewRegistry()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("made a server without %s", name)
		}
	}
	_, err := New(f.server.options)
	if _, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); !ok {
		t.Errorf("a second server on one registry: %v", err)
	}
}
