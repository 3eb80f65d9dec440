package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/bench"
	"keytrail/bench/reference"
	"keytrail/httpapi"
	"keytrail/indexer/mirror/gittest"
)

// TestKafkaOverHTTPIsIndexedAsGitLogTellsIt indexes a real history with all its pull requests from git http-backend,
// and holds the API's answer for every key, the export, and verify --deep against a reading of git log that shares no
// code with keytrail, and branches, tags and releases against git.
func TestKafkaOverHTTPIsIndexedAsGitLogTellsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole history takes its time: left out by -short")
	}
	if underRace {
		t.Skip("ten thousand questions take minutes under the race detector: make test runs this one without it")
	}
	repo, err := bench.Restore(t.Context(), filepath.Join("..", "..", "shared", "histories"), "kafka", t.TempDir())
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recorded histories are not beside this checkout: ../shared/histories is absent")
	}
	if err != nil {
		t.Fatal(err)
	}
	served := gittest.Open(t, repo)
	served.Git("config", "uploadpack.allowFilter", "true")
	data := t.TempDir()
	out := keytrail(t, exitOK, "index", "--json", "--data", data, "--refspec", "+refs/pull/*:refs/pull/*", gittest.Serve(t, served, gittest.Options{}))
	commits, want := 0, map[string][]string{}
	for c, err := range reference.Log(t.Context(), repo) {
		if err != nil {
			t.Fatal(err)
		}
		commits++
		for _, k := range c.Keys {
			want[k] = append(want[k], c.SHA)
		}
	}
	var s summary
	if err := json.Unmarshal(out, &s); err != nil || s.Commits != int64(commits) {
		t.Fatalf("indexed %d commits, %v; git log has %d", s.Commits, err, commits)
	}
	for _, shas := range want {
		slices.Sort(shas)
	}
	exported := map[string][]string{}
	for line := range bytes.Lines(keytrail(t, exitOK, "export", "--data", data)) {
		var p httpapi.Posting
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		exported[string(p.Key)] = append(exported[string(p.Key)], p.SHA.String())
	}
	for _, shas := range exported {
		slices.Sort(shas)
	}
	if d := cmp.Diff(want, exported); d != "" {
		t.Errorf("export differs from git log (-git +export):\n%s", d)
	}
	askForEveryKey(t, data, want)
	askForContainment(t, data, served, want)
	keytrail(t, exitOK, "verify", "--deep", "--data", data)
}

// askForEveryKey holds the API's answers, page by page, against what git says.
func askForEveryKey(t *testing.T, data string, want map[string][]string) {
	t.Helper()
	rules, err := keyRules("")
	if err != nil {
		t.Fatal(err)
	}
	client, err := openInProcess(dataDir(data), rules, Process{Stdout: os.Stdout, Stderr: os.Stderr, Exit: os.Exit})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		var got []string
		query := url.Values{"limit": {"200"}}
		for {
			var page httpapi.Commits
			if err := client.get(t.Context(), "/api/v1/issues/"+key+"/commits", query, &page); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			for _, c := range page.Commits {
				got = append(got, c.SHA.String())
			}
			if page.Next == "" {
				break
			}
			query.Set("cursor", page.Next)
		}
		slices.Sort(got)
		if !slices.Equal(got, want[key]) {
			t.Fatalf("%s: the API gives %d commits, git log %d:\n%s", key, len(got), len(want[key]), cmp.Diff(want[key], got))
		}
	}
}

// keytrail runs a command line and gives what it prints; the exit code must be as said.
func keytrail(t *testing.T, code int, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	got := Main(context.WithoutCancel(t.Context()), args, Process{Stdout: &stdout, Stderr: &stderr, Exit: os.Exit})
	if got != code {
		t.Fatalf("keytrail %v: exit code %d, want %d\n%s%s", args, got, code, stdout.String(), stderr.String())
	}
	return stdout.Bytes()
}
