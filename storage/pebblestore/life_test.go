package pebblestore

import (
	"crypto/sha1"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
	"keytrail/storage/memstore"
	"keytrail/storage/storagetest"
)

// TestALongLifeEqualsTheModel plays the life of a repository in pushes of up to some hundred commits, so that few and many come by turns:
// blocks are begun by one and filled by the other, runs are split and emptied, buckets crowd, and tables end at any row.
func TestALongLifeEqualsTheModel(t *testing.T) {
	if storagetest.UnderRace {
		t.Skip("one goroutine has no races")
	}
	for _, w := range []way{{"with many from 64 on", math.MaxInt, 64, 1000, 50}, {"by ingested tables", 0, 200, 10_000, manyAdded}} {
		t.Run(w.name, func(t *testing.T) {
			l := &long{
				t: t, random: rand.New(rand.NewPCG(rand.Uint64(), 0)), store: openStoreBy(t, w, t.TempDir()), model: memstore.New(),
				at: map[storage.OID]int{}, refs: map[string]storage.OID{}, indexed: map[string]storage.OID{},
			}
			for _, s := range []storage.Store{l.store, l.model} {
				if _, err := s.Register(t.Context(), []storage.RepositorySpec{{HostID: "shop"}}); err != nil {
					t.Fatal(err)
				}
			}
			for range 25 {
				l.step()
			}
			if d, err := storagetest.Compare(t.Context(), l.model, l.store); err != nil || d != "" {
				t.Fatalf("%v (-model +index):\n%s", err, d)
			}
		})
	}
}

// long is the life of one repository, in an index and in the model.
type long struct {
	t       *testing.T
	random  *rand.Rand
	store   *Store
	model   *memstore.Store
	commits []storage.Commit // all that were ever made, parents first
	at      map[storage.OID]int
	refs    map[string]storage.OID // as the host has them
	indexed map[string]storage.OID
}

// step changes one branch and moves the index along.
func (l *long) step() {
	ref := fmt.Sprint("refs/heads/", l.random.IntN(4))
	tip := l.refs[ref]
	switch l.random.IntN(8) {
	case 0:
		delete(l.refs, ref)
	case 1: // back some way
		for range l.random.IntN(200) {
			if i, ok := l.at[tip]; ok && len(l.commits[i].Parents) > 0 {
				l.refs[ref] = l.commits[i].Parents[0]
				tip = l.refs[ref]
			}
		}
	case 2:
		if l.random.IntN(3) == 0 {
			clear(l.refs)
		}
	default:
		l.refs[ref] = l.grow(tip, 1+l.random.IntN([]int{3, 70, 400}[l.random.IntN(3)]))
	}
	l.advance(l.random.IntN(5) == 0)
}

// grow puts n commits on a tip, which may be none. Many are of the same few seconds, some of any; some object ids are alike in all that
// buckets tell apart.
func (l *long) grow(tip storage.OID, n int) storage.OID {
	for range n {
		ada := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1_600_000_000 + l.random.Int64N(4)}
		if l.random.IntN(10) == 0 {
			ada.Seconds = []int64{math.MinInt64, int64(l.random.Uint64()), math.MaxInt64}[l.random.IntN(3)]
		}
		c := storage.Commit{OID: sha1.Sum(fmt.Append(nil, len(l.commits))), Author: ada, Committer: ada, Message: "change"}
		if l.random.IntN(4) == 0 {
			copy(c.OID[:], "\xff\xff\xff\xff\xff\xff\xff")
		}
		if l.random.IntN(100) == 0 {
			c.Message = strings.Repeat("x", maxInline-1+l.random.IntN(3))
		}
		for _, k := range []storage.IssueKey{"K-1", "K-10"} {
			if l.random.IntN(2) == 0 {
				c.Keys = append(c.Keys, k)
			}
		}
		if !tip.IsZero() {
			c.Parents = []storage.OID{tip}
		}
		l.at[c.OID] = len(l.commits)
		l.commits = append(l.commits, c)
		tip = c.OID
	}
	return tip
}

// advance moves the index from the refs that it has to those of the host, and compares answers.
func (l *long) advance(isReset bool) {
	a := storage.Advance{Repository: 1, Reset: isReset, SeenAt: time.Unix(int64(len(l.commits)), 0), DefaultBranch: "refs/heads/0"}
	if isReset {
		clear(l.indexed)
	}
	for _, ref := range slices.Collect(maps.Keys(l.indexed)) {
		if l.refs[ref].IsZero() {
			a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref}, Old: l.indexed[ref]})
		}
	}
	for ref, tip := range l.refs {
		a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref, OID: tip, Commit: tip}, Old: l.indexed[ref]})
	}
	held := l.reach(l.indexed)
	var commits []storage.Commit
	for oid := range l.reach(l.refs) {
		if !held[oid] {
			commits = append(commits, l.commits[l.at[oid]])
		}
	}
	a.Commits = commitsOf(commits...)
	want, err := l.model.Advance(l.t.Context(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	if got, err := l.store.Advance(l.t.Context(), a); err != nil || got != want {
		l.t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	l.indexed = maps.Clone(l.refs)
	wantSound(l.t, l.store)
	l.wantShortRuns()
	l.comparePages()
}

func (l *long) reach(tips map[string]storage.OID) map[storage.OID]bool {
	reached := map[storage.OID]bool{}
	for _, tip := range tips {
		reached[tip] = true
	}
	for _, c := range slices.Backward(l.commits) {
		for _, p := range c.Parents {
			reached[p] = reached[p] || reached[c.OID]
		}
	}
	maps.DeleteFunc(reached, func(_ storage.OID, is bool) bool { return !is })
	return reached
}

// comparePages asks for some pages, so that the graph of one version is extended to the next.
func (l *long) comparePages() {
	q := storage.CommitQuery{Key: "K-10", Limit: 1 + l.random.IntN(300), Ref: []string{"", "", "1"}[l.random.IntN(3)]}
	for range 3 {
		want, err := l.model.Commits(l.t.Context(), q)
		if err != nil {
			l.t.Fatal(err)
		}
		got, err := l.store.Commits(l.t.Context(), q)
		if err != nil || fmt.Sprint(got.Hits) != fmt.Sprint(want.Hits) {
			l.t.Fatalf("%+v: got %v, %v, want %v", q, got, err, want)
		}
		if q.After = want.Next; q.After == nil {
			return
		}
	}
}

func (l *long) wantShortRuns() {
	v, done, err := l.store.view(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	defer done()
	all := func(entry) bool { return true }
	err = v.runs("K-10", nil, all, func(_ storage.RepositoryID, run []entry) error {
		if len(run) > maxRun {
			l.t.Errorf("a run has %d entries", len(run))
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}
