package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// limitRows are the table of limits, as README.md and openapi.yaml have it.
func limitRows() []string {
	row := func(what, format string, args ...any) string {
		return "| " + what + " | " + fmt.Sprintf(format, args...) + " |"
	}
	return []string{
		row("items of a page", "%d unless `limit` says, at most %d; changes %d", defaultLimit, storage.MaxLimit, storage.MaxLimit),
		row("commits of a page with their files", "%d", maxPageFiles),
		row("keys of a batch; keys times commits", "%d; %d, with files %d", maxBatchKeys, maxBatchCommits, maxBatchFiles),
		row("an issue key or a project", "%d bytes", maxKey),
		row("the beginning of a commit id", "%d to 40 digits", storage.MinDigits),
		row("patterns of releases", "%d of tags and %d of branches, of %d bytes", maxPatterns, maxPatterns, maxPattern),
		row("decisions of a call; `by`; `reason`", "%d; %d bytes; %d bytes", maxAssociations, maxBy, maxReason),
		row("a wait for changes", "%d s", maxWait/time.Second),
		row("a header", "%d KiB within %d s", maxHeaderBytes>>10, headerTimeout/time.Second),
		row("a body; of a webhook", "%d MiB; %d MiB, within %d s", maxBodyBytes>>20, maxDeliveryBytes>>20, bodyTimeout/time.Second),
		row("a client that takes its answer", "%d s for each %d KiB", writeTimeout/time.Second, writeChunk>>10),
		row("a connection without a request", "%d s", idleTimeout/time.Second),
		row("requests at a time with one token, and without tokens in all", "64 (`limits.requests_per_token`); as many again wait up to 2 s, else 429; a request that waits (`wait`) is under way"),
	}
}

func TestLimitsStandInOneTableOfTheReadmeAndTheContract(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	description := contractOf(t).Info.Description
	table := strings.Join(limitRows(), "\n")
	for name, text := range map[string]string{"README.md": string(readme), "openapi.yaml": description} {
		if !strings.Contains(text, table) {
			t.Errorf("%s lacks this table:\n%s", name, table)
		}
	}
}

func TestTextsThatAreTooLongAreRefused(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("A", maxKey)
	f.get("/api/v1/issues/"+long+"-1").problem(badKey, "none has more than 255")
	f.get("/api/v1/export?project="+long+"A").problem(badParameter, "no project key")
	f.get("/api/v1/changes?project="+long+"A").problem(badParameter, "no project key")
}

func TestATokenHasSoManyRequestsAtATimeAndOthersAreNotKeptWaiting(t *testing.T) {
	f := newFixture(t, withScopes, func(o *Options) { o.RequestsPerToken = 2 })
	f.server.crowd.patience = 0
	entered, leave := make(chan struct{}), make(chan struct{})
	f.store.before = func(context.Context) { entered <- struct{}{}; <-leave }
	done := make(chan int, 3)
	ask := func(token string) {
		go func() { done <- f.as(token, http.MethodGet, "/api/v1/issues/ZK-1", "").status }()
		<-entered
	}
	ask("all")
	ask("all")
	busy := f.as("all", http.MethodGet, "/api/v1/issues/ZK-1", "")
	busy.problem(tooManyRequests, "2 requests with this token are under way")
	if got := busy.header.Get("Retry-After"); got != retryRequest {
		t.Errorf("Retry-After %q", got)
	}
	f.as("all", http.MethodGet, "/nowhere", "").problem(tooManyRequests, "")
	ask("reader")
	for _, target := range []string{"/healthz", "/readyz", "/openapi.yaml"} {
		if got := f.as("all", http.MethodGet, target, "").status; got != http.StatusOK {
			t.Errorf("%s: %d", target, got)
		}
	}
	if got := f.post("/webhooks/acme/"+hookSecret, "{}").status; got >= 300 {
		t.Errorf("a webhook: %d", got)
	}
	close(leave)
	for range 3 {
		if got := <-done; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
	f.store.before = nil
	if got := f.as("all", http.MethodGet, "/api/v1/issues/ZK-1", "").status; got != http.StatusOK {
		t.Errorf("when they have ended: %d", got)
	}
	if n := len(f.server.crowd.inside); n != 0 {
		t.Errorf("%d tokens are remembered", n)
	}
}

func TestWithoutTokensAllRequestsAreCountedTogether(t *testing.T) {
	f := newFixture(t)
	f.server.crowd.patience = 0
	entered, leave := make(chan struct{}), make(chan struct{})
	f.store.before = func(context.Context) { entered <- struct{}{}; <-leave }
	f.server.SetRequestsPerToken(1)
	done := make(chan int, 1)
	go func() { done <- f.get("/api/v1/issues/ZK-1").status }()
	<-entered
	f.get("/api/v1/repositories").problem(tooManyRequests, "1 requests without a token are under way")
	f.server.SetRequestsPerToken(0)
	if got := f.get("/api/v1/repositories").status; got != http.StatusOK {
		t.Errorf("without a limit: %d", got)
	}
	close(leave)
	if got := <-done; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestARequestThatIsOneTooManyWaitsForAnotherToEnd(t *testing.T) {
	c := newCrowd(1)
	c.patience = time.Hour
	if err := c.enter(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	entered := make(chan error)
	go func() { entered <- c.enter(t.Context(), "a") }()
	for waiting := 0; waiting == 0; runtime.Gosched() {
		c.mu.Lock()
		waiting = c.line["a"]
		c.mu.Unlock()
	}
	if err := c.enter(t.Context(), "a"); err == nil {
		t.Error("one more than may wait was let in")
	}
	if err := c.enter(t.Context(), "b"); err != nil {
		t.Errorf("another token: %v", err)
	}
	c.leave("a")
	if err := <-entered; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.enter(gone, "a"); err == nil {
		t.Error("a request whose client is gone was let in")
	}
	c.leave("a")
	c.leave("b")
	if len(c.inside) != 0 || len(c.line) != 0 {
		t.Errorf("remembered: %v, waiting %v", c.inside, c.line)
	}
}
