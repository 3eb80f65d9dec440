package indexer_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// TestAnyHarmOnTheWayIsClassifiedAndLeavesNothingBehind has the server's bytes hang, end, or be others, at every part of a
// first fetch and of a later one. Each time the look ends by itself, as a passing trouble that keeps what was indexed; nothing is
// left of it on disk; and once the harm is over the next look makes the index what git log gives.
func TestAnyHarmOnTheWayIsClassifiedAndLeavesNothingBehind(t *testing.T) {
	faults := map[string]gittest.Fault{"hang": gittest.Hang, "cut": gittest.Cut, "bend": gittest.Bend}
	for _, w := range ways {
		for name, fault := range faults {
			t.Run(w.name+" "+name, func(t *testing.T) {
				t.Parallel()
				repo := gittest.Init(t)
				repo.Commits("refs/heads/main", "ABC-1", 20)
				target, chaos := w.serve(t, repo)
				target.Remote.Wire.Stall = 10 * time.Second
				newBenchOf(t, target).look()
				whole := chaos.Sent()
				target.Remote.Wire.Stall = 500 * time.Millisecond
				b := newBenchOf(t, target)
				for i, part := range []int64{0, 25, 50, 75, 98} {
					if i > 0 { // a first fetch only once
						repo.Commits("refs/heads/main", fmt.Sprintf("ABC-%d", i), 200)
						repo.CommitTo(fmt.Sprintf("refs/heads/topic-%d", i), "ABC-7", repo.OID("main"))
					}
					chaos.Do(fault, whole*part/100)
					b.suffers(fault)
					chaos.Do(gittest.NoFault, 0)
					b.recovers(repo)
				}
			})
		}
	}
}

// suffers looks while harm is done. Small harm may come too late, or to bytes that matter to nobody.
func (b *bench) suffers(fault gittest.Fault) {
	b.t.Helper()
	began := time.Now()
	_, err := b.indexer.Look(b.t.Context(), b.id, nil)
	class := indexer.Classify(err)
	switch {
	case err == nil:
	case fault != gittest.Bend && class != storage.ClassTransient:
		b.t.Errorf("class %s of %v", class, err)
	case class == storage.ClassBug || class == storage.ClassFull:
		b.t.Errorf("class %s of %v", class, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		b.t.Errorf("it took %v: %v", took, err)
	}
	for _, left := range b.leftovers() {
		b.t.Errorf("%s is left behind", left)
	}
}

// leftovers are the files of the mirrors that only a fetch under way has.
func (b *bench) leftovers() (paths []string) {
	b.t.Helper()
	b.must(fs.WalkDir(os.DirFS(filepath.Dir(b.mirrors)), ".", func(path string, _ fs.DirEntry, err error) error {
		for _, sign := range []string{"pack_git2_", "tmp_", ".lock", ".new", ".fetch"} {
			if strings.Contains(path, sign) {
				paths = append(paths, path)
			}
		}
		return err
	}))
	return paths
}

// recovers looks when no harm is done any more. A busy machine may take longer than the short limit of the test.
func (b *bench) recovers(repo *gittest.Repo) {
	b.t.Helper()
	_, err := b.indexer.Look(b.t.Context(), b.id, nil)
	for tries := 20; errors.Is(err, wire.ErrStalled) && tries > 0; tries-- {
		_, err = b.indexer.Look(b.t.Context(), b.id, nil)
	}
	b.must(err)
	if d := cmp.Diff(truth(b.t, repo), b.links()); d != "" {
		b.t.Fatalf("the index differs from git log (-git +index):\n%s", d)
	}
}
