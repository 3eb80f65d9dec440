package mirror

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// allObjects are the names of all objects of a repository, reachable or not.
func allObjects(t testing.TB, dir string) string {
	t.Helper()
	return sortedLines(gittest.Open(t, dir).Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
}

func packCount(t testing.TB, b bare) int {
	t.Helper()
	packs, broken, err := b.packs()
	if err != nil || len(broken) > 0 {
		t.Fatalf("packs are %v, broken %q, %v", packs, broken, err)
	}
	return len(packs)
}

// packOf is a pack with one commit.
func packOf(commit string) []byte {
	b := bytes.NewBufferString("PACK\x00\x00\x00\x02\x00\x00\x00\x01")
	size := len(commit)
	c := 1<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b.WriteByte(c | 128)
		c = byte(size & 127)
	}
	b.WriteByte(c)
	z := zlib.NewWriter(b)
	_, _ = io.WriteString(z, commit)
	_ = z.Close()
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

// addPacks puts n packs with one commit each into a mirror, as n fetches do, and gives the commits, each the parent of
// the next.
func addPacks(t testing.TB, b bare, n int) []storage.OID {
	t.Helper()
	o, err := openDirs(b.dirs())
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	var oids []storage.OID
	parent := ""
	for i := range n {
		commit := fmt.Sprintf("tree %s\n%sauthor a <a@example.com> %d +0000\ncommitter a <a@example.com> 1 +0000\n\nAB-%[3]d %d\n", emptyTree, parent, i, rand.Int())
		w, err := newPackWriter(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.Write(packOf(commit)); err == nil {
			err = w.commit()
		}
		w.free()
		if err != nil {
			t.Fatal(err)
		}
		oid := storage.OID(sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(commit), commit)))
		oids = append(oids, oid)
		parent = fmt.Sprintf("parent %s\n", oid)
	}
	return oids
}

func readyBare(t testing.TB) bare {
	t.Helper()
	if err := setUp(); err != nil {
		t.Fatal(err)
	}
	b := bare{filepath.Join(t.TempDir(), "1.git")}
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestManyPacksBecomeFewAndNoObjectIsLost(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	main := repo.Commits("refs/heads/main", "AB-1", 200)
	repo.Git("notes", "add", "-m", "AB-2", main.String())
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	before, _ := update(t, r, nil)
	for _, b := range []bare{r.mirror, r.notes} {
		addPacks(t, b, manyPacks)
	}
	want, wantNotes := allObjects(t, r.mirror.dir), allObjects(t, r.notes.dir)
	oid := repo.Commit("AB-3")
	repo.Git("notes", "add", "-m", "AB-4", oid.String())
	update(t, r, before)
	mustAgree(t, r, repo)
	if n, m := packCount(t, r.mirror), packCount(t, r.notes); n > 2 || m > 2 {
		t.Errorf("%d packs of commits and %d of notes are left", n, m)
	}
	if has := allObjects(t, r.mirror.dir); has != sortedLines(want+"\n"+oid.String()) {
		t.Error("the mirror's objects are not what they were and the new one")
	}
	if has := allObjects(t, r.notes.dir); !isSubset(wantNotes, has) {
		t.Error("the notes lost objects")
	}
	if types := objectTypes(t, r.mirror.dir); types["tree"]+types["blob"] > 0 {
		t.Errorf("the mirror has %v", types)
	}
	if out := gittest.Open(t, r.mirror.dir).Git("count-objects", "-v"); out[:len("count: 0\n")] != "count: 0\n" {
		t.Errorf("loose objects: %s", out)
	}
}

func isSubset(part, whole string) bool {
	has := map[string]bool{}
	for _, line := range strings.Fields(whole) {
		has[line] = true
	}
	return !slices.ContainsFunc(strings.Fields(part), func(line string) bool { return !has[line] })
}

func TestPacksMergedAreLeftInAGeometricRow(t *testing.T) {
	for range 300 {
		packs := make([]packFile, 1+rand.IntN(80))
		for i := range packs {
			packs[i].size = 1 + int64(rand.ExpFloat64()*rand.ExpFloat64()*1000)
		}
		merged := packFile{}
		for _, p := range mergeable(packs) {
			merged.size += p.size
		}
		left := packs[len(mergeable(packs)):]
		if merged.size > 0 {
			left = slices.Insert(slices.Clone(left), 0, merged)
		}
		var sum int64
		for _, p := range left {
			if p.size < 2*sum {
				t.Fatalf("sizes left are %v", left)
			}
			sum += p.size
		}
	}
}

func TestReadersGoOnWhilePacksAreMerged(t *testing.T) {
	t.Parallel()
	b := readyBare(t)
	oids := addPacks(t, b, manyPacks)
	o, err := openDirs(b.dirs())
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if !o.exists(oids[0]) || o.exists(storage.OID{1}) { // the second asks all packs
		t.Fatal("the handle does not see what is there")
	}
	walked := 0
	for commits, err := range walkCommits(t.Context(), b.dirs(), Options{Workers: 2}, oids[manyPacks-1:], nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if walked += len(commits); walked == 1 {
			if err := b.consolidate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := packCount(t, b); walked != manyPacks || n != 1 {
		t.Errorf("%d commits walked, %d packs left", walked, n)
	}
	for _, oid := range oids {
		if _, err := o.commit(oid); err != nil {
			t.Errorf("commit %s: %v", oid, err)
		}
	}
}

// TestACrashWhilePacksAreMergedLosesNothing plays each step of a merge, as far as it gets, and then starts again.
func TestACrashWhilePacksAreMergedLosesNothing(t *testing.T) {
	t.Parallel()
	before := readyBare(t)
	addPacks(t, before, manyPacks)
	want := allObjects(t, before.dir)
	old, _, err := before.packs()
	if err != nil {
		t.Fatal(err)
	}
	after := bare{filepath.Join(t.TempDir(), "2.git")}
	copyDir(t, before.dir, after.dir)
	if err := after.consolidate(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, _, err := after.packs()
	if err != nil || len(made) != 1 {
		t.Fatalf("packs are %v, %v", made, err)
	}
	var steps []func(b bare)
	for _, ext := range []string{packExt, indexExt} {
		steps = append(steps, func(b bare) {
			content, err := os.ReadFile(made[0].path + ext)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(b.packDir(), filepath.Base(made[0].path)+ext), string(content))
		})
	}
	for _, p := range old {
		for _, ext := range []string{indexExt, packExt} {
			steps = append(steps, func(b bare) { _ = os.Remove(filepath.Join(b.packDir(), filepath.Base(p.path)+ext)) })
		}
	}
	for _, n := range []int{0, 1, 2, 3, 4, len(steps) / 2, len(steps) - 1, len(steps)} {
		b := bare{filepath.Join(t.TempDir(), "3.git")}
		copyDir(t, before.dir, b.dir)
		if err := os.MkdirAll(filepath.Join(b.packDir(), mergeDir, "half"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, step := range steps[:n] {
			step(b)
		}
		if err := b.ready(); err != nil {
			t.Fatal(err)
		}
		if has := allObjects(t, b.dir); has != want {
			t.Errorf("after %d steps the objects are others", n)
		}
		gittest.Open(t, b.dir).Git("fsck", "--connectivity-only")
		if left := unfinished(t, b); len(left) > 0 {
			t.Errorf("after %d steps %q are left", n, left)
		}
		if err := b.consolidate(t.Context()); err != nil || allObjects(t, b.dir) != want {
			t.Errorf("after %d steps it cannot be merged: %v", n, err)
		}
	}
}

// unfinished are the files among the packs that are of no whole pack.
func unfinished(t testing.TB, b bare) []string {
	t.Helper()
	entries, err := os.ReadDir(b.packDir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()[:len(e.Name())-len(filepath.Ext(e.Name()))]
		for _, ext := range []string{packExt, indexExt} {
			if _, err := os.Stat(filepath.Join(b.packDir(), name+ext)); err != nil {
				names = append(names, e.Name())
			}
		}
	}
	return names
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedPackEndsItsMergeAndAllAreKept(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, string){"bent": bendPacks, "cut short": cutPacks} {
		b := readyBare(t)
		addPacks(t, b, manyPacks)
		damage(t, b.dir)
		err := b.consolidate(t.Context())
		wantError(t, err, ErrCorrupt)
		if n := packCount(t, b); n != manyPacks {
			t.Errorf("%s: %d packs are left", name, n)
		}
	}
}

func cutPacks(t *testing.T, dir string) {
	for _, pack := range packsOf(t, dir) {
		if err := os.Truncate(pack, 20); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGitFindsAFilteredMirrorWhole is for operators who look into a mirror with git.
func TestGitFindsAFilteredMirrorWhole(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 20)
	repo.Git("tag", "-a", "-m", "one", "v1")
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	before, _ := update(t, r, nil)
	repo.Commit("AB-2")
	update(t, r, before)
	mirror := gittest.Open(t, r.mirror.dir)
	mirror.Git("fsck", "--connectivity-only")
	mirror.Git("shortlog", "--all", "--summary")
	if want := repo.Git("log", "--format=%H %s", "main"); mirror.Git("log", "--format=%H %s", "main") != want {
		t.Error("git log differs from the server's")
	}
	mustAgree(t, r, repo)
}

// BenchmarkPacks looks up objects, and fetches nothing new, in a mirror with 200 packs, before and after they are merged.
func BenchmarkPacks(b *testing.B) {
	mirror := readyBare(b)
	oids := addPacks(b, mirror, 200)
	measure := func(name string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				o, err := openDirs(mirror.dirs())
				if err != nil {
					b.Fatal(err)
				}
				for _, oid := range oids {
					if !o.exists(oid) {
						b.Fatal("an object is missing")
					}
				}
				o.exists(storage.OID{1})
				o.close()
			}
		})
	}
	measure("200 packs")
	b.Run("merge", func(b *testing.B) {
		for b.Loop() {
			packs, _, err := mirror.packs()
			if err == nil {
				_, err = mirror.merge(b.Context(), packs)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := mirror.consolidate(b.Context()); err != nil {
		b.Fatal(err)
	}
	measure("merged")
}
