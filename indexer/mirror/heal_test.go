package mirror

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// mustAgree demands that git itself finds the same commits over all refs of the mirror as of the server.
func mustAgree(t testing.TB, r *Remote, server *gittest.Repo) {
	t.Helper()
	has := sortedLines(gittest.Open(t, r.mirror.dir).Git("log", "--all", "--format=%H"))
	if want := sortedLines(server.Git("log", "--branches", "--tags", "--format=%H")); has != want {
		t.Errorf("the mirror has\n%s\nthe server\n%s", has, want)
	}
}

func TestADiscardedMirrorIsWholeAfterTheNextChangeOfOneRef(t *testing.T) {
	repo := gittest.Init(t)
	main := repo.Commit("ABC-1")
	repo.CommitTo("refs/heads/other", "ABC-2")
	repo.Git("notes", "add", "-m", "ABC-3", main.String())
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	before, _ := update(t, r, nil)
	if err := r.Discard(); err != nil {
		t.Fatal(err)
	}
	repo.Commit("ABC-4")
	_, fetched := update(t, r, before)
	if len(fetched.Refs) != 1 {
		t.Errorf("%d refs given for one changed", len(fetched.Refs))
	}
	mustAgree(t, r, repo)
	notes, _, err := r.Notes(t.Context(), "refs/notes/commits", storage.OID{}, repo.OID("refs/notes/commits"))
	if err != nil || len(notes) != 1 {
		t.Errorf("notes are %v, %v", notes, err)
	}
}

func TestEachDamageOfAMirrorIsSaidAndHealedByDiscard(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1", 300)
	url := gittest.Serve(t, repo, gittest.Options{})
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no objects":       func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "objects")) },
		"garbage for refs": func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "packed-refs"), "garbage\n") },
		"unknown filter":   func(t *testing.T, dir string) { writeFile(t, dir+filterSuffix, "depth:1") },
		"a pack is gone":   func(t *testing.T, dir string) { removePacks(t, dir) },
		"a pack is bent":   bendPacks,
	} {
		t.Run(name, func(t *testing.T) {
			r := openRemote(t, url, RemoteOptions{})
			_, fetched := update(t, r, nil)
			damage(t, r.mirror.dir)
			now := look(t, r)
			_, err := r.Fetch(t.Context(), now, now.Refs, nil)
			if err == nil {
				err = walkError(t.Context(), r, tips(fetched.Refs)...)
			}
			wantError(t, err, ErrCorrupt, r.url)
			if err := r.Discard(); err != nil {
				t.Fatal(err)
			}
			update(t, r, nil)
			mustAgree(t, r, repo)
		})
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func packsOf(t *testing.T, dir string) []string {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("packs of %s: %q, %v", dir, packs, err)
	}
	return packs
}

func removePacks(t *testing.T, dir string) {
	for _, pack := range packsOf(t, dir) {
		if err := os.Remove(pack); err != nil {
			t.Fatal(err)
		}
	}
}

// bendPacks changes bytes all over the objects of each pack.
func bendPacks(t *testing.T, dir string) {
	for _, pack := range packsOf(t, dir) {
		b, err := os.ReadFile(pack)
		if err != nil {
			t.Fatal(err)
		}
		for i := 64; i < len(b)-64; i += 50 {
			b[i] ^= 0x55
		}
		if err := errors.Join(os.Remove(pack), os.WriteFile(pack, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMirrorIsMadeAnewWhenItsFilterIsNoLongerWanted(t *testing.T) {
	for name, change := range map[string]func(*gittest.Repo, *RemoteOptions){
		"objects: full":          func(_ *gittest.Repo, o *RemoteOptions) { o.IsFull = true },
		"the server now refuses": func(r *gittest.Repo, _ *RemoteOptions) { r.Git("config", "uploadpackfilter.tree.allow", "false") },
		"the server has none":    func(r *gittest.Repo, _ *RemoteOptions) { r.Git("config", "uploadpack.allowFilter", "false") },
	} {
		t.Run(name, func(t *testing.T) {
			repo := gittest.Init(t)
			repo.Commit("ABC-1")
			url := gittest.Serve(t, repo, gittest.Options{})
			dir := filepath.Join(t.TempDir(), "1.git")
			filtered := openRemoteIn(t, dir, url, RemoteOptions{})
			before, _ := update(t, filtered, nil)
			mirror := gittest.Open(t, dir)
			if types := mirror.Git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"); strings.Contains(types, "tree") {
				t.Fatalf("a filtered mirror holds trees:\n%s", types)
			}
			var o RemoteOptions
			change(repo, &o)
			repo.Commit("ABC-2")
			update(t, openRemoteIn(t, dir, url, o), before)
			mustAgree(t, filtered, repo)
			if types := mirror.Git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"); !strings.Contains(types, "tree") {
				t.Errorf("the new mirror holds no trees:\n%s", types)
			}
		})
	}
}

func TestANotesRefMayPointAtAnything(t *testing.T) {
	repo := gittest.Init(t)
	commit := repo.Commit("ABC-1")
	repo.Git("notes", "add", "-m", "ABC-2", commit.String())
	repo.Git("update-ref", "refs/notes/blob", repo.Feed("x", "hash-object", "-w", "--stdin"))
	repo.Git("update-ref", "refs/notes/tree", repo.Git("rev-parse", "refs/notes/commits^{tree}"))
	repo.Git("tag", "-a", "-m", "tag", "temporary", "refs/notes/commits")
	repo.Git("update-ref", "refs/notes/tag", repo.Git("rev-parse", "temporary"))
	repo.Git("tag", "-d", "temporary")
	want := map[string]int{"refs/notes/blob": 0, "refs/notes/commits": 1, "refs/notes/tag": 1, "refs/notes/tree": 1}
	for _, s := range []source{openLocal(t, repo.Path), openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})} {
		_, fetched := update(t, s, nil)
		for ref, n := range want {
			notes, isWhole, err := s.Notes(t.Context(), ref, storage.OID{}, find(t, fetched.Refs, ref).OID)
			if err != nil || len(notes) != n || !isWhole {
				t.Errorf("%T %s: %d notes, %v, %v", s, ref, len(notes), isWhole, err)
			}
		}
		to, from := find(t, fetched.Refs, "refs/notes/blob").OID, find(t, fetched.Refs, "refs/notes/commits").OID
		notes, _, err := s.Notes(t.Context(), "refs/notes/commits", from, to)
		if err != nil || len(notes) != 1 || !notes[0].Deleted || notes[0].Object != commit {
			t.Errorf("%T: notes that a ref no longer holds are %v, %v", s, notes, err)
		}
	}
}

func TestTagsWhoseTargetIsNotDeliveredDoNotSpoilTheMirror(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	repo.Git("tag", "-a", "-m", "a blob", "on-blob", repo.Git("rev-parse", "HEAD:file"))
	repo.Git("tag", "-a", "-m", "a tree", "on-tree", repo.Git("rev-parse", "HEAD^{tree}"))
	repo.Git("tag", "-a", "-m", "a commit", "on-commit", "HEAD")
	repo.Git("tag", "-a", "-m", "a tag", "on-tag", "on-commit")
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	before, fetched := update(t, r, nil)
	for name, hasCommit := range map[string]bool{"on-blob": false, "on-tree": false, "on-commit": true, "on-tag": true} {
		if ref := find(t, fetched.Refs, "refs/tags/"+name); ref.Commit.IsZero() == hasCommit {
			t.Errorf("%s peels to %s", name, ref.Commit)
		}
	}
	mustAgree(t, r, repo)
	if d := gittest.Open(t, r.mirror.dir).Git("show-ref", "-d"); !strings.Contains(d, "refs/tags/on-tag^{}") {
		t.Errorf("peeled values are missing:\n%s", d)
	}
	if now, fetched := update(t, r, before); fetched.Bytes != 0 || len(now.Refs) != len(before.Refs) {
		t.Errorf("without a change %d bytes were fetched", fetched.Bytes)
	}
}

func TestCancellingAFetchLeavesNothingBehind(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1", 3000)
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{IsFull: true})
	now := look(t, r)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("enough")
	_, err := r.Fetch(ctx, now, now.Refs, func(Progress) { cancel(stopped) })
	if !errors.Is(err, context.Canceled) && !errors.Is(err, stopped) {
		t.Fatalf("error is %v", err)
	}
	left, err := filepath.Glob(filepath.Join(r.mirror.dir, "objects", "pack", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	update(t, r, nil)
	mustAgree(t, r, repo)
}

func TestLeftoversOfAKilledFetchAreRemoved(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	update(t, r, nil)
	left := []string{
		filepath.Join(r.mirror.dir, "objects", "pack", "pack_git2_0123456789abcdef"), filepath.Join(r.mirror.dir, "packed-refs.lock"),
		filepath.Join(r.mirror.dir, "packed-refs.new"),
	}
	for _, path := range left {
		writeFile(t, path, "half")
	}
	repo.Commit("ABC-2")
	update(t, r, nil)
	mustAgree(t, r, repo)
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestAServerThatEndsEarlyLeavesNothingBehind cuts the answer that holds the pack.
func TestAServerThatEndsEarlyLeavesNothingBehind(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1", 500)
	isCut := true
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if isCut && q.Method == http.MethodPost {
				w = &cutWriter{ResponseWriter: w, left: 5000}
			}
			next.ServeHTTP(w, q)
		})
	}}), RemoteOptions{})
	now := look(t, r)
	if _, err := r.Fetch(t.Context(), now, now.Refs, nil); err == nil {
		t.Fatal("half a pack is taken for a whole one")
	}
	left, err := filepath.Glob(filepath.Join(r.mirror.dir, "objects", "pack", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	isCut = false
	update(t, r, nil)
	mustAgree(t, r, repo)
}

// cutWriter breaks the connection after some bytes of the body.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return w.ResponseWriter.Write(b)
}
