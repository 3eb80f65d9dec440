package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
)

// muted is a server that gives no answer to some filters while it is on.
func muted(isOn *bool, filters ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			q.Body = io.NopCloser(bytes.NewReader(body))
			for _, filter := range filters {
				if *isOn && bytes.Contains(body, []byte("want ")) && bytes.Contains(body, []byte(filter)) {
					w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
					return
				}
			}
			next.ServeHTTP(w, q)
		})
	}
}

func TestAServerThatForgotItsFilterForGoodIsFetchedAnewAtTheThirdLook(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 5)
	isOn := false
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: muted(&isOn, "filter tree:0")}), RemoteOptions{})
	before, _ := update(t, r, nil)
	repo.Commit("AB-2")
	isOn = true
	now := look(t, r)
	fetch := func() error {
		_, err := r.Fetch(t.Context(), now, changedSince(before, now), nil)
		return err
	}
	// An outage in between, which the server got over, does not count.
	wantError(t, fetch(), wire.ErrFilterRefused, r.url)
	wantError(t, fetch(), wire.ErrFilterRefused, r.url)
	isOn = false
	before, _ = update(t, r, before)
	isOn = true
	repo.Commit("AB-3")
	now = look(t, r)
	for range maxSilent - 1 {
		wantError(t, fetch(), wire.ErrFilterRefused, r.url)
	}
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	mustAgree(t, r, repo)
	if types := objectTypes(t, r.mirror.dir); types["tree"] == 0 || types["blob"] > 0 {
		t.Errorf("the mirror has %v", types)
	}
}

func TestALongOutageDoesNotMakeAMirrorAFullOne(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 5)
	isOn := false
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: muted(&isOn, "want ")}), RemoteOptions{})
	update(t, r, nil)
	repo.Commit("AB-2")
	isOn = true
	now := look(t, r)
	for range 2 * maxSilent {
		if _, err := r.Fetch(t.Context(), now, now.Refs, nil); !errors.Is(err, wire.ErrProtocol) {
			t.Fatalf("error is %v", err)
		}
	}
	isOn = false
	update(t, r, nil)
	mustAgree(t, r, repo)
	if types := objectTypes(t, r.mirror.dir); types["tree"]+types["blob"] > 0 {
		t.Errorf("the mirror has %v", types)
	}
}

// incompressible makes commits of 3 MiB of noise each.
func incompressible(repo *gittest.Repo, n int) {
	random := rand.NewChaCha8([32]byte{})
	for i := range n {
		noise := make([]byte, 3<<20)
		_, _ = random.Read(noise)
		tree := repo.Feed("100644 blob "+repo.Feed(string(noise), "hash-object", "-w", "--stdin")+"\tfile\n", "mktree")
		repo.Git("tag", fmt.Sprint("v", i), repo.Feed("AB-1", "commit-tree", tree))
	}
}

// TestAFullDiskLeavesNothingBehindAndIsGotOver has a pack of 6 MiB on a disk of 10, of which the reserve leaves 2.
func TestAFullDiskLeavesNothingBehindAndIsGotOver(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=10m"); err != nil {
		t.Skipf("this user may not mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	repo := gittest.Init(t)
	repo.Git("config", "core.compression", "0")
	incompressible(repo, 2)
	url := gittest.Serve(t, repo, gittest.Options{})
	r := openRemoteIn(t, filepath.Join(disk, "1.git"), url, RemoteOptions{IsFull: true})
	now := look(t, r)
	for range 3 {
		_, err := r.Fetch(t.Context(), now, now.Refs, nil)
		wantError(t, err, ErrFull, r.url)
		if left, err := filepath.Glob(filepath.Join(r.mirror.packDir(), "*")); err != nil || len(left) > 0 {
			t.Fatalf("left: %q, %v", left, err)
		}
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=60m"); err != nil {
		t.Fatal(err)
	}
	update(t, r, nil)
	mustAgree(t, r, repo)
}

// TestAFetchThatIsKilledIsCleanedUpAndGoesOn runs itself as the process that is killed.
func TestAFetchThatIsKilledIsCleanedUpAndGoesOn(t *testing.T) {
	t.Parallel()
	if url := os.Getenv("MIRROR_KILLED_URL"); url != "" {
		r := openRemoteIn(t, os.Getenv("MIRROR_KILLED_DIR"), url, RemoteOptions{})
		now := look(t, r)
		_, err := r.Fetch(t.Context(), now, now.Refs, nil)
		t.Fatalf("not killed: %v", err)
	}
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", strings.Repeat("AB-1 ", 100), 3000)
	repo.Git("tag", "v1", "main~1000")
	hangs := true
	url := gittest.Serve(t, repo, gittest.Options{Middleware: hangingInPack(&hangs)})
	dir := filepath.Join(t.TempDir(), "1.git")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "MIRROR_KILLED_URL="+url, "MIRROR_KILLED_DIR="+dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "objects", "pack", "pack_git2_*")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left, err := filepath.Glob(half)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no pack was begun: %v", err)
		}
		if len(left) > 0 {
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	hangs = false
	if left, err := filepath.Glob(half); err != nil || len(left) != 1 {
		t.Fatalf("left of the pack: %q, %v", left, err)
	}
	r := openRemoteIn(t, dir, url, RemoteOptions{})
	update(t, r, nil)
	mustAgree(t, r, repo)
	if left := append(unfinished(t, r.mirror), beside(t, dir)...); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// beside are the files beside a mirror, without that of its filter.
func beside(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	paths, err := filepath.Glob(dir + ".*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if !strings.HasSuffix(path, filterSuffix) {
			names = append(names, path)
		}
	}
	return names
}

// hangingInPack stops in the middle of each answer to a request for a pack.
func hangingInPack(isOn *bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			q.Body = io.NopCloser(bytes.NewReader(body))
			if !*isOn || !bytes.Contains(body, []byte("want ")) {
				next.ServeHTTP(w, q)
				return
			}
			record := httptest.NewRecorder()
			next.ServeHTTP(record, q)
			w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
			_, _ = w.Write(record.Body.Bytes()[:record.Body.Len()/2])
			_ = http.NewResponseController(w).Flush()
			<-q.Context().Done()
		})
	}
}
