package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// remoteHistory is a repository with real trees, a mirror of it that is up to date, and its commits.
func remoteHistory(t *testing.T, way func(testing.TB, *gittest.Repo) (string, RemoteOptions), o OnDemandOptions, steps int) (*gittest.Repo, *Remote, *OnDemand, []storage.OID) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 5))
	repo := gittest.Init(t)
	files := mutate(r, tree{"src/main/deep/er/file.txt": {"100644", lines(r, 20)}, "README": {"100644", lines(r, 10)}}, 0)
	commits := []storage.OID{commitTree(repo, "AB-1", files)}
	for step := 1; step < steps; step++ {
		files = maps.Clone(files)
		files["src/main/deep/er/file.txt"] = treeFile{"100644", lines(r, 20+step)}
		files = mutate(r, files, step)
		commits = append(commits, commitTree(repo, "AB-1", files, "refs/heads/main^0"))
	}
	url, options := way(t, repo)
	remote := openRemote(t, url, options)
	update(t, remote, nil)
	return repo, remote, NewOnDemand(filepath.Dir(remote.mirror.dir), o), commits
}

// countPacks counts the requests for packs, and can have the server fail.
func countPacks(packs *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
				packs.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestDiffsOfAMirrorWithoutTreesAreGits(t *testing.T) {
	repo, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{}, 5)
	for _, c := range commits {
		mustDiffAsGit(t, repo, remote, d, c)
	}
}

func TestAMirrorKeepsCommitsOnlyWhenDiffsAreAskedFor(t *testing.T) {
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{}, 4)
	before := treeSize(t, remote.mirror.dir)
	for _, c := range commits {
		if _, err := d.Diff(t.Context(), remote, "", c, generous); err != nil {
			t.Fatal(err)
		}
	}
	if types := objectTypes(t, remote.mirror.dir); types["tree"]+types["blob"] > 0 || types["commit"] != len(commits) {
		t.Errorf("the mirror has %v", types)
	}
	if after := treeSize(t, remote.mirror.dir); !maps.Equal(before, after) {
		t.Errorf("the mirror's files were %v and are %v", before, after)
	}
	if scratch := scratchDirs(t, d); len(scratch) != 1 || objectTypes(t, scratch[0])["tree"] == 0 {
		t.Errorf("scratch repositories: %q", scratch)
	}
}

// treeSize is the size of each file below a directory.
func treeSize(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	sizes := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sizes[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}

// scratchDirs are the scratch repositories on disk.
func scratchDirs(t *testing.T, d *OnDemand) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(d.scratches.mirrors, "*"+scratchSuffix, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestFilesOfManyCommitsTakeTwoRequests(t *testing.T) {
	var packs atomic.Int64
	repo, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: countPacks(&packs)}), OnDemandOptions{}, 12)
	packs.Store(0)
	options := storage.DiffOptions{MaxFiles: 1000, MaxFile: 1 << 20}
	for range 2 {
		results, err := d.Files(t.Context(), remote, "", commits, options)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range commits {
			if want := numstat(repo, c); results[i].Err != nil || countsOf(results[i].Diff) != want || results[i].Diff.Patch != "" {
				t.Errorf("commit %s: %v\n%s\ngit counts\n%s", c, results[i].Err, countsOf(results[i].Diff), want)
			}
		}
	}
	// One greeting comes with them, as a wire.Client asks for it once in its life.
	if n := packs.Load(); n != 2 {
		t.Errorf("%d requests for packs", n)
	}
}

func TestACommitThatIsNotThereLeavesTheOthersTheirFiles(t *testing.T) {
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{}, 2)
	results, err := d.Files(t.Context(), remote, "", []storage.OID{commits[0], {1}, commits[1]}, generous)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, results[1].Err, ErrCorrupt, "is missing")
	if results[0].Err != nil || results[2].Err != nil || results[2].Diff.Commit != commits[1] || results[2].Diff.Total == 0 {
		t.Errorf("the others have %+v", results)
	}
}

func TestOneCommitAskedForManyTimesAtOnceIsFetchedOnce(t *testing.T) {
	var packs atomic.Int64
	var received atomic.Int64
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: countPacks(&packs)}),
		OnDemandOptions{Received: func(bytes int64) { received.Add(bytes) }}, 3)
	packs.Store(0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := d.Diff(t.Context(), remote, "", commits[2], generous); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := packs.Load(); n != 2 {
		t.Errorf("%d requests for packs", n)
	}
	packed := int64(0)
	for file, size := range treeSize(t, remote.mirror.dir+scratchSuffix) {
		if filepath.Ext(file) == packExt {
			packed += size
		}
	}
	if n := received.Load(); n == 0 || n != packed {
		t.Errorf("%d bytes told, the packs have %d", n, packed)
	}
}

func TestDiffsAndFetchesAndMergedPacksOfOneMirrorDoNotDisturbEachOther(t *testing.T) {
	repo, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{MaxScratch: 1}, 6)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if _, err := d.Diff(t.Context(), remote, "", commits[(n+i)%len(commits)], generous); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	before := look(t, remote)
	for i := range 6 {
		repo.CommitTo("refs/heads/main", fmt.Sprint("AB-", i+2))
		before, _ = update(t, remote, before)
		mergePacks(t, remote.mirror)
	}
	cancel()
	all.Wait()
	mustAgree(t, remote, repo)
}

func TestDiffsOverEveryTransportAreGits(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			repo, remote, d, commits := remoteHistory(t, way, OnDemandOptions{}, 2)
			if name == "ssh v0" { // version 0 hands out single objects over http, as there a request is not asked what was advertised
				repo.Git("config", "uploadpack.allowAnySHA1InWant", "true")
			}
			mustDiffAsGit(t, repo, remote, d, commits[1])
		})
	}
}

// mergePacks makes one pack of all.
func mergePacks(t *testing.T, b bare) {
	t.Helper()
	packs, _, err := b.packs()
	if err != nil {
		t.Fatal(err)
	}
	merged, err := b.merge(t.Context(), packs)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		if p.path == merged {
			continue
		}
		if err := p.remove(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAServerThatHandsOutNoSingleObjectsIsSaidSo(t *testing.T) {
	_, remote, d, commits := remoteHistory(t, overSSH(gittest.SSHOptions{NoVersion: true}), OnDemandOptions{}, 2)
	_, err := d.Diff(t.Context(), remote, "", commits[1], generous)
	wantError(t, err, storage.ErrNoObjects, "uploadpack.allowAnySHA1InWant", "objects: full")
	results, err := d.Files(t.Context(), remote, "", commits, generous)
	if !errors.Is(err, storage.ErrNoObjects) {
		t.Errorf("of two: %v, %+v", err, results)
	}
}

func TestAServerThatFiltersTreesOnlyIsAskedLevelByLevel(t *testing.T) {
	var packs atomic.Int64
	repo, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: countPacks(&packs)}), OnDemandOptions{}, 4)
	repo.Git("config", "uploadpackfilter.blob:none.allow", "false")
	packs.Store(0)
	mustDiffAsGit(t, repo, remote, d, commits[3])
	// Of src/main/deep/er/file.txt: the refused request, one for each of five levels of trees, one for contents.
	if n := packs.Load(); n != 7 {
		t.Errorf("%d requests for packs", n)
	}
	// The unchanged directories were not asked for.
	have := objectTypes(t, scratchDirs(t, d)[0])["tree"]
	if whole := len(strings.Fields(repo.Git("rev-list", "--objects", "--no-object-names", "--filter=blob:none", commits[3].String()+"^{tree}", commits[2].String()+"^{tree}"))); have >= whole {
		t.Errorf("%d trees came of %d", have, whole)
	}
	repo.Git("config", "uploadpackfilter.tree.allow", "false")
	_, err := d.Diff(t.Context(), remote, "", commits[1], generous)
	wantError(t, err, storage.ErrNoObjects)
}

// wide is a repository in which one commit changes one of many directories, with contents that do not compress.
func wide(t *testing.T, o OnDemandOptions) (*gittest.Repo, *Remote, *OnDemand, storage.OID) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	repo := gittest.Init(t)
	files := tree{}
	for i := range 40 {
		for j := range 20 {
			files[fmt.Sprintf("dir%d/file%d", i, j)] = treeFile{"100644", lines(r, 2)}
		}
	}
	commitTree(repo, "AB-1", files)
	files["dir7/file7"] = treeFile{"100644", lines(r, 900)}
	commit := commitTree(repo, "AB-1", files, "refs/heads/main^0")
	remote := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	update(t, remote, nil)
	return repo, remote, NewOnDemand(filepath.Dir(remote.mirror.dir), o), commit
}

func TestTreesThatAreTooMuchAreFetchedLevelByLevel(t *testing.T) {
	repo, remote, d, commit := wide(t, OnDemandOptions{MaxPack: 16 << 10})
	mustDiffAsGit(t, repo, remote, d, commit)
	if have := objectTypes(t, scratchDirs(t, d)[0])["tree"]; have != 4 {
		t.Errorf("%d trees came", have)
	}
}

func TestContentsThatAreTooMuchAreNotCounted(t *testing.T) {
	_, remote, d, commit := wide(t, OnDemandOptions{MaxPack: 3 << 10})
	got, err := d.Diff(t.Context(), remote, "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	if statusOf(got) != "M dir7/file7" || !got.Files[0].Uncounted || !got.PatchTruncated || got.Patch != "" {
		t.Errorf("the diff is %+v", got)
	}
}

func TestTreesBeyondEveryLimitAreRefused(t *testing.T) {
	repo, remote, d, commit := wide(t, OnDemandOptions{MaxPack: 1 << 10})
	_, err := d.Diff(t.Context(), remote, "", commit, generous)
	wantError(t, err, storage.ErrDiffTooLarge)
	root := repo.OID("main~1")
	results, err := d.Files(t.Context(), remote, "", []storage.OID{commit, root}, generous)
	if err != nil || !errors.Is(results[0].Err, storage.ErrDiffTooLarge) || !errors.Is(results[1].Err, storage.ErrDiffTooLarge) {
		t.Errorf("of two: %v, %+v", err, results)
	}
	left, err := filepath.Glob(filepath.Join(scratchDirs(t, d)[0], "objects/pack/*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestOneTooLargeCommitLeavesTheOthersTheirFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	repo := gittest.Init(t)
	commits := []storage.OID{commitTree(repo, "AB-1", tree{"a": {"100644", "small\n"}})}
	commits = append(commits, commitTree(repo, "AB-2", tree{"a": {"100644", "small\n"}, "b": {"100644", lines(r, 5000)}}, "refs/heads/main^0"))
	remote := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	update(t, remote, nil)
	d := NewOnDemand(filepath.Dir(remote.mirror.dir), OnDemandOptions{MaxPack: 8 << 10})
	results, err := d.Files(t.Context(), remote, "", commits, generous)
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil || results[0].Diff.Files[0].Added != 1 || results[1].Err != nil || !results[1].Diff.Files[0].Uncounted {
		t.Errorf("results %+v", results)
	}
}

func TestScratchObjectsAreKeptUntilTheyExpireOrGrowTooLarge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{Now: func() time.Time { return now }}, 3)
	ask := func(c storage.OID) []string {
		t.Helper()
		if _, err := d.Diff(t.Context(), remote, "", c, generous); err != nil {
			t.Fatal(err)
		}
		return scratchDirs(t, d)
	}
	first := ask(commits[0])
	now = now.Add(9 * time.Minute)
	if err := d.Sweep(); err != nil || !slices.Equal(ask(commits[1]), first) {
		t.Errorf("in use within the expiry: %v, %q", err, scratchDirs(t, d))
	}
	d.scratches.most = 1
	second := ask(commits[2])
	if len(second) != 1 || slices.Equal(second, first) {
		t.Errorf("after it has grown too large: %q, before %q", second, first)
	}
	now = now.Add(10 * time.Minute)
	if err := d.Sweep(); err != nil || len(scratchDirs(t, d)) > 0 {
		t.Errorf("after the expiry: %v, %q", err, scratchDirs(t, d))
	}
	if left, _ := filepath.Glob(remote.mirror.dir + scratchSuffix); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestScratchRepositoriesOfAnEarlierProcessAreRemoved(t *testing.T) {
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{}, 1)
	left := filepath.Join(remote.mirror.dir+scratchSuffix, "1", "objects")
	other := filepath.Join(d.scratches.mirrors, "77.git"+scratchSuffix, "3")
	for _, dir := range []string{left, other} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Diff(t.Context(), remote, "", commits[0], generous); err != nil {
		t.Fatal(err)
	}
	if err := d.Clean(); err != nil {
		t.Fatal(err)
	}
	if dirs := scratchDirs(t, d); len(dirs) != 1 || filepath.Dir(dirs[0]) != remote.mirror.dir+scratchSuffix {
		t.Errorf("there are %q", dirs)
	}
	if _, err := os.Stat(remote.mirror.dir); err != nil {
		t.Error(err)
	}
}

func TestAMirrorWithTreesAsksForContentsOnlyAndAFullOneForNothing(t *testing.T) {
	for _, v := range []struct {
		config [2]string
		packs  int64
	}{{[2]string{"uploadpackfilter.tree.allow", "false"}, 1}, {[2]string{"uploadpack.allowFilter", "false"}, 0}} {
		var packs atomic.Int64
		repo := gittest.Init(t)
		repo.Git("config", v.config[0], v.config[1])
		commitTree(repo, "AB-1", tree{"a/b": {"100644", "1\n"}})
		commit := commitTree(repo, "AB-1", tree{"a/b": {"100644", "2\n"}}, "refs/heads/main^0")
		remote := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: countPacks(&packs)}), RemoteOptions{})
		update(t, remote, nil)
		packs.Store(0)
		d := NewOnDemand(filepath.Dir(remote.mirror.dir), OnDemandOptions{})
		mustDiffAsGit(t, repo, remote, d, commit)
		if n := packs.Load(); n != v.packs || len(scratchDirs(t, d)) != int(v.packs) {
			t.Errorf("%v: %d requests for packs, scratch repositories %q", v.config, n, scratchDirs(t, d))
		}
	}
}

func TestCancellingADiffEndsItsFetchAtOnce(t *testing.T) {
	var hang atomic.Bool
	asked := make(chan struct{}, 1)
	_, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !hang.Load() {
				next.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body) // the server sees that the client has gone only after the body
			asked <- struct{}{}
			<-r.Context().Done()
		})
	}}), OnDemandOptions{}, 2)
	hang.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 { // the second waits for the first
		go func() {
			_, err := d.Diff(ctx, remote, "", commits[1], generous)
			ended <- err
		}()
	}
	<-asked
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	hang.Store(false)
	if _, err := d.Diff(t.Context(), remote, "", commits[1], generous); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestACutHistoryHasNoDiffWhereItIsCut(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 3)
	shallow := filepath.Join(t.TempDir(), "shallow.git")
	repo.Git("clone", "--quiet", "--bare", "--depth=2", "file://"+repo.Path, shallow)
	local, d := openLocal(t, shallow), NewOnDemand(t.TempDir(), OnDemandOptions{})
	_, err := d.Diff(t.Context(), local, "", repo.OID("main~1"), generous)
	wantError(t, err, storage.ErrNoObjects, "--unshallow")
	mustDiffAsGit(t, repo, local, d, repo.OID("main"))
}

func TestAPartialCloneInPlaceIsSaidToLackObjects(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 3)
	partial := filepath.Join(t.TempDir(), "partial.git")
	repo.Git("clone", "--quiet", "--bare", "--filter=tree:0", "file://"+repo.Path, partial)
	_, err := NewOnDemand(t.TempDir(), OnDemandOptions{}).Diff(t.Context(), openLocal(t, partial), "", repo.OID("main"), generous)
	wantError(t, err, storage.ErrNoObjects, "partial clone")
}
