package pebblestore

import (
	"context"
	"crypto/sha1"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
	"keytrail/storage/memstore"
	"keytrail/storage/storagetest"
)

type crowd struct {
	t       *testing.T
	r       *rand.Rand
	s       *Store
	m       *memstore.Store
	n       int
	all     map[storage.OID]storage.Commit
	order   []storage.OID
	refs    map[string]storage.OID
	indexed map[string]storage.OID
	crafted bool
}

func (c *crowd) oid() storage.OID {
	c.n++
	o := storage.OID(sha1.Sum([]byte(fmt.Sprint(c.n))))
	if c.crafted {
		switch c.r.IntN(3) {
		case 0:
			copy(o[:], "\x01\x02\x03\x04\x05\x06\x07")
		case 1:
			copy(o[:], "\xff\xff\xff\xff\xff\xff\xff")
		}
	}
	return o
}

func (c *crowd) commit(parents ...storage.OID) storage.OID {
	o := c.oid()
	sec := int64(1_600_000_000 + c.r.IntN(4))
	switch c.r.IntN(10) {
	case 0:
		sec = int64(c.r.Uint64())
	case 1:
		sec = []int64{math.MinInt64, math.MaxInt64, 0, -1}[c.r.IntN(4)]
	}
	sig := storage.Signature{Name: "Ada", Email: "a@example.com", Seconds: sec}
	k := storage.Commit{OID: o, Parents: parents, Author: sig, Committer: sig}
	k.Author.Seconds = int64(c.r.Uint64())
	for i := range 3 {
		if c.r.IntN(2) == 0 {
			k.Keys = append(k.Keys, storage.IssueKey(fmt.Sprintf("K-%d", 1+i*9)))
		}
	}
	k.Message = fmt.Sprint(o)
	switch c.r.IntN(100) {
	case 0:
		k.Message = strings.Repeat("x", 4095+c.r.IntN(3))
	case 1:
		k.Message = strings.Repeat("x", 9000)
	}
	c.all[o] = k
	c.order = append(c.order, o)
	return o
}

func (c *crowd) reach(tips map[string]storage.OID) map[storage.OID]bool {
	got := map[storage.OID]bool{}
	var todo []storage.OID
	for _, o := range tips {
		todo = append(todo, o)
	}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if got[o] {
			continue
		}
		got[o] = true
		todo = append(todo, c.all[o].Parents...)
	}
	return got
}

func (c *crowd) apply(reset bool) {
	c.t.Helper()
	ctx := context.Background()
	have := map[storage.OID]bool{}
	if !reset {
		have = c.reach(c.indexed)
	}
	need := c.reach(c.refs)
	var list []storage.Commit
	for _, o := range c.order {
		if need[o] && !have[o] || !need[o] && c.r.IntN(200) == 0 && len(c.all[o].Parents) == 0 {
			list = append(list, c.all[o])
		}
	}
	switch c.r.IntN(3) {
	case 0:
		for i := range len(list) / 2 {
			list[i], list[len(list)-1-i] = list[len(list)-1-i], list[i]
		}
	case 1:
		c.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	a := storage.Advance{Repository: 1, Reset: reset, Commits: commitsOf(list...), SeenAt: time.Unix(int64(c.n), 0), DefaultBranch: "refs/heads/b0"}
	for ref, o := range c.refs {
		old := c.indexed[ref]
		if reset {
			old = storage.OID{}
		}
		if old != o {
			a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref, OID: o, Commit: o}, Old: old})
		}
	}
	if !reset {
		for ref, o := range c.indexed {
			if c.refs[ref].IsZero() {
				a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref}, Old: o})
			}
		}
	}
	if c.r.IntN(4) == 0 && len(c.order) > 0 {
		u := storage.NotesUpdate{Ref: "refs/notes/commits", Reset: c.r.IntN(4) == 0}
		seen := map[storage.OID]bool{}
		for range 3 {
			o := c.order[c.r.IntN(len(c.order))]
			if !seen[o] {
				u.Changes = append(u.Changes, storage.Note{Object: o, Text: fmt.Sprint("note ", c.n), Keys: []storage.IssueKey{storage.IssueKey(fmt.Sprintf("K-%d", 1+c.r.IntN(12)))}, Deleted: c.r.IntN(4) == 0})
			}
			seen[o] = true
		}
		a.Notes = append(a.Notes, u)
	}
	want, err := c.m.Advance(ctx, a)
	if err != nil {
		c.t.Fatal("model", err)
	}
	got, err := c.s.Advance(ctx, a)
	if err != nil {
		c.t.Fatal(err)
	}
	if got != want {
		c.t.Fatalf("advanced %+v want %+v", got, want)
	}
	c.indexed = map[string]storage.OID{}
	for r, o := range c.refs {
		c.indexed[r] = o
	}
	if err := c.s.Verify(ctx, func(p storage.Problem) { c.t.Errorf("%+v", p) }); err != nil {
		c.t.Fatal(err)
	}
	for _, key := range []storage.IssueKey{"K-1", "K-10"} {
		q := storage.CommitQuery{Key: key, Limit: 1 + c.r.IntN(900)}
		if c.r.IntN(3) == 0 {
			q.Ref = fmt.Sprint("b", c.r.IntN(4))
		}
		for range 3 {
			w, err1 := c.m.Commits(ctx, q)
			g, err2 := c.s.Commits(ctx, q)
			if err1 != nil || err2 != nil {
				c.t.Fatal(err1, err2)
			}
			if len(w.Hits) != len(g.Hits) {
				c.t.Fatal("hits", len(w.Hits), len(g.Hits))
			}
			for i := range w.Hits {
				if w.Hits[i].OID != g.Hits[i].OID || fmt.Sprint(w.Hits[i]) != fmt.Sprint(g.Hits[i]) {
					c.t.Fatalf("hit %d differs\n%v\n%v", i, w.Hits[i], g.Hits[i])
				}
			}
			if w.Next == nil {
				break
			}
			q.After = w.Next
		}
	}
	if c.t.Failed() {
		c.t.FailNow()
	}
}

func (c *crowd) step() {
	ref := fmt.Sprint("refs/heads/b", c.r.IntN(4))
	switch c.r.IntN(9) {
	case 0, 1, 2, 3, 4:
		tip := c.refs[ref]
		var parents []storage.OID
		if !tip.IsZero() {
			parents = []storage.OID{tip}
		}
		k := 1 + c.r.IntN(5)
		switch c.r.IntN(4) {
		case 0:
			k = 1 + c.r.IntN(400)
		case 1:
			k = 60 + c.r.IntN(10)
		}
		for i := range k {
			if i%50 == 49 && len(c.refs["refs/heads/b0"]) > 0 && !c.refs["refs/heads/b0"].IsZero() {
				parents = append(parents, c.refs["refs/heads/b0"])
			}
			parents = []storage.OID{c.commit(parents...)}
		}
		c.refs[ref] = parents[0]
		c.apply(false)
	case 5:
		delete(c.refs, ref)
		c.apply(false)
	case 6:
		if o := c.refs[ref]; !o.IsZero() {
			for range c.r.IntN(200) {
				p := c.all[o].Parents
				if len(p) == 0 {
					break
				}
				o = p[0]
			}
			c.refs[ref] = o
			c.apply(false)
		}
	case 7:
		if c.r.IntN(3) == 0 {
			c.refs = map[string]storage.OID{}
		}
		c.apply(c.r.IntN(2) == 0)
	case 8:
		c.apply(c.r.IntN(2) == 0)
	}
}

func TestAttackCrowd(t *testing.T) {
	for seed := range uint64(12) {
		for _, w := range []way{{"", math.MaxInt, 64}, {"", 16 << 10, 200}, {"", math.MaxInt, math.MaxInt}} {
			t.Run(fmt.Sprint(seed, w), func(t *testing.T) {
				s := openStoreBy(t, w, t.TempDir())
				c := &crowd{t: t, r: rand.New(rand.NewPCG(seed, 1)), s: s, m: memstore.New(), all: map[storage.OID]storage.Commit{}, refs: map[string]storage.OID{}, crafted: seed%2 == 0}
				for _, x := range []storage.Store{c.s, c.m} {
					if _, err := x.Register(context.Background(), []storage.RepositorySpec{{HostID: "a"}}); err != nil {
						t.Fatal(err)
					}
				}
				for range 25 {
					c.step()
				}
				if d, err := storagetest.Compare(context.Background(), c.m, c.s); err != nil || d != "" {
					t.Fatal(err, d)
				}
			})
		}
	}
}
