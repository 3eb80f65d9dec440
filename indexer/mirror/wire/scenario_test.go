package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// follower mirrors a served repository by ListRefs and Fetch alone.
type follower struct {
	client *Client
	store  store
	filter string
	tips   []storage.OID // peeled, of the last look
}

// follow looks, fetches what is missing, and gives what it saw and how many objects came.
func (f *follower) follow(t *testing.T) (*Advertisement, int) {
	t.Helper()
	a := list(t, f.client)
	r := FetchRequest{Wants: f.store.missing(a.oids()), Haves: f.tips, Filter: f.filter, ThinPack: true}
	f.tips = nil
	for _, ref := range a.Refs {
		tip := ref.OID
		if !ref.Peeled.IsZero() {
			tip = ref.Peeled
		}
		f.tips = append(f.tips, tip)
	}
	if len(r.Wants) == 0 {
		return a, 0
	}
	return a, f.store.add(t, fetch(t, f.client, r))
}

// change is something that happens to a server's repository, and how many commits and tags a follower then receives.
type change struct {
	what          string
	do            func()
	commits, tags int
}

// changes are to be done in order, on an empty repository.
func changes(repo *gittest.Repo) []change {
	var first, old storage.OID
	return []change{
		{"initial", func() {
			first = repo.Commit("ABC-1 first")
			old = repo.Commit("ABC-2 second")
			repo.CommitTo("refs/heads/topic", "ABC-3 topic", first)
			repo.Git("tag", "-m", "ABC-1", "v1", first.String())
			repo.Git("tag", "light", old.String())
		}, 3, 1},
		{"no change", func() {}, 0, 0},
		{"one new commit", func() { repo.Commit("ABC-4") }, 1, 0},
		{"300 new commits", func() { repo.Commits("refs/heads/main", "ABC-5", 300) }, 300, 0},
		{"tag of a tag", func() { repo.Git("tag", "-m", "nested", "v1-nested", "v1") }, 0, 2}, // v1 again: haves name commits
		{"force push", func() {
			repo.Git("update-ref", "refs/heads/main", old.String())
			repo.Commit("ABC-6 instead")
		}, 1, 0},
		{"deleted branch", func() { repo.Git("update-ref", "-d", "refs/heads/topic") }, 0, 0},
		{"moved tag", func() { repo.Git("tag", "-f", "-m", "moved", "v1", "main") }, 0, 1},
		{"branch at an old commit", func() { repo.Git("branch", "again", first.String()) }, 0, 0},
		{"merge", func() { repo.CommitTo("refs/heads/again", "ABC-7 merge", first, repo.OID("main")) }, 1, 0},
		{"orphan branch", func() { repo.Orphan("refs/heads/orphan", "ABC-8 unrelated") }, 1, 0},
		{"odd ref names", func() {
			repo.Git("update-ref", "refs/heads/日本/ü{x}'\"$", "main")
			repo.Git("update-ref", "refs/pull/7/head", "main")
		}, 0, 0},
	}
}

func TestAFollowerHasWhatTheServerHasAfterEveryChange(t *testing.T) {
	t.Parallel()
	for name, c := range carriers {
		for _, filter := range []string{"tree:0", "blob:none", ""} {
			if filter != "tree:0" && name != "http v2" && name != "http v0" || filter == "blob:none" && name == "http v0" {
				continue // says nothing new
			}
			t.Run(name+" "+filter, func(t *testing.T) {
				t.Parallel()
				repo := gittest.Init(t)
				f := &follower{c.serve(t, repo), store{gittest.Init(t)}, filter, nil}
				perCommit := map[string]int{"tree:0": 1, "blob:none": 2, "": 3}[filter]
				for _, change := range changes(repo) {
					change.do()
					a, got := f.follow(t)
					if want := change.commits*perCommit + change.tags; got != want {
						t.Errorf("%s: %d objects came, want %d", change.what, got, want)
					}
					if a.Version != c.version || !a.Filter {
						t.Errorf("%s: version %d, filter %v", change.what, a.Version, a.Filter)
					}
					checkRefs(t, repo, a)
				}
				if n := f.store.objects(); filter == "tree:0" && n["tree"]+n["blob"] > 0 {
					t.Errorf("with tree:0 the store holds %v", n)
				}
				checkHistory(t, repo, f.store)
			})
		}
	}
}

// checkRefs compares an advertisement with git's own reading.
func checkRefs(t *testing.T, repo *gittest.Repo, a *Advertisement) {
	t.Helper()
	want := repo.Refs()
	if diff := cmp.Diff(want, refs(a)); diff != "" {
		t.Errorf("refs differ (-git +listed):\n%s", diff)
	}
	if a.Head != "refs/heads/main" || a.HeadOID != want["refs/heads/main"] {
		t.Errorf("HEAD is %q %v", a.Head, a.HeadOID)
	}
	checkPeeled(t, repo, a)
}

// checkHistory points the store's refs where the server's are and compares what git log tells of both.
func checkHistory(t *testing.T, repo *gittest.Repo, s store) {
	t.Helper()
	for name, oid := range repo.Refs() {
		s.Git("update-ref", name, oid.String())
	}
	log := []string{"log", "--format=%H %P %s", "--topo-order", "--all"}
	if diff := cmp.Diff(repo.Git(log...), s.Git(log...)); diff != "" {
		t.Errorf("histories differ (-server +store):\n%s", diff)
	}
}

// checkPeeled compares what tags peel to with git's own reading.
func checkPeeled(t *testing.T, repo *gittest.Repo, a *Advertisement) {
	t.Helper()
	want, have := map[string]string{}, map[string]string{}
	for line := range strings.Lines(repo.Git("show-ref", "--dereference")) {
		oid, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if tag, ok := strings.CutSuffix(name, "^{}"); ok {
			want[tag] = oid
		}
	}
	for _, r := range a.Refs {
		if !r.Peeled.IsZero() {
			have[r.Name] = r.Peeled.String()
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("peeled tags differ (-git +listed):\n%s", diff)
	}
}

func TestALookAtAKnownServerIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	for name, v := range versions {
		t.Run(name, func(t *testing.T) {
			repo := gittest.Init(t)
			repo.Commit("ABC-1")
			var requests atomic.Int64
			v.serve.Requests = &requests
			c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
			first := list(t, c, "refs/heads/")
			requests.Store(0)
			second := list(t, c, "refs/heads/")
			if n := requests.Load(); n != 1 {
				t.Errorf("the second look took %d requests", n)
			}
			if first.Digest != second.Digest {
				t.Error("equal advertisements have different digests")
			}
			repo.Commit("ABC-2")
			requests.Store(0)
			third := list(t, c, "refs/heads/")
			fetch(t, c, FetchRequest{Wants: []storage.OID{third.HeadOID}, Filter: "tree:0"})
			if n := requests.Load(); n != 2 {
				t.Errorf("look and fetch took %d requests", n)
			}
			if third.Digest == second.Digest {
				t.Error("a moved ref leaves the digest as it was")
			}
		})
	}
}

func TestOnlyRefsWithAnAskedForPrefixAreListed(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	repo.ManyRefs("refs/changes/", 1200, oid)
	repo.ManyRefs("refs/tags/v", 3, oid)
	repo.Git("tag", "-m", "annotated", "v9")
	for name, v := range versions {
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		many := []string{"refs/tags/v9", "refs/heads/"}
		for i := range 150 {
			many = append(many, fmt.Sprintf("refs/changes/%07d", i))
		}
		for _, test := range []struct {
			prefixes []string
			want     int
		}{
			{nil, 1 + 1200 + 3 + 1},
			{[]string{"refs/heads/", "refs/tags/"}, 5},
			{[]string{"refs/tags/v", "refs/tags/v00"}, 4},
			{[]string{"refs/none/"}, 0},
			{[]string{"HEAD"}, 0},
			{many, 152},
		} {
			a := list(t, c, test.prefixes...)
			if len(a.Refs) != test.want || a.Head != "refs/heads/main" || a.HeadOID != oid {
				t.Errorf("%s: %d refs for %d prefixes, want %d; HEAD %q %v", name, len(a.Refs), len(test.prefixes), test.want, a.Head, a.HeadOID)
			}
			if !slices.IsSortedFunc(a.Refs, func(x, y Ref) int { return strings.Compare(x.Name, y.Name) }) {
				t.Errorf("%s: the refs are not in order", name)
			}
		}
	}
}

func TestEmptyRepositoriesAndDetachedHeadsAreListed(t *testing.T) {
	t.Parallel()
	for name, v := range versions {
		repo := gittest.Init(t)
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		a := list(t, c)
		if len(a.Refs) != 0 || !a.HeadOID.IsZero() || a.Version == 2 && a.Head != "refs/heads/main" {
			t.Errorf("%s, empty: %+v", name, a)
		}
		oid := repo.Commit("ABC-1")
		repo.Git("update-ref", "--no-deref", "HEAD", oid.String())
		if a := list(t, c); a.Head != "" || a.HeadOID != oid || len(a.Refs) != 1 {
			t.Errorf("%s, detached: %+v", name, a)
		}
		repo.Git("symbolic-ref", "HEAD", "refs/heads/missing")
		if a := list(t, c); !a.HeadOID.IsZero() || len(a.Refs) != 1 {
			t.Errorf("%s, unborn: %+v", name, a)
		}
	}
}

func TestAShallowServerIsListedAndFetched(t *testing.T) {
	t.Parallel()
	for name, v := range versions {
		repo := gittest.Init(t)
		repo.Commit("ABC-1 cut off")
		boundary := repo.Commit("ABC-2 boundary")
		tip := repo.Commit("ABC-3 tip")
		shallow := gittest.Init(t)
		shallow.Git("fetch", "--quiet", "--depth=2", "file://"+repo.Path, "+refs/heads/*:refs/heads/*")
		c := dial(t, gittest.Serve(t, shallow, v.serve), Options{})
		if a := list(t, c); len(a.Refs) != 1 || a.HeadOID != tip {
			t.Errorf("%s: %+v", name, a)
		}
		s := store{gittest.Init(t)}
		var pack bytes.Buffer
		received, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{tip}, Filter: "tree:0"}, &pack)
		if err != nil || !slices.Equal(received.Shallow, []storage.OID{boundary}) {
			t.Errorf("%s: cut at %v (%v), want %s", name, received.Shallow, err, boundary)
		}
		if n := s.add(t, pack.Bytes()); n != 2 || s.missing([]storage.OID{boundary, tip}) != nil {
			t.Errorf("%s: %d objects came", name, n)
		}
		next := shallow.Commit("ABC-4 next")
		r := FetchRequest{Wants: []storage.OID{next}, Haves: []storage.OID{tip}, Shallow: received.Shallow, Filter: "tree:0"}
		if n := s.add(t, fetch(t, c, r)); n != 1 {
			t.Errorf("%s: %d objects came for one new commit", name, n)
		}
	}
}

func TestThousandsOfWantsAndHavesGoOutCompressed(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Git("config", "uploadpack.allowReachableSHA1InWant", "true")
	repo.Commits("refs/heads/main", "ABC-1", 2500)
	var r FetchRequest
	for i, hex := range strings.Fields(repo.Git("rev-list", "main")) {
		oid, _ := storage.ParseOID(hex)
		if i < 1500 {
			r.Wants = append(r.Wants, oid)
		} else {
			r.Haves = append(r.Haves, oid)
		}
	}
	r.Filter = "tree:0"
	for name, v := range versions {
		var sent atomic.Int64
		v.serve.Middleware = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent.Store(r.ContentLength)
				next.ServeHTTP(w, r)
			})
		}
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		pack := fetch(t, c, r)
		if n := (store{repo.Copy()}).add(t, pack); n != 1500 {
			t.Errorf("%s: %d objects came", name, n)
		}
		if n := sent.Load(); n <= 0 || n > 2500*50*2/3 {
			t.Errorf("%s: the request has %d bytes", name, n)
		}
	}
}
