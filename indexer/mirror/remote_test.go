package mirror

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// objectTypes counts the objects of a repository by type.
func objectTypes(t *testing.T, dir string) map[string]int {
	t.Helper()
	types := map[string]int{}
	for _, kind := range strings.Fields(gittest.Open(t, dir).Git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")) {
		types[kind]++
	}
	return types
}

func TestAFilteredMirrorHoldsWhatTheServersFilterAllows(t *testing.T) {
	for _, v := range []struct {
		name                 string
		config               [2]string
		filter               string
		hasTrees, hasContent bool
	}{
		{"tree:0", [2]string{"uploadpack.allowFilter", "true"}, "tree:0", false, false},
		{"tree:0 refused", [2]string{"uploadpackfilter.tree.allow", "false"}, "blob:none", true, false},
		{"all refused", [2]string{"uploadpackfilter.allow", "false"}, noFilter, true, true},
		{"none offered", [2]string{"uploadpack.allowFilter", "false"}, noFilter, true, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			repo := gittest.Init(t)
			repo.Commits("refs/heads/main", "AB-1", 20)
			repo.Git("config", v.config[0], v.config[1])
			r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
			before, fetched := update(t, r, nil)
			if n := len(walked(t, r, tips(fetched.Refs), nil)); n != 20 {
				t.Errorf("the walk has %d commits", n)
			}
			types := objectTypes(t, r.mirror.dir)
			if types["commit"] != 20 || (types["tree"] > 0) != v.hasTrees || (types["blob"] > 0) != v.hasContent {
				t.Errorf("the mirror has %v", types)
			}
			if filter, err := os.ReadFile(r.mirror.dir + filterSuffix); err != nil || string(filter) != v.filter {
				t.Errorf("the filter is noted as %q, %v", filter, err)
			}
			repo.Commit("AB-2")
			if _, fetched = update(t, r, before); fetched.Objects == 0 || fetched.Objects > 3 {
				t.Errorf("one new commit cost %d objects", fetched.Objects)
			}
			mustAgree(t, r, repo)
		})
	}
}

func TestAnUnchangedRemoteIsNotAskedForAPack(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	posts := 0
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			posts++
			next.ServeHTTP(w, q)
		})
	}}), RemoteOptions{})
	before, _ := update(t, r, nil)
	posts = 0
	if _, fetched := update(t, r, before); posts != 1 || fetched.Bytes+int64(fetched.Objects) != 0 {
		t.Errorf("%d requests and %d bytes for nothing new", posts, fetched.Bytes)
	}
}

func TestTheMirrorFollowsEveryKindOfPush(t *testing.T) {
	repo := gittest.Init(t)
	first := repo.Commit("AB-1")
	repo.Commits("refs/heads/main", "AB-2", 30)
	repo.CommitTo("refs/heads/topic", "AB-3", first)
	repo.Git("tag", "v1", "main")
	repo.Git("tag", "-a", "-m", "release", "v2", "topic")
	for _, protocol := range []string{"", "none"} {
		server := repo.Copy()
		r := openRemote(t, gittest.Serve(t, server, gittest.Options{Protocol: protocol}), RemoteOptions{})
		before, _ := update(t, r, nil)
		mustAgree(t, r, server)
		for _, push := range []struct {
			name    string
			do      func()
			changed []string
			most    int // objects
		}{
			{"a commit", func() { server.Commit("AB-4") }, []string{"refs/heads/main"}, 1},
			{"a force push", func() { server.CommitTo("refs/heads/main", "AB-5", server.OID("main~2")) }, []string{"refs/heads/main"}, 1},
			{"a rewritten history", func() { server.Orphan("refs/heads/main", "AB-6") }, []string{"refs/heads/main"}, 1},
			{"a moved tag", func() { server.Git("tag", "-f", "-a", "-m", "again", "v2", "v1") }, []string{"refs/tags/v2"}, 1},
			{"a deleted branch", func() { server.Git("branch", "-D", "topic") }, nil, 0},
			{"a directory where a branch was", func() { server.CommitTo("refs/heads/topic/a", "AB-7", first) }, []string{"refs/heads/topic/a"}, 1},
			{"a branch where a directory was", func() {
				server.Git("update-ref", "-d", "refs/heads/topic/a")
				server.CommitTo("refs/heads/topic", "AB-8", first)
			}, []string{"refs/heads/topic"}, 1},
		} {
			push.do()
			now, fetched := update(t, r, before)
			if got := strings.Join(names(fetched.Refs), " "); got != strings.Join(push.changed, " ") || fetched.Objects > push.most {
				t.Errorf("protocol %q, %s: %d objects for refs %s", protocol, push.name, fetched.Objects, got)
			}
			if has, want := gittest.Open(t, r.mirror.dir).Refs(), server.Refs(); len(has) != len(want) || len(now.Refs) != len(want) {
				t.Errorf("protocol %q, %s: the mirror's refs are %v, the server's %v", protocol, push.name, has, want)
			}
			mustAgree(t, r, server)
			before = now
		}
	}
}

func TestNotesLiveInARepositoryOfTheirOwn(t *testing.T) {
	repo := gittest.Init(t)
	a, b := repo.Commit("AB-1"), repo.Commit("AB-2")
	repo.Git("notes", "add", "-m", "AB-10", a.String())
	repo.Git("notes", "add", "-m", "AB-11", b.String())
	first := repo.OID("refs/notes/commits")
	for _, s := range []source{openLocal(t, repo.Path), openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})} {
		repo.Git("update-ref", "refs/notes/commits", first.String())
		before, fetched := update(t, s, nil)
		if ref := find(t, fetched.Refs, "refs/notes/commits"); !ref.Commit.IsZero() {
			t.Errorf("%T: notes are part of the history: %+v", s, ref)
		}
		if r, ok := s.(*Remote); ok {
			if types := objectTypes(t, r.mirror.dir); types["commit"] != 2 || types["tree"]+types["blob"] > 0 {
				t.Errorf("the mirror has %v", types)
			}
			if types := objectTypes(t, r.notes.dir); types["blob"] < 2 {
				t.Errorf("the notes have %v", types)
			}
		}
		all, isWhole, err := s.Notes(t.Context(), "refs/notes/commits", storage.OID{}, first)
		if err != nil || !isWhole || len(all) != 2 {
			t.Errorf("%T: notes are %v, %v, %v", s, all, isWhole, err)
		}
		repo.Git("notes", "add", "-f", "-m", "AB-12 stra\u00dfe", a.String())
		repo.Git("notes", "remove", b.String())
		second := repo.OID("refs/notes/commits")
		update(t, s, before)
		changes, isWhole, err := s.Notes(t.Context(), "refs/notes/commits", first, second)
		if err != nil || isWhole || len(changes) != 2 {
			t.Fatalf("%T: changes are %v, %v, %v", s, changes, isWhole, err)
		}
		for _, n := range changes {
			if n.Object == a && n.Text != "AB-12 straße\n" || n.Object == b && !n.Deleted {
				t.Errorf("%T: the change is %+v", s, n)
			}
		}
	}
}

// bent passes answers to requests for packs on after a change.
func bent(isBent *bool, change func([]byte) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			q.Body = io.NopCloser(bytes.NewReader(body))
			if !*isBent || !bytes.Contains(body, []byte("want ")) {
				next.ServeHTTP(w, q)
				return
			}
			record := httptest.NewRecorder()
			next.ServeHTTP(record, q)
			w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
			_, _ = w.Write(change(record.Body.Bytes()))
		})
	}
}

func TestABadAnswerLeavesTheMirrorUsableAndTheNextFetchRight(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"cut off":  func(b []byte) []byte { return b[:len(b)/2] },
		"empty":    func([]byte) []byte { return nil },
		"web page": func([]byte) []byte { return []byte("<html>maintenance</html>") },
		"damaged": func(b []byte) []byte {
			for i := len(b) / 2; i < len(b)/2+40; i++ {
				b[i] ^= 0xff
			}
			return b
		},
		"last byte damaged": func(b []byte) []byte {
			b[bytes.LastIndex(b, []byte("0000"))-1] ^= 0xff
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			repo := gittest.Init(t)
			repo.Commits("refs/heads/main", "AB-1", 5)
			isBent := false
			r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: bent(&isBent, change)}), RemoteOptions{})
			before, fetched := update(t, r, nil)
			repo.Commits("refs/heads/main", "AB-2", 300)
			isBent = true
			now := look(t, r)
			_, err := r.Fetch(t.Context(), now, changedSince(before, now), nil)
			if err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), r.url) {
				t.Fatalf("error is %v", err)
			}
			if n := len(walked(t, r, tips(fetched.Refs), nil)); n != 5 {
				t.Errorf("the mirror has %d commits of 5", n)
			}
			isBent = false
			update(t, r, before)
			mustAgree(t, r, repo)
			left, err := filepath.Glob(filepath.Join(r.mirror.dir, "objects", "pack", "pack_git2_*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}

// TestASilentRefusalOfTheFilterStepsDown plays git 2.19, which ends without a word at tree:0, after a first fetch that failed.
func TestASilentRefusalOfTheFilterStepsDown(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 5)
	isDown := true
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			q.Body = io.NopCloser(bytes.NewReader(body))
			switch {
			case !bytes.Contains(body, []byte("want ")):
				next.ServeHTTP(w, q)
			case isDown:
				http.Error(w, "maintenance", http.StatusInternalServerError)
			case bytes.Contains(body, []byte("filter tree:0")):
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			default:
				next.ServeHTTP(w, q)
			}
		})
	}}), RemoteOptions{})
	now := look(t, r)
	_, err := r.Fetch(t.Context(), now, now.Refs, nil)
	wantError(t, err, wire.ErrServer, r.url)
	isDown = false
	update(t, r, nil)
	mustAgree(t, r, repo)
	if types := objectTypes(t, r.mirror.dir); types["tree"] == 0 || types["blob"] > 0 {
		t.Errorf("the mirror has %v", types)
	}
}

func TestAServerThatHangsWithinThePackIsStalled(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 300)
	hangs := true
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{Middleware: hangingInPack(&hangs)}), RemoteOptions{Wire: wire.Options{Stall: 400 * time.Millisecond}})
	now := look(t, r)
	_, err := r.Fetch(t.Context(), now, now.Refs, nil)
	wantError(t, err, wire.ErrStalled, r.url)
	hangs = false
	update(t, r, nil)
	mustAgree(t, r, repo)
}

func TestRemoveRemovesAllThatAMirrorIs(t *testing.T) {
	repo := gittest.Init(t)
	oid := repo.Commit("AB-1")
	repo.Git("notes", "add", "-m", "AB-2", oid.String())
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	update(t, r, nil)
	for range 2 { // what is not there is no error
		if err := Remove(r.mirror.dir); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(filepath.Dir(r.mirror.dir))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	_, _, err := r.Notes(t.Context(), "refs/notes/commits", storage.OID{}, oid)
	wantError(t, err, ErrCorrupt, r.url, "refs/notes/commits")
	if _, fetched := update(t, r, nil); len(walked(t, r, tips(fetched.Refs), nil)) != 1 {
		t.Error("after Remove a fetch does not bring the commit")
	}
}
