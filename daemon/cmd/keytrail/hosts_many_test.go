package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
)

// replaying answers for git as a backend did when it was first asked the same: ten thousand repositories that are alike take
// one process of git for each kind of question.
func replaying(backend http.Handler) http.Handler {
	var mu sync.Mutex
	known := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, service, _ := strings.Cut(r.URL.Path, ".git")
		question := fmt.Sprintf("%s %s %s %q %s", r.Method, service, r.URL.RawQuery, r.Header["Git-Protocol"], body)
		mu.Lock()
		answer := known[question]
		if answer == nil {
			answer = httptest.NewRecorder()
			inner := r.Clone(r.Context())
			inner.URL.Path, inner.Body = "/one.git"+service, io.NopCloser(bytes.NewReader(body))
			backend.ServeHTTP(answer, inner)
			known[question] = answer
		}
		mu.Unlock()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// residentMiB is the memory of a process that is in use.
func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(after)
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

func TestTenThousandRepositoriesOfOneHostKeepNobodyElseWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand repositories take some ten seconds")
	}
	t.Parallel()
	const many = 10_000
	one, small := gittest.Init(t), newAccount(t, accountToken)
	one.Commit("MANY-1 in each")
	large := newAccount(t, accountToken)
	large.git = replaying(gittest.Backend(t, filepath.Dir(one.Path)))
	if err := os.Symlink(one.Path, filepath.Join(filepath.Dir(one.Path), "one.git")); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		large.listed = append(large.listed, large.object(i+1, fmt.Sprintf("acme/r%05d", i)))
	}
	shop := gittest.Init(t)
	shop.Commit("ABC-1 first")
	small.add(1, "acme/shop", shop)
	dir := t.TempDir()
	config := configuredAccount(t, dir, large, fmt.Sprintf("  - {name: small, type: github, url: '%s', token: {env: ACCOUNT_TOKEN}}\n", small.url), "1h")
	began := time.Now()
	d := serve(t, []string{"ACCOUNT_TOKEN=" + accountToken}, "--config", config)
	// What is discovered is known at once, and looked at in its turn.
	d.eventually("all are discovered", func() bool { return d.integration().Selected == many })
	discovered := time.Since(began)
	pushed := shop.Commit("ABC-2 while ten thousand wait")
	began = time.Now()
	d.eventually("the other host's push answers", func() bool { return slices.Equal(d.commits("ABC-2"), []string{pushed.String()}) })
	waited := time.Since(began)
	d.eventually("a hundred are indexed", func() bool {
		_, metrics := d.get("/metrics")
		_, after, _ := strings.Cut(metrics, `keytrail_repositories{integration="acme",state="indexed"} `)
		count, _, _ := strings.Cut(after, "\n")
		return atoi(count) >= 100
	})
	memory := residentMiB(t, d.cmd.Process.Pid)
	t.Logf("%d discovered in %v; another host's push answered %v later; %d MiB", many, discovered.Round(time.Millisecond),
		waited.Round(time.Millisecond), memory)
	if discovered > time.Minute || memory > 512 {
		t.Errorf("discovered in %v, %d MiB", discovered, memory)
	}
	d.stop()
}
