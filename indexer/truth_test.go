package indexer_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/bench/reference"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

var (
	histories = flag.Int("histories", len(ways), "random histories that the truth test plays")
	firstSeed = flag.Uint64("seed", 1, "seed of the first of them")
)

// TestAnyHistoryOfPushesIsIndexedAsGitLogTellsIt plays random pushes, force pushes, deletions, moved tags and notes on a
// real repository. After each the index must hold what git log gives over the same refs, read in place and over the wire
// alike, each history in another way; at the end it must equal an index built from scratch. One seed is one history:
//
//	go test ./indexer -run GitLogTellsIt -seed 7 -histories 1
func TestAnyHistoryOfPushesIsIndexedAsGitLogTellsIt(t *testing.T) {
	for i := range *histories {
		seed := *firstSeed + uint64(i)
		way := ways[seed%uint64(len(ways))]
		t.Run(fmt.Sprintf("seed=%d, %s", seed, way.name), func(t *testing.T) {
			t.Parallel()
			repo := gittest.Init(t)
			w := &writer{repo: repo, random: rand.New(rand.NewPCG(seed, 0))}
			local := newBench(t, repo.Path)
			target, _ := way.serve(t, repo)
			remote := newBenchOf(t, target)
			for step := range 25 {
				did := w.push()
				for _, b := range []*bench{local, remote} {
					b.look()
					if d := cmp.Diff(truth(t, repo), b.links()); d != "" {
						t.Fatalf("step %d, %s, after %s: the index of %s differs from git log (-git +index):\n%s", step, b.url, did, b.url, d)
					}
				}
			}
			for _, b := range []*bench{local, remote} {
				b.verify()
				fresh := newBenchOf(t, b.target)
				fresh.look()
				if d := cmp.Diff(fresh.state(), b.state()); d != "" {
					t.Errorf("%s: an index built from scratch differs (-scratch +steps):\n%s", b.url, d)
				}
			}
		})
	}
}

// truth is git's answer: issue key and commit of each link, and each commit without a key.
func truth(t *testing.T, repo *gittest.Repo) []string {
	t.Helper()
	var links []string
	for c, err := range reference.Log(t.Context(), repo.Path) {
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, "commit "+c.SHA)
		for _, k := range c.Keys {
			links = append(links, k+" "+c.SHA)
		}
	}
	slices.Sort(links)
	return links
}

// links is the index's answer in the form of truth.
func (b *bench) links() []string {
	b.t.Helper()
	var links []string
	for m, err := range b.store.Members(b.ctx(), b.id) {
		b.must(err)
		links = append(links, "commit "+m.OID.String())
	}
	for p, err := range b.store.Postings(b.ctx(), "") {
		b.must(err)
		links = append(links, string(p.Key)+" "+p.OID.String())
	}
	slices.Sort(links)
	return links
}

// state is all that an index knows of its repository but times and counts of looks.
func (b *bench) state() map[string]any {
	b.t.Helper()
	rec, err := b.store.Repository(b.ctx(), b.id)
	b.must(err)
	tips := map[string]storage.Tip{}
	for tip, err := range b.store.Tips(b.ctx(), b.id) {
		b.must(err)
		tips[tip.Ref] = tip
	}
	notes := map[string]storage.Note{}
	for n, err := range b.store.NotesOf(b.ctx(), b.id) {
		b.must(err)
		notes[n.Ref+" "+n.Object.String()] = n
	}
	hits := map[storage.OID]storage.Hit{}
	for m, err := range b.store.Members(b.ctx(), b.id) {
		b.must(err)
		hits[m.OID], err = b.store.Commit(b.ctx(), b.id, m.OID)
		b.must(err)
	}
	return map[string]any{
		"tips": tips, "notes": notes, "hits": hits, "links": b.links(),
		"counts":  []int64{rec.Commits, rec.Postings, int64(rec.Tips), int64(rec.NoCommit)},
		"default": rec.DefaultBranch,
	}
}

// writer is somebody who pushes to a repository in every way there is.
type writer struct {
	repo   *gittest.Repo
	random *rand.Rand
	n      int
}

// push does one to three things and says which.
func (w *writer) push() string {
	var did []string
	for range 1 + w.random.IntN(3) {
		do := w.actions()
		did = append(did, do[w.random.IntN(len(do))]())
	}
	return strings.Join(did, ", ")
}

func (w *writer) actions() []func() string {
	commit := func() string {
		ref := w.branch()
		w.repo.CommitTo(ref, w.message(), w.parents(ref)...)
		return "commit to " + ref
	}
	return []func() string{
		commit, commit, commit, commit,
		func() string { // merge
			ref := w.branch()
			parents := w.parents(ref)
			for _, other := range w.some(3) {
				if !slices.Contains(parents, other) {
					parents = append(parents, other)
				}
			}
			w.repo.CommitTo(ref, w.message(), parents...)
			return "merge into " + ref
		},
		func() string { // force push: back, elsewhere, or to a new line
			ref := w.branch()
			if c := w.some(1); len(c) > 0 {
				w.repo.Git("update-ref", ref, c[0].String())
				w.repo.CommitTo(ref, w.message(), c[0])
			}
			return "force push of " + ref
		},
		func() string {
			ref := w.branch()
			w.repo.Orphan(ref, w.message())
			return "orphan " + ref
		},
		func() string {
			ref := w.anyRef()
			if ref != "" {
				w.repo.Git("update-ref", "-d", ref)
			}
			return "delete " + ref
		},
		func() string {
			tag := fmt.Sprint("v", w.random.IntN(4))
			if c := w.some(1); len(c) > 0 {
				if w.random.IntN(2) == 0 {
					w.repo.Git("tag", "-f", tag, c[0].String())
				} else {
					w.repo.Git("tag", "-f", "-a", "-m", "ABC-99 in a tag does not link", tag, c[0].String())
				}
			}
			return "tag " + tag
		},
		func() string { // a commit that only a tag holds
			if c := w.some(1); len(c) > 0 {
				w.repo.CommitTo("refs/tags/only", w.message(), c[0])
			}
			return "tag-only commit"
		},
		func() string {
			ref := []string{"refs/notes/commits", "refs/notes/review"}[w.random.IntN(2)]
			c := w.some(1)
			if len(c) == 0 {
				return "no note"
			}
			if w.random.IntN(3) == 0 {
				w.repo.Git("notes", "--ref", ref, "remove", "--ignore-missing", c[0].String())
				return "note removed"
			}
			w.repo.Git("notes", "--ref", ref, "add", "-f", "-m", w.message(), c[0].String())
			return "note on " + c[0].String()
		},
		func() string {
			w.repo.Git("symbolic-ref", "HEAD", w.branch())
			return "default branch moved"
		},
		func() string { // a name where a folder of names was, or the other way round
			if w.repo.Refs()["refs/heads/topic"].IsZero() {
				for ref := range w.repo.Refs() {
					if strings.HasPrefix(ref, "refs/heads/topic/") {
						w.repo.Git("update-ref", "-d", ref)
					}
				}
				w.repo.Orphan("refs/heads/topic", w.message())
				return "topic"
			}
			w.repo.Git("update-ref", "-d", "refs/heads/topic")
			w.repo.Orphan("refs/heads/topic/a", w.message())
			return "topic/a"
		},
		func() string {
			w.repo.Git("pack-refs", "--all")
			w.repo.Git("gc", "--quiet", "--prune=now")
			return "gc"
		},
	}
}

func (w *writer) message() string {
	w.n++
	words := []string{
		"ABC-%d fix", "xyz: see MY_PROJ-%d and ABC-1", "no key here %d", "UTF-8 and ABC-0%d", "feature_ABC-%d\n\nABC-5, thisNOT-7",
		"日本ABC-%d語",
	}
	return fmt.Sprintf(words[w.random.IntN(len(words))], w.n%9+1)
}

func (w *writer) branch() string {
	return fmt.Sprint("refs/heads/", []string{"main", "b/one", "ABC-7-work", "release"}[w.random.IntN(4)])
}

// parents is what a commit on a ref follows.
func (w *writer) parents(ref string) []storage.OID {
	if tip := w.repo.Refs()[ref]; !tip.IsZero() {
		return []storage.OID{tip}
	}
	return w.some(1)
}

// some gives up to n commits that refs reach.
func (w *writer) some(n int) []storage.OID {
	out := w.repo.Git("rev-list", "--exclude=refs/notes/*", "--all")
	if out == "" {
		return nil
	}
	lines := strings.Split(out, "\n")
	var some []storage.OID
	for range n {
		oid, err := storage.ParseOID(lines[w.random.IntN(len(lines))])
		if err == nil && !slices.Contains(some, oid) {
			some = append(some, oid)
		}
	}
	return some
}

func (w *writer) anyRef() string {
	refs := slices.Sorted(maps.Keys(w.repo.Refs()))
	if len(refs) == 0 {
		return ""
	}
	return refs[w.random.IntN(len(refs))]
}

func (b *bench) ctx() context.Context { return b.t.Context() }
