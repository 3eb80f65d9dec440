package mirror

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// restored is one of the real histories that lie beside the project, with every commit and ref and empty
// trees. The test is skipped where they are not.
func restored(tb testing.TB, name string) *gittest.Repo {
	tb.Helper()
	script := filepath.Join("..", "..", "..", "shared", "histories", "restore")
	if _, err := os.Stat(script); err != nil {
		tb.Skipf("the real histories are not beside the project: %v", err)
	}
	dir := filepath.Join(tb.TempDir(), name+".git")
	if out, err := exec.Command(script, name, dir).CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", script, name, err, out)
	}
	repo := gittest.Open(tb, dir)
	repo.Git("config", "uploadpack.allowFilter", "true")
	return repo
}

// TestARealHistoryIsWhatGitSaysInPlaceAndOverHTTP also shows that one new commit among thousands of refs costs one object.
func TestARealHistoryIsWhatGitSaysInPlaceAndOverHTTP(t *testing.T) {
	repo := restored(t, "zookeeper")
	want := sortedLines(repo.Git("rev-list", "--all"))
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	r.specs = chosen(t, "refs/pull/*")
	local := openLocal(t, repo.Path, "refs/pull/*")
	for _, s := range []source{local, r} {
		now, fetched := update(t, s, nil)
		if len(now.Refs) != len(repo.Refs()) {
			t.Errorf("%T: %d refs of %d", s, len(now.Refs), len(repo.Refs()))
		}
		if sorted(walked(t, s, tips(fetched.Refs), nil)) != want {
			t.Errorf("%T: the walk differs from git rev-list --all", s)
		}
	}
	before := look(t, r)
	oid := repo.Commit("ABC-1")
	known := func(oid storage.OID) (bool, error) { return repo.OID("HEAD~1") == oid, nil }
	for _, s := range []source{local, r} {
		_, fetched := update(t, s, before)
		if fetched.Objects > 1 {
			t.Errorf("%T: one new commit cost %d objects", s, fetched.Objects)
		}
		if news := walked(t, s, tips(fetched.Refs), known); len(news) != 1 || news[oid].Message != "ABC-1" {
			t.Errorf("%T: the walk to what is known gave %v", s, news)
		}
	}
}

// BenchmarkWalk decodes every commit of the kafka history, in place, and finds its keys. The limit is BenchmarkInflate of package
// packfile.
func BenchmarkWalk(b *testing.B) {
	repo := restored(b, "kafka")
	rules, err := issuekey.New(issuekey.Options{Deny: issuekey.DefaultDeny()})
	if err != nil {
		b.Fatal(err)
	}
	find := func(dst []storage.IssueKey, message string) []storage.IssueKey {
		return issuekey.AppendKeys(dst, rules, message)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			l, err := OpenLocal(repo.Path, chosen(b, "refs/pull/*"), Options{Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			_, fetched := update(b, l, nil)
			b.ReportAllocs()
			commits, cpu := 0, processorTime(b)
			for b.Loop() {
				for batch, err := range l.Walk(b.Context(), tips(fetched.Refs), nil, find) {
					if err != nil {
						b.Fatal(err)
					}
					commits += len(batch)
				}
			}
			b.ReportMetric(float64(commits)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(float64(commits)/(processorTime(b)-cpu).Seconds(), "commits/cpu-s")
		})
	}
}

// BenchmarkLook reads the 23,000 refs of the kafka history, in place, and with fetch finds the commits behind all of them.
func BenchmarkLook(b *testing.B) {
	l := openLocal(b, restored(b, "kafka").Path, "refs/pull/*")
	for name, run := range map[string]func(){"look": func() { look(b, l) }, "look+fetch": func() { update(b, l, nil) }} {
		b.Run(name, func(b *testing.B) {
			cpu := processorTime(b)
			for b.Loop() {
				run()
			}
			b.ReportMetric((processorTime(b)-cpu).Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestAPanicInAWalkReachesWhoAskedForIt(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	defer func() {
		if p := recover(); p == nil {
			t.Error("the panic was lost")
		}
	}()
	local, err := OpenLocal(repo.Path, Refspecs{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	known := func(storage.OID) (bool, error) {
		if asked++; asked > 1 {
			panic("a bug")
		}
		return false, nil
	}
	second := repo.Commit("ABC-2 second")
	for range local.Walk(t.Context(), []storage.OID{second}, known, nil) {
	}
}
