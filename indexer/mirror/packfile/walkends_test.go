package packfile

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAWalkEndsAtWhatIsKnown(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	s := opened(t, repo, Options{})
	for _, old := range []string{"s1-b1", "s1-b2~3", "s1-b7~5"} {
		want := told(t, repo, "--all", "^"+old)
		below := told(t, repo, old)
		known := func(oid storage.OID) (bool, error) { return below[oid] != "", nil }
		got, err := walked(t, s, peeled(t, repo), known, WalkOptions{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		differ(t, got, want)
	}
	everything := func(storage.OID) (bool, error) { return true, nil }
	if got, err := walked(t, s, peeled(t, repo), everything, WalkOptions{}); len(got) > 0 || err != nil {
		t.Errorf("%d commits of none, %v", len(got), err)
	}
}

// TestAFewNewCommitsCostNoSweep counts what is decoded, which is what a push is to cost.
func TestAFewNewCommitsCostNoSweep(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	s := opened(t, repo, Options{})
	old := repo.OID("s1-b1")
	tip := repo.CommitTo("refs/heads/s1-b1", "new")
	known := func(oid storage.OID) (bool, error) { return oid == old, nil }
	w, err := newWalk(s, known, WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.unpin(w.set)
	if err := w.start([]storage.OID{tip}); err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), func(b *Batch, _ error) bool { b.Release(); return true }); err != nil {
		t.Fatal(err)
	}
	if f := w.frontier; f.found != 1 || f.vain != 0 || f.sweep {
		t.Errorf("found %d, in vain %d, sweep %v", f.found, f.vain, f.sweep)
	}
}

// TestNoMoreIsDecodedInVainThanIsFound is the promise for packs in an order that helps nothing.
func TestNoMoreIsDecodedInVainThanIsFound(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 2000)
	shuffle(t, repo)
	s := opened(t, repo, Options{})
	w, err := newWalk(s, nil, WalkOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.unpin(w.set) }()
	if err := w.start(peeled(t, repo)[:6]); err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), func(b *Batch, _ error) bool { b.Release(); return true }); err != nil {
		t.Fatal(err)
	}
	if f := w.frontier; f.vain > f.found || !f.sweep {
		t.Errorf("found %d, in vain %d, sweep %v", f.found, f.vain, f.sweep)
	}
}

func TestAWalkEndsAtTheBoundaryOfAShallowHistory(t *testing.T) {
	full := gittest.Init(t)
	draw(t, full, 1, 1500)
	repo := gittest.Init(t)
	repo.Git("fetch", "-q", "--depth=7", "file://"+full.Path, "+refs/heads/*:refs/heads/*")
	b, err := os.ReadFile(filepath.Join(repo.Path, "shallow"))
	if err != nil {
		t.Fatal(err)
	}
	shallow := map[storage.OID]bool{}
	for _, oid := range oids(t, string(b)) {
		shallow[oid] = true
	}
	s := opened(t, repo, Options{})
	got, err := walked(t, s, peeled(t, repo), nil, WalkOptions{Shallow: shallow})
	if err != nil {
		t.Fatal(err)
	}
	differ(t, got, told(t, repo, "--all"))
	if _, err := walked(t, s, peeled(t, repo), nil, WalkOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a parent that is missing and no boundary: %v", err)
	}
}

func TestATipThatIsNoCommitIsOdd(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("one")
	for range 2 { // loose, then packed
		s := opened(t, repo, Options{})
		if _, err := walked(t, s, []storage.OID{repo.OID("HEAD^{tree}")}, nil, WalkOptions{}); !errors.Is(err, ErrOdd) {
			t.Errorf("%v", err)
		}
		repo.Git("repack", "-adq")
	}
}

// TestASweepEndsWhenItsCallerSays has a repository whose walk needs workers.
func TestASweepEndsWhenItsCallerSays(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("repack", "-adq")
	s := opened(t, repo, Options{})
	t.Run("a caller may stop it anywhere", func(t *testing.T) { stopAnywhere(t, repo, s) })
	t.Run("when it is cancelled it ends with the cause", func(t *testing.T) { cancelAnywhere(t, repo, s) })
	t.Run("the caller's error ends it", func(t *testing.T) { failAnywhere(t, repo, s) })
	t.Run("a panic of the caller's code reaches the caller", func(t *testing.T) { panicInside(t, repo, s) })
}

func stopAnywhere(t *testing.T, repo *gittest.Repo, s *Store) {
	tips := peeled(t, repo)
	for stop := range 12 {
		n := 0
		for batch, err := range s.Walk(t.Context(), tips, nil, WalkOptions{Workers: 2, Memory: 1 << 20}) {
			if err != nil {
				t.Fatal(err)
			}
			if n == stop {
				break
			}
			n++
			batch.Release()
		}
	}
}

func cancelAnywhere(t *testing.T, repo *gittest.Repo, s *Store) {
	tips := peeled(t, repo)
	cause := errors.New("enough")
	for stop := 1; stop <= 12; stop++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		var last error
		n := 0
		for batch, err := range s.Walk(ctx, tips, nil, WalkOptions{Workers: 2, Memory: 1 << 20}) {
			last = err
			if err != nil {
				break
			}
			if n++; n == stop {
				cancel(cause) // with all batches kept: the workers wait for memory
			}
			if n < stop {
				batch.Release()
			}
		}
		cancel(nil)
		if n >= stop && (n > stop+6 || last != nil && !errors.Is(last, cause)) {
			t.Errorf("stopped after %d batches: %d came, then %v", stop, n, last)
		}
	}
}

func failAnywhere(t *testing.T, repo *gittest.Repo, s *Store) {
	broken := errors.New("the store is broken")
	for _, after := range []int{0, 3, 600, 900} {
		asked := make(chan struct{}, 10000)
		known := func(storage.OID) (bool, error) {
			if asked <- struct{}{}; len(asked) > after {
				return false, broken
			}
			return false, nil
		}
		if _, err := walked(t, s, peeled(t, repo), known, WalkOptions{Workers: 2}); !errors.Is(err, broken) {
			t.Errorf("after %d answers: %v", after, err)
		}
	}
}

func panicInside(t *testing.T, repo *gittest.Repo, s *Store) {
	asked := make(chan struct{}, 10000)
	known := func(storage.OID) (bool, error) {
		if asked <- struct{}{}; len(asked) > 900 {
			panic("known")
		}
		return false, nil
	}
	defer func() {
		if p, ok := recover().(*workerPanic); !ok || p.value != "known" {
			t.Errorf("recovered %v", p)
		}
	}()
	_, _ = walked(t, s, peeled(t, repo), known, WalkOptions{Workers: 2})
}

// TestPacksAreReplacedUnderAWalk repacks and prunes while batches are out.
func TestPacksAreReplacedUnderAWalk(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 2000)
	addLoose(repo)
	want := told(t, repo, "--all")
	tips := peeled(t, repo)
	s := opened(t, repo, Options{})
	got := map[storage.OID]bool{}
	n := 0
	for batch, err := range s.Walk(t.Context(), tips, nil, WalkOptions{Workers: 2, Memory: 200 << 10}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range batch.Commits {
			if got[c.OID] || want[c.OID] != string(c.Content) {
				t.Fatalf("commit %s comes twice, or otherwise than git says", c.OID)
			}
			got[c.OID] = true
		}
		batch.Release()
		if n++; slices.Contains([]int{1, 4, 12}, n) {
			repo.Git("repack", "-adfq")
			repo.Git("prune-packed")
			if err := s.Refresh(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d commits of %d", len(got), len(want))
	}
}

var real = flag.String("real", "zookeeper", "real histories to walk, by name, separated by commas")

func TestRealHistoriesWalkAsGitDoes(t *testing.T) {
	for name := range strings.SplitSeq(*real, ",") {
		repo := restored(t, name)
		want := told(t, repo, "--all")
		for i, o := range []WalkOptions{{Workers: 1}, {Workers: 2, Memory: 8 << 20}} {
			if i > 0 {
				repo.Git("repack", "-adfq", "--depth=50")
			}
			s := opened(t, repo, Options{})
			got, err := walked(t, s, peeled(t, repo), nil, o)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, got, want)
		}
	}
}
