package packfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// everything is each object of a repository, with its type and content, by git's word.
func everything(t *testing.T, repo *gittest.Repo) map[storage.OID]string {
	t.Helper()
	all := map[storage.OID]string{}
	out := repo.Git("cat-file", "--batch-all-objects", "--batch") + "\n"
	for out != "" {
		var hex, word string
		var size int
		if _, err := fmt.Sscan(out, &hex, &word, &size); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(out, "\n")
		all[oids(t, hex)[0]] = word + " " + rest[:size]
		out = rest[size+1:]
	}
	return all
}

func readAll(t *testing.T, s *Store, want map[storage.OID]string) {
	t.Helper()
	r, err := s.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var buf []byte
	for oid, w := range want {
		var kind Type
		kind, buf, err = r.Read(oid, buf)
		if err != nil {
			t.Fatal(err)
		}
		if got := kind.String() + " " + string(buf); got != w {
			t.Fatalf("object %s: %.80q, git says %.80q", oid, got, w)
		}
		if alone, err := r.Type(oid); alone != kind || err != nil {
			t.Fatalf("object %s is a %s and called a %s: %v", oid, kind, alone, err)
		}
	}
}

func TestEveryObjectReadsAsGitReadsIt(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 300)
	repo.Git("tag", "-a", "-m", "a tag", "v1", "s1-b1")
	repo.Git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--window=50")
	draw(t, repo, 2, 300)
	repo.Git("repack", "-dfq", "--depth=4000", "--window=50")
	repo.Commit("loose")
	s := opened(t, repo, Options{})
	want := everything(t, repo)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { readAll(t, s, want) })
	}
	readers.Wait()
}

func TestAMissingObjectIsNotFound(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("one")
	s := opened(t, repo, Options{})
	r, err := s.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := r.Read(storage.OID{1}, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading it: %v", err)
	}
	if has, err := r.Has(storage.OID{1}); has || err != nil {
		t.Errorf("asking for it: %v, %v", has, err)
	}
	if has, err := r.Has(repo.OID("HEAD")); !has || err != nil {
		t.Errorf("asking for one that is there: %v, %v", has, err)
	}
	if _, err := walked(t, s, []storage.OID{{1}}, nil, WalkOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("walking from it: %v", err)
	}
}

func TestAnObjectAboveTheLimitIsTooLarge(t *testing.T) {
	repo := gittest.Init(t)
	loose := repo.Commit(strings.Repeat("x", 2000))
	packed := repo.Commit(strings.Repeat("y", 2000))
	s := opened(t, repo, Options{MaxObject: 1000})
	for _, oid := range []storage.OID{loose, packed} {
		if _, err := walked(t, s, []storage.OID{oid}, nil, WalkOptions{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
		repo.Git("repack", "-adq")
	}
}

func TestPacksThatComeAndGoAreFollowed(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 100)
	s := opened(t, repo, Options{})
	readAll(t, s, everything(t, repo))
	for seed := range uint64(3) {
		draw(t, repo, 10+seed, 100)
		readAll(t, s, everything(t, repo))
		repo.Git("repack", "-adfq")
		readAll(t, s, everything(t, repo))
		if err := s.Refresh(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.now.packs); n != 1 || len(s.packed) != 1 {
			t.Errorf("%d packs are used and %d are mapped, of one", n, len(s.packed))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.packed) != 0 {
		t.Error("packs are mapped after Close")
	}
	if _, err := walked(t, s, nil, nil, WalkOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a walk after Close: %v", err)
	}
}

func TestObjectsAreBorrowedFromAlternates(t *testing.T) {
	far := gittest.Init(t)
	draw(t, far, 1, 60)
	middle := gittest.Init(t)
	near := gittest.Init(t)
	lend := func(to *gittest.Repo, list ...string) {
		t.Helper()
		path := filepath.Join(to.Path, "objects/info/alternates")
		if err := os.WriteFile(path, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects := func(r *gittest.Repo) string { return filepath.Join(r.Path, "objects") }
	relative, err := filepath.Rel(objects(near), objects(middle))
	if err != nil {
		t.Fatal(err)
	}
	lend(near, "# a remark", relative, "/nonexistent")
	lend(middle, fmt.Sprintf("%q", objects(far)))
	lend(far, objects(near), objects(far)) // round in a circle
	own := near.CommitTo("refs/heads/own", "own", far.OID("refs/heads/s1-b1"))
	s := opened(t, near, Options{})
	got, err := walked(t, s, []storage.OID{own}, nil, WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lend(far) // git itself takes a circle amiss
	differ(t, got, told(t, near, own.String()))
}

func TestAlternatesThatAreTooDeepAreOdd(t *testing.T) {
	var dirs []string
	for i := range 8 {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "info"), 0o700); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
		if i > 0 {
			if err := os.WriteFile(filepath.Join(dirs[i-1], "info/alternates"), []byte(dir), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Open(dirs[0], Options{}); !errors.Is(err, ErrOdd) {
		t.Errorf("alternates of seven levels: %v", err)
	}
	s, err := Open(dirs[2], Options{})
	if err != nil {
		t.Fatalf("alternates of five levels: %v", err)
	}
	s.Close()
}

func TestClosingWaitsForNobodyAndTakesNothingAway(t *testing.T) {
	repo := gittest.Init(t)
	draw(t, repo, 1, 1500)
	repo.Git("gc", "--quiet")
	want := told(t, repo, "--all")
	s := opened(t, repo, Options{})
	got := 0
	for batch, err := range s.Walk(t.Context(), peeled(t, repo), nil, WalkOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got += len(batch.Commits); got == len(batch.Commits) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		batch.Release()
	}
	if got != len(want) {
		t.Errorf("%d commits of %d", got, len(want))
	}
	if len(s.packed) != 0 {
		t.Error("packs are mapped after the walk")
	}
}
