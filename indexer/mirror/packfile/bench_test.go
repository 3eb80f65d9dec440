package packfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// restored is one of the real histories that lie beside the project, with every commit and ref and empty trees. The test
// is skipped where they are not.
func restored(tb testing.TB, name string) *gittest.Repo {
	tb.Helper()
	script := filepath.Join("..", "..", "..", "..", "shared", "histories", "restore")
	if _, err := os.Stat(script); err != nil {
		tb.Skipf("the real histories are not beside the project: %v", err)
	}
	dir := filepath.Join(tb.TempDir(), name+".git")
	if out, err := exec.Command(script, name, dir).CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", script, name, err, out)
	}
	return gittest.Open(tb, dir)
}

// peeled is every ref's commit.
func peeled(tb testing.TB, repo *gittest.Repo) []storage.OID {
	tb.Helper()
	var tips []storage.OID
	for line := range strings.Lines(repo.Git("for-each-ref", "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname)")) {
		f := strings.Fields(line)
		for i := 0; i+1 < len(f); i += 2 {
			if f[i] == "commit" {
				oid, err := storage.ParseOID(f[i+1])
				if err != nil {
					tb.Fatal(err)
				}
				tips = append(tips, oid)
			}
		}
	}
	return tips
}

func opened(tb testing.TB, repo *gittest.Repo, o Options) *Store {
	tb.Helper()
	s, err := Open(filepath.Join(repo.Path, "objects"), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkWalk reads every commit of the kafka history.
func BenchmarkWalk(b *testing.B) {
	repo := restored(b, "kafka")
	tips := peeled(b, repo)
	s := opened(b, repo, Options{})
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			b.ReportAllocs()
			commits, cpu := 0, processorTime(b)
			for b.Loop() {
				for batch, err := range s.Walk(b.Context(), tips, nil, WalkOptions{Workers: workers}) {
					if err != nil {
						b.Fatal(err)
					}
					commits += len(batch.Commits)
					batch.Release()
				}
			}
			report(b, commits, cpu)
		})
	}
}

// BenchmarkInflate is the limit of BenchmarkWalk: it inflates the same commits and does nothing else.
func BenchmarkInflate(b *testing.B) {
	repo := restored(b, "kafka")
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) { inflateOnly(b, repo, workers) })
	}
}

func inflateOnly(b *testing.B, repo *gittest.Repo, workers int) {
	p := opened(b, repo, Options{}).now.packs[0]
	calls := commitStreams(b, p)
	commits, cpu := 0, processorTime(b)
	for b.Loop() {
		var running sync.WaitGroup
		for i := range workers {
			running.Go(func() {
				f, err := newInflater()
				if err != nil {
					b.Error(err)
					return
				}
				defer f.close()
				var dst []byte
				for j := i; j < len(calls); j += workers {
					last := calls[j][len(calls[j])-1]
					dst = resize(dst, int64(last.out+last.len))
					f.inflate(p.data[:p.end], dst, calls[j])
				}
			})
		}
		running.Wait()
		for _, streams := range calls {
			commits += len(streams)
		}
	}
	report(b, commits, cpu)
}

// commitStreams is where the commits of a pack are, in lists of 1024. Deltas are all taken for commits, which those of a history
// of empty trees are.
func commitStreams(b *testing.B, p *pack) [][]stream {
	l, err := newLayout(p)
	if err != nil {
		b.Fatal(err)
	}
	var calls [][]stream
	var keys []uint64
	for c := range l.chunks() {
		if keys, err = l.objects(p, c, keys); err != nil {
			b.Fatal(err)
		}
		for _, key := range keys {
			e, err := p.entry(int64(c)<<chunkBits + int64(key>>32))
			if err != nil {
				b.Fatal(err)
			}
			if e.kind != byte(Commit) && !e.isDelta() {
				continue
			}
			if n := len(calls); n == 0 || len(calls[n-1]) == 1024 {
				calls = append(calls, nil)
			}
			last := &calls[len(calls)-1]
			out := uint64(0)
			if n := len(*last); n > 0 {
				out = (*last)[n-1].out + (*last)[n-1].len
			}
			*last = append(*last, stream{in: uint64(e.data), out: out, len: uint64(e.size)})
		}
	}
	return calls
}

// report tells how many commits went by in a second, and how many would in a second of processor time.
func report(b *testing.B, commits int, cpu time.Duration) {
	b.ReportMetric(float64(commits)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(commits)/(processorTime(b)-cpu).Seconds(), "commits/cpu-s")
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
