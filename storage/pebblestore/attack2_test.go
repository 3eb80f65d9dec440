package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"keytrail/storage"
)

func reg(t *testing.T, s *Store) storage.RepositoryID {
	ids, err := s.Register(context.Background(), []storage.RepositorySpec{{HostID: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

func adv(id storage.RepositoryID, commits iter.Seq2[storage.Commit, error], old, tip storage.OID) storage.Advance {
	return storage.Advance{Repository: id, Commits: commits, SeenAt: time.Unix(1, 0), Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: tip, Commit: tip}, Old: old}}}
}

func TestAttackHoldsDuringReset(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			ctx := context.Background()
			s := openStoreBy(t, w, t.TempDir())
			id := reg(t, s)
			line, tip := lineOf(300)
			a := adv(id, line, storage.OID{}, tip)
			if _, err := s.Advance(ctx, a); err != nil {
				t.Fatal(err)
			}
			a.Reset = true
			done := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					held, err := s.Holds(ctx, id, tip)
					if err != nil || !held {
						t.Error(held, err)
						return
					}
				}
			})
			for range 100 {
				if _, err := s.Advance(ctx, a); err != nil {
					t.Fatal(err)
				}
			}
			close(done)
			wg.Wait()
		})
	}
}

func TestAttackForgetUsedUp(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	id := reg(t, s)
	rec, _ := readRecord(s.db, id)
	rec.Next = math.MaxUint32 - 10
	var out sink
	rec.write(&out)
	out.commit(&s.tables)
	line, tip := lineOf(30)
	_, err := s.Advance(ctx, adv(id, line, storage.OID{}, tip))
	t.Log(err)
	if err == nil {
		t.Error("no error")
	}
	if err := s.Forget(ctx, id); err != nil {
		t.Error(err)
	}
}

func TestAttackPanic(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openStoreBy(t, ways[2], dir)
	id := reg(t, s)
	line, tip := lineOf(300)
	func() {
		defer func() { recover() }()
		s.Advance(ctx, adv(id, func(yield func(storage.Commit, error) bool) {
			line(yield)
			panic("x")
		}, storage.OID{}, tip))
	}()
	runtime.Gosched()
	left, _ := filepath.Glob(dir + "/build-*")
	t.Log(left, runtime.NumGoroutine())
	if len(left) > 0 {
		t.Error(left)
	}
}

func TestAttackFull(t *testing.T) {
	ctx := context.Background()
	for _, w := range []way{ways[1], ways[2]} {
		for at := range 40 {
			mem := vfs.NewMem()
			n := 0
			var mu sync.Mutex
			on := false
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if !strings.Contains(op.Path, "build-") {
					return nil
				}
				if op.Kind == errorfs.OpRemove || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				if !on {
					return nil
				}
				n++
				if n > at {
					return syscall.ENOSPC
				}
				return nil
			}))
			s, err := openBy(w, Options{Dir: "i", FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			id := reg(t, s)
			line, tip := lineOf(3000)
			mu.Lock()
			on = true
			mu.Unlock()
			_, err = s.Advance(ctx, adv(id, line, storage.OID{}, tip))
			if err != nil && (!errors.Is(err, syscall.ENOSPC) || !errors.Is(err, storage.ErrFull)) {
				t.Errorf("%s at %d: %v", w.name, at, err)
			}
			names, _ := mem.List("i")
			for _, nm := range names {
				if strings.HasPrefix(nm, "build-") {
					t.Errorf("left %s", nm)
				}
			}
			mu.Lock()
			on = false
			mu.Unlock()
			if err := s.Verify(ctx, func(p storage.Problem) { t.Error(p) }); err != nil {
				t.Error(err)
			}
			if err != nil {
				if _, err = s.Advance(ctx, adv(id, line, storage.OID{}, tip)); err != nil {
					t.Fatal(err)
				}
			} else {
				t.Log("done at", at)
				s.Close()
				break
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAttackRemoveFails(t *testing.T) {
	ctx := context.Background()
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.Contains(op.Path, "build-") && op.Kind == errorfs.OpRemove {
			return syscall.EIO
		}
		return nil
	}))
	s, err := openBy(ways[2], Options{Dir: "i", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := reg(t, s)
	line, tip := lineOf(300)
	_, err = s.Advance(ctx, adv(id, line, storage.OID{}, tip))
	held, err2 := s.Holds(ctx, id, tip)
	t.Log(err, held, err2)
	if err != nil && held {
		t.Error("visible after an error")
	}
}

func TestAttackCancel(t *testing.T) {
	dir := t.TempDir()
	s := openStoreBy(t, ways[2], dir)
	id := reg(t, s)
	line, tip := lineOf(30000)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := s.Advance(ctx, adv(id, func(yield func(storage.Commit, error) bool) {
		line(func(c storage.Commit, err error) bool {
			n++
			if n == 10000 {
				cancel()
			}
			return yield(c, err)
		})
	}, storage.OID{}, tip))
	t.Log(n, err)
	if n > 20000 {
		t.Error("read on")
	}
	left, _ := filepath.Glob(dir + "/build-*")
	if len(left) > 0 {
		t.Error(left)
	}
}

func TestAttackForgetWhileStreaming(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openStoreBy(t, ways[2], dir)
	id := reg(t, s)
	line, tip := lineOf(300)
	n := 0
	_, err := s.Advance(ctx, adv(id, func(yield func(storage.Commit, error) bool) {
		line(func(c storage.Commit, err error) bool {
			n++
			if n == 100 {
				if err := s.Forget(ctx, id); err != nil {
					t.Error(err)
				}
			}
			return yield(c, err)
		})
	}, storage.OID{}, tip))
	if !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Verify(ctx, func(p storage.Problem) { t.Error(p) }); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob(dir + "/build-*")
	if len(left) > 0 {
		t.Error(left)
	}
}

func TestAttackTies(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	id := reg(t, s)
	for _, n := range []int{20000, 40000, 80000} {
		s.Forget(ctx, id)
		id = reg(t, s)
		line, tip := lineOf(n)
		a := adv(id, func(yield func(storage.Commit, error) bool) {
			line(func(c storage.Commit, err error) bool {
				c.Committer.Seconds = 7
				c.Keys = []storage.IssueKey{"K-1"}
				return yield(c, err)
			})
		}, storage.OID{}, tip)
		if _, err := s.Advance(ctx, a); err != nil {
			t.Fatal(err)
		}
		s.Commits(ctx, storage.CommitQuery{Key: "K-1", Limit: 1})
		begin := time.Now()
		s.Commits(ctx, storage.CommitQuery{Key: "K-1", Limit: 100})
		t.Log(n, time.Since(begin))
	}
}

func TestAttackDamage(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))
	type kv struct{ k, v []byte }
	s := openStore(t, t.TempDir())
	id := reg(t, s)
	line, tip := lineOf(150)
	a := adv(id, func(yield func(storage.Commit, error) bool) {
		i := 0
		line(func(c storage.Commit, err error) bool {
			c.Keys = []storage.IssueKey{"K-1"}
			i++
			if i == 70 {
				c.Message = strings.Repeat("x", 5000)
			}
			return yield(c, err)
		})
	}, storage.OID{}, tip)
	a.Notes = []storage.NotesUpdate{{Ref: "refs/notes/commits", Changes: []storage.Note{{Object: tip, Text: "K-2", Keys: []storage.IssueKey{"K-2"}}}}}
	if _, err := s.Advance(ctx, a); err != nil {
		t.Fatal(err)
	}
	var rows []kv
	scanRange(ctx, s.db, []byte{0}, []byte{0xff}, func(k, v []byte) (bool, error) {
		rows = append(rows, kv{append([]byte(nil), k...), append([]byte(nil), v...)})
		return true, nil
	})
	deadline := time.Now().Add(12 * time.Second)
	panics := map[string]int{}
	for i := 0; time.Now().Before(deadline); i++ {
		row := rows[i%len(rows)]
		v := append([]byte(nil), row.v...)
		if len(v) == 0 {
			continue
		}
		for range 1 + r.IntN(3) {
			switch r.IntN(4) {
			case 0:
				v[r.IntN(len(v))] ^= 1 << r.IntN(8)
			case 1:
				v[r.IntN(len(v))] = 0xff
			case 2:
				if k := r.IntN(len(v)); k > 0 {
					v = v[:k]
				}
			case 3:
				v = append(v, byte(r.IntN(256)))
			}
		}
		s.db.Set(row.k, v, pebble.NoSync)
		s.graphs = graphCache{limit: 64<<20}
		func() {
			defer func() {
				if p := recover(); p != nil {
					buf := make([]byte, 3000)
					buf = buf[:runtime.Stack(buf, false)]
					where := ""
					for _, l := range strings.Split(string(buf), "\n") {
						if strings.Contains(l, "storage/pebblestore/") && !strings.Contains(l, "attack") {
							where = l
							break
						}
					}
					key := fmt.Sprint(p, where)
					if panics[key]++; panics[key] == 1 {
						t.Errorf("row %q: %s\n%s", row.k, key, buf)
					}
				}
			}()
			s.Verify(ctx, func(storage.Problem) {})
			s.Commits(ctx, storage.CommitQuery{Key: "K-1", Limit: 10, Ref: "main"})
			s.Issue(ctx, "K-1")
			s.Holds(ctx, id, tip)
			for range s.Members(ctx, id) {
			}
			for range s.Tips(ctx, id) {
			}
			for range s.Postings(ctx, "") {
			}
			// writes in vain: apply and emit only
			for _, a := range []storage.Advance{
				{Repository: id, Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main"}, Old: tip}}},
				{Repository: id, Reset: true},
				{Repository: id, Commits: commitsOf(storage.Commit{OID: oidOf(1), Parents: []storage.OID{tip}, Keys: []storage.IssueKey{"K-1"}}), Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/x", OID: oidOf(1), Commit: oidOf(1)}}}},
			} {
				in, err := s.gather(ctx, &a, &record{})
				if err != nil {
					continue
				}
				c, err := s.beginChange(ctx, &a, in, 0)
				if err != nil {
					continue
				}
				if err := c.apply(); err != nil {
					continue
				}
				var out sink
				if err := c.emit(&out); err != nil {
					continue
				}
				c.finish(&out)
			}
		}()
		s.db.Set(row.k, row.v, pebble.NoSync)
	}
	s.graphs = graphCache{limit: 64<<20}
}
