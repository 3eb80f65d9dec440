package mirror

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// requests is what a server was asked, and how many bytes that and its answers took.
type requests struct {
	packs   int   // requests for one
	haves   int   // of the last of them
	carried int64 // bytes of all bodies, both ways, as they went over the wire
}

// count is the middleware of a server that counts.
func (q *requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		q.carried += int64(len(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Header.Get("Content-Encoding") == "gzip" {
			if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
				body, _ = io.ReadAll(z)
			}
		}
		if bytes.Contains(body, []byte("want ")) {
			q.packs++
			q.haves = bytes.Count(body, []byte("have "))
		}
		next.ServeHTTP(countedWriter{w, &q.carried}, r)
	})
}

type countedWriter struct {
	http.ResponseWriter
	n *int64
}

func (w countedWriter) Write(b []byte) (int, error) {
	*w.n += int64(len(b))
	return w.ResponseWriter.Write(b)
}

// pullRequests gives a repository n refs with a commit of its own each, off main.
func pullRequests(repo *gittest.Repo, n int) {
	var s strings.Builder
	base := repo.OID("main")
	for i := range n {
		message := fmt.Sprintf("AB-%d", i)
		fmt.Fprintf(&s, "commit refs/pull/%d/head\ncommitter Carl Committer <carl@example.com> %d +0000\ndata %d\n%s\nfrom %s\n\n",
			i+1, 1_700_000_000+i, len(message), message, base)
	}
	repo.Feed(s.String(), "fast-import", "--quiet", "--force")
	repo.Git("pack-refs", "--all")
}

// collect has a server forget whatever no ref reaches.
func collect(repo *gittest.Repo) {
	repo.Git("reflog", "expire", "--expire=now", "--all")
	repo.Git("gc", "--quiet", "--prune=now")
}

func TestAnIncrementTransfersWhatIsNewAndNothingElse(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 300)
	repo.CommitTo("refs/heads/topic", "AB-2", repo.OID("main~100"))
	repo.Commits("refs/heads/topic", "AB-3", 20)
	repo.Git("tag", "v1", "main~200")
	pullRequests(repo, 600)
	for _, protocol := range []string{"", "none"} {
		server := repo.Copy()
		var asked requests
		url := gittest.Serve(t, server, gittest.Options{Protocol: protocol, Middleware: asked.count})
		r := openRemote(t, url, RemoteOptions{})
		r.specs = chosen(t, "refs/pull/*")
		before, _ := update(t, r, nil)
		asked.carried = 0
		look(t, r)
		looked := asked.carried
		for _, push := range []struct {
			name string
			do   func()
			news int // objects
		}{
			{"a commit", func() { server.Commit("AB-4") }, 1},
			{"a merge of a branch", func() { server.CommitTo("refs/heads/main", "AB-5", server.OID("main"), server.OID("topic")) }, 1},
			{"a merge of a late pull request", func() {
				server.CommitTo("refs/heads/main", "AB-6", server.OID("main"), server.OID("refs/pull/599/head"))
			}, 1},
			{"a branch at an old commit", func() { server.Git("branch", "old", "main~150") }, 0},
			{"a branch off an old commit", func() { server.CommitTo("refs/heads/new", "AB-7", server.OID("v1~50")) }, 1},
			{"a force push", func() { server.CommitTo("refs/heads/main", "AB-8", server.OID("main~3")) }, 1},
			{"a force push, and the server forgot", func() {
				server.CommitTo("refs/heads/topic", "AB-9", server.OID("topic~3"))
				collect(server)
			}, 1},
			{"two new tags and two commits", func() {
				server.Commit("AB-10")
				server.Git("tag", "-a", "-m", "two", "v2", "main")
				server.Git("tag", "-a", "-m", "three", "v3", "main~1")
				server.CommitTo("refs/heads/topic", "AB-11")
			}, 4},
		} {
			push.do()
			asked.carried = 0
			now, fetched := update(t, r, before)
			// Versions 0 and 1 acknowledge each have.
			if most := looked*11/10 + fetched.Bytes; protocol == "" && push.news < 2 && asked.carried > most {
				t.Errorf("protocol %q, %s: %d bytes; a look has %d, the pack %d", protocol, push.name, asked.carried, looked, fetched.Bytes)
			}
			if fetched.Objects != push.news {
				t.Errorf("protocol %q, %s: %d objects instead of %d", protocol, push.name, fetched.Objects, push.news)
			}
			if asked.haves > mostHaves {
				t.Errorf("protocol %q, %s: %d haves", protocol, push.name, asked.haves)
			}
			mustHoldAll(t, r, server)
			before = now
		}
	}
}

// mustHoldAll demands that the mirror reaches the commits that the server reaches, by all refs.
func mustHoldAll(t testing.TB, r *Remote, server *gittest.Repo) {
	t.Helper()
	has := sortedLines(gittest.Open(t, r.mirror.dir).Git("rev-list", "--all"))
	if want := sortedLines(server.Git("rev-list", "--all")); has != want {
		t.Errorf("the mirror reaches %d commits, the server %d", len(has)/41, len(want)/41)
	}
}

func TestALostTipCostsAtMostHalfOfWhatWasRewritten(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "AB-1", 900)
	r := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	for _, rewritten := range []int{5, 50, 500} {
		before, _ := update(t, r, nil)
		repo.CommitTo("refs/heads/main", "AB-2", repo.OID(fmt.Sprintf("main~%d", rewritten)))
		collect(repo)
		if _, fetched := update(t, r, before); fetched.Objects > 1+rewritten/2 {
			t.Errorf("%d objects after %d commits were rewritten", fetched.Objects, rewritten)
		}
		mustHoldAll(t, r, repo)
	}
}

func TestManyMovedRefsDoNotCrowdOutTheDefaultBranch(t *testing.T) {
	repo := gittest.Init(t)
	main := repo.Commits("refs/heads/main", "AB-1", 2)
	objects, err := newLookup(gitDirs{own: repo.Path, common: repo.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.close()
	refs := []packedRef{{name: "refs/heads/main", oid: main}}
	var moved []Ref
	for i := range 5000 {
		name := fmt.Sprintf("refs/pull/%d/merge", i)
		refs = append(refs, packedRef{name: name, oid: storage.OID{1, byte(i >> 8), byte(i)}},
			packedRef{name: fmt.Sprintf("refs/heads/topic-%d", i), oid: storage.OID{2, byte(i >> 8), byte(i)}})
		moved = append(moved, Ref{Name: name})
	}
	list, err := new(haveMemory).haves(objects, packedOf(refs), moved, "refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > mostManyHaves || !slices.Contains(list, main) {
		t.Errorf("%d haves, with the default branch: %v", len(list), slices.Contains(list, main))
	}
}

func TestNamesWithNumbersAreOrderedAsPeopleDo(t *testing.T) {
	names := []string{"", "v", "v1", "v1.9", "v1.10", "v01.10.1", "v2", "v10", "w", "w-é"}
	for i, a := range names {
		for j, b := range names {
			if c := compareNatural([]byte(a), []byte(b)); c < 0 != (i < j) || c > 0 != (i > j) {
				t.Errorf("%q is compared with %q as %d", a, b, c)
			}
		}
	}
}

// BenchmarkOneCommit fetches one new commit of the kafka history at a time, and tells what that costs beside a look.
func BenchmarkOneCommit(b *testing.B) {
	for name, other := range map[string][]string{"heads+tags": nil, "all refs": {"refs/pull/*"}} {
		b.Run(name, func(b *testing.B) {
			repo := restored(b, "kafka")
			var asked requests
			r := openRemote(b, gittest.Serve(b, repo, gittest.Options{Middleware: asked.count}), RemoteOptions{})
			r.specs = chosen(b, other...)
			before, _ := update(b, r, nil)
			trunk := repo.Git("symbolic-ref", "HEAD")
			asked = requests{}
			look(b, r)
			looked := asked.carried
			objects, n := 0, 0
			asked = requests{}
			for b.Loop() {
				b.StopTimer()
				repo.Commit("ABC-1")
				b.StartTimer()
				now, err := r.Look(b.Context(), before.Digest)
				if err != nil {
					b.Fatal(err)
				}
				fetched, err := r.Fetch(b.Context(), now, []Ref{find(b, now.Refs, trunk)}, nil)
				if err != nil {
					b.Fatal(err)
				}
				before = now
				objects += fetched.Objects
				n++
			}
			b.ReportMetric(float64(looked), "look-bytes")
			b.ReportMetric(float64(asked.carried)/float64(n), "bytes/op")
			b.ReportMetric(float64(objects)/float64(n), "objects/op")
			b.ReportMetric(float64(asked.haves), "haves")
		})
	}
}
