package packfile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// walked gives the commits of a walk by name, with their contents, and fails the test when one comes twice.
func walked(tb testing.TB, s *Store, tips []storage.OID, known func(storage.OID) (bool, error), o WalkOptions) (map[storage.OID]string, error) {
	tb.Helper()
	got := map[storage.OID]string{}
	for batch, err := range s.Walk(context.Background(), tips, known, o) {
		if err != nil {
			return got, err
		}
		for _, c := range batch.Commits {
			if _, twice := got[c.OID]; twice {
				tb.Fatalf("commit %s came twice", c.OID)
			}
			got[c.OID] = string(c.Content)
			for _, p := range c.Parents {
				if !strings.Contains(string(c.Content), "\nparent "+p.String()+"\n") {
					tb.Fatalf("commit %s does not name its parent %s", c.OID, p)
				}
			}
		}
		batch.Release()
	}
	return got, nil
}

// told is what git says: the commits that rev-list gives for the arguments, with their contents.
func told(tb testing.TB, repo *gittest.Repo, args ...string) map[storage.OID]string {
	tb.Helper()
	names := repo.Git(append([]string{"rev-list"}, args...)...)
	want := map[storage.OID]string{}
	if names == "" {
		return want
	}
	out := repo.Feed(names+"\n", "cat-file", "--batch") + "\n"
	for range strings.Count(names, "\n") + 1 {
		head, rest, _ := strings.Cut(out, "\n")
		var hex, word string
		var size int
		if f := strings.Fields(head); len(f) == 3 {
			hex, word = f[0], f[1]
			for _, c := range f[2] {
				size = size*10 + int(c-'0')
			}
		}
		oid, err := storage.ParseOID(hex)
		if err != nil || word != "commit" {
			tb.Fatalf("git cat-file says %q", head)
		}
		want[oid] = rest[:size]
		out = rest[size+1:]
	}
	return want
}

func differ(tb testing.TB, got, want map[storage.OID]string) {
	tb.Helper()
	var missing, extra, other []string
	for oid, content := range want {
		if c, ok := got[oid]; !ok {
			missing = append(missing, oid.String())
		} else if c != content {
			other = append(other, oid.String())
		}
	}
	for oid := range got {
		if _, ok := want[oid]; !ok {
			extra = append(extra, oid.String())
		}
	}
	for _, l := range [][]string{missing, extra, other} {
		sort.Strings(l)
	}
	if len(missing)+len(extra)+len(other) > 0 {
		first := func(l []string) []string { return l[:min(3, len(l))] }
		tb.Fatalf("of %d commits %d are missing %v, %d are too many %v, %d have other content %v",
			len(want), len(missing), first(missing), len(extra), first(extra), len(other), first(other))
	}
}

// TestAWalkGivesWhatGitGives tries every way in which git lays a history out.
func TestAWalkGivesWhatGitGives(t *testing.T) {
	layouts := map[string]func(t *testing.T, repo *gittest.Repo){
		"as fast-import writes it, parents first": func(t *testing.T, repo *gittest.Repo) {},
		"after gc": func(t *testing.T, repo *gittest.Repo) { repo.Git("gc", "--quiet", "--no-prune") },
		"one pack of long chains": func(t *testing.T, repo *gittest.Repo) {
			repo.Git("repack", "-adfq", "--depth=50", "--window=50")
		},
		"deltas that name their base": func(t *testing.T, repo *gittest.Repo) {
			repo.Git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--window=50")
		},
		"with a reverse index": func(t *testing.T, repo *gittest.Repo) {
			repo.Git("-c", "pack.writeReverseIndex=true", "repack", "-adfq", "--window=50")
			if s := opened(t, repo, Options{}); s.now.packs[0].rev == nil {
				t.Error("git wrote no reverse index")
			}
		},
		"an index of version 1":   func(t *testing.T, repo *gittest.Repo) { reindex(t, repo, "--index-version=1") },
		"offsets of 64 bits":      func(t *testing.T, repo *gittest.Repo) { reindex(t, repo, "--index-version=2,0x400") },
		"packed in random order":  shuffle,
		"many packs that overlap": overlap,
		"packs and loose objects": func(t *testing.T, repo *gittest.Repo) { repo.Git("repack", "-adq"); addLoose(repo) },
		"loose objects alone":     unpack,
		"thin packs, completed":   thin,
	}
	for name, lay := range layouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gittest.Init(t)
			n := 1200
			if name == "loose objects alone" {
				n = 550 // git takes long to write them
			}
			draw(t, repo, 1, n)
			lay(t, repo)
			want := told(t, repo, "--all")
			for _, o := range []WalkOptions{{Workers: 1}, {Workers: 3}, {Workers: 2, Memory: 1}, {Memory: 1 << 20}} {
				s := opened(t, repo, Options{})
				got, err := walked(t, s, peeled(t, repo), nil, o)
				if err != nil {
					t.Fatal(err)
				}
				differ(t, got, want)
			}
		})
	}
}

// reindex makes the index of the one pack anew.
func reindex(t *testing.T, repo *gittest.Repo, version string) {
	repo.Git("repack", "-adfq", "--window=50")
	packs, err := filepath.Glob(filepath.Join(repo.Path, "objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	idx := strings.TrimSuffix(packs[0], ".pack") + ".idx"
	if err := os.Remove(idx); err != nil {
		t.Fatal(err)
	}
	repo.Git("index-pack", version, "-o", idx, packs[0])
}

// repackAs replaces all packs by one that has the objects in the order given, as far as git follows it.
func repackAs(t *testing.T, repo *gittest.Repo, names []string) {
	old, err := filepath.Glob(filepath.Join(repo.Path, "objects/pack/pack-*"))
	if err != nil {
		t.Fatal(err)
	}
	repo.Feed(strings.Join(names, "\n")+"\n", "pack-objects", "-q", "--no-reuse-delta", filepath.Join(repo.Path, "objects/pack/order"))
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// shuffle packs the objects in random order, which nothing in a walk can guess.
func shuffle(t *testing.T, repo *gittest.Repo) {
	names := strings.Fields(repo.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
	rand.New(rand.NewPCG(7, 7)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	repackAs(t, repo, names)
}

// overlap makes packs of some branches each, so that most objects are in several.
func overlap(t *testing.T, repo *gittest.Repo) {
	for i := range 5 {
		repo.Feed(fmt.Sprintf("refs/heads/s1-b%d\nrefs/heads/s1-b%d\n", i, i+5), "pack-objects", "-q", "--revs",
			filepath.Join(repo.Path, "objects/pack/part"))
	}
	draw(t, repo, 2, 300)
	draw(t, repo, 3, 100)
}

// addLoose adds commits that are not packed, on top of ones that are.
func addLoose(repo *gittest.Repo) {
	for i := range 5 {
		repo.CommitTo("refs/heads/loose", "loose", repo.OID(fmt.Sprintf("refs/heads/s1-b%d", i)))
	}
	repo.CommitTo("refs/heads/loose", "merge", repo.OID("refs/heads/loose"), repo.OID("refs/heads/s1-b7"))
}

// unpack makes every object loose.
func unpack(t *testing.T, repo *gittest.Repo) {
	packs, err := filepath.Glob(filepath.Join(repo.Path, "objects/pack/*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, path := range packs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, ext := range []string{".pack", ".idx"} {
			if err := os.Remove(strings.TrimSuffix(path, ".pack") + ext); err != nil {
				t.Fatal(err)
			}
		}
		repo.Feed(string(b), "unpack-objects", "-q")
	}
}

// thin fetches what is new in packs whose deltas have bases that are not in them, and which git completes at their end.
func thin(t *testing.T, repo *gittest.Repo) {
	repo.Git("repack", "-adq")
	before := repo.Git("for-each-ref", "--format=^%(objectname)")
	words := strings.Repeat("all the words that are the same in both ", 40)
	for i := range 20 {
		repo.CommitTo("refs/heads/s1-b1", fmt.Sprint(words, i))
	}
	path := filepath.Join(t.TempDir(), "thin")
	pack := repo.Feed("refs/heads/s1-b1\n"+before+"\n", "pack-objects", "-q", "--thin", "--revs", "--stdout", "--window=200")
	if err := os.WriteFile(path, []byte(pack), 0o600); err != nil {
		t.Fatal(err)
	}
	repo.Git("prune-packed")
	repo.Feed(pack+"\n", "index-pack", "--fix-thin", "--stdin")
}
