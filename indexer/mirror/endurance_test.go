package mirror

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

var cycles = flag.Int("cycles", 20, "fetches of one new commit each, for each way to a server")

// holdings are what a process holds of the machine.
type holdings struct{ resident, files, threads, goroutines int }

func (h holdings) String() string {
	return fmt.Sprintf("%d KiB resident, %d files, %d threads, %d goroutines", h.resident, h.files, h.threads, h.goroutines)
}

// held reads the holdings of this process, its garbage collected.
func held(t *testing.T) holdings {
	t.Helper()
	debug.FreeOSMemory()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	h := holdings{files: len(files), goroutines: runtime.NumGoroutine()}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &h.resident)
		fmt.Sscanf(line, "Threads: %d", &h.threads)
	}
	return h
}

// TestManyFetchesHoldNoMoreThanFew looks and fetches again and again: what one cycle leaves behind, a thousand would show.
func TestManyFetchesHoldNoMoreThanFew(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			server := gittest.Init(t)
			server.Commits("refs/heads/all", "ABC-1", *cycles+10)
			commits := strings.Fields(server.Git("rev-list", "--reverse", "refs/heads/all"))
			server.Git("update-ref", "-d", "refs/heads/all")
			url, o := way(t, server)
			r := openRemote(t, url, o)
			var before *Look
			var early holdings
			for i, tip := range commits {
				if i == 10 {
					early = held(t)
				}
				server.Git("update-ref", "refs/heads/main", tip)
				var fetched Fetched
				before, fetched = update(t, r, before)
				if fetched.Objects > 1 {
					t.Fatalf("cycle %d: %d objects came for one commit", i, fetched.Objects)
				}
			}
			late := held(t)
			t.Logf("after 10 cycles %v; after %d %v", early, len(commits), late)
			if late.files > early.files+8 || late.goroutines > early.goroutines+4 || late.threads > early.threads+8 {
				t.Error("files, threads or goroutines stay behind")
			}
			// A leak of libgit2's or ours was over 100 KiB for each cycle; heaps settle within some MiB.
			if grown := late.resident - early.resident; grown > 16<<10+10**cycles {
				t.Errorf("%d KiB stay behind", grown)
			}
			mustAgree(t, r, server)
		})
	}
}

// TestManyFetchesAtOnceAllArrive fetches sixty-four repositories at the same time.
func TestManyFetchesAtOnceAllArrive(t *testing.T) {
	const parallel = 64
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			server := gittest.Init(t)
			tip := server.Commits("refs/heads/main", "ABC-1", 50)
			url, o := way(t, server)
			before := held(t)
			dir := t.TempDir()
			all := make([]*Remote, parallel)
			for i := range all {
				all[i] = openRemoteIn(t, filepath.Join(dir, fmt.Sprint(i)), url, o)
			}
			var running sync.WaitGroup
			errs := make([]error, parallel)
			for i, r := range all {
				running.Go(func() { errs[i] = arrives(t, r, tip) })
			}
			running.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
			t.Logf("before %v; after %v", before, held(t))
		})
	}
}

// arrives fetches a repository whole and walks to its tip.
func arrives(t *testing.T, r *Remote, tip storage.OID) error {
	now, err := r.Look(t.Context(), Digest{})
	if err != nil {
		return err
	}
	fetched, err := r.Fetch(t.Context(), now, now.Refs, nil)
	if err != nil {
		return err
	}
	n := 0
	for commits, err := range r.Walk(t.Context(), tips(fetched.Refs), nil, nil) {
		if err != nil {
			return err
		}
		n += len(commits)
	}
	if n != 50 || fetched.Refs[0].Commit != tip {
		return fmt.Errorf("%d commits up to %s", n, fetched.Refs[0].Commit)
	}
	return nil
}
