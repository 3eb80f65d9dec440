package pebblestore

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

var powerCuts = flag.Int("powercuts", 40, "power cuts for each way of writing")

// TestNoPowerCutLosesOrHalvesAWrite cuts the power during and between writes, on a disk that loses any part of
// what was not synced. Afterwards the index is sound, holds every acknowledged write, and the one under way whole or
// not at all; and who follows the feed goes on from the last page that came before the cut to exactly what the index holds.
func TestNoPowerCutLosesOrHalvesAWrite(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for left := *powerCuts; left > 0; left -= cutsOfALife {
				live(t, way, min(left, cutsOfALife))
			}
		})
	}
}

// cutsOfALife is after how many cuts a new index begins: comparing takes longer the more has happened.
const cutsOfALife = 20

// live has the power cut a number of times in the life of one index.
func live(t *testing.T, w way, cuts int) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	p := &plug{t: t, random: random, way: w, world: storagetest.NewWorld(seed, 3), disk: vfs.NewCrashableMem()}
	p.open()
	if _, err := p.store.Register(t.Context(), p.world.Specs()); err != nil {
		t.Fatal(err)
	}
	for range cuts {
		for range random.IntN(4) {
			w := p.draw()
			p.do(w, p.store)
			p.do(w, p.world.Model)
		}
		p.pull()
		p.cutDuring(p.draw())
	}
	if err := p.store.Close(); err != nil {
		t.Error(err)
	}
}

// plug is an index on a disk whose power is cut now and then, beside the model of what was acknowledged.
type plug struct {
	t      *testing.T
	random *rand.Rand
	way    way
	world  *storagetest.World
	disk   *vfs.MemFS
	store  *Store
	pulls  int // made so far

	commands int                  // taken up so far
	followed int                  // pages
	follower storagetest.Follower // as it was told before the cut
}

// write is a write of an index.
type write func(ctx context.Context, s storage.Store) error

func (p *plug) open() {
	p.t.Helper()
	var err error
	if p.store, err = openBy(p.way, Options{Dir: "index", FS: p.disk}); err != nil {
		p.t.Fatal(err)
	}
}

// draw chooses a write: mostly an advance.
func (p *plug) draw() write {
	switch p.random.IntN(6) {
	case 0:
		decided := p.world.StepAssociations()
		return func(ctx context.Context, s storage.Store) error {
			_, err := s.Associate(ctx, decided)
			return err
		}
	case 1:
		p.commands++
		found := []storage.Command{{
			CommandID: storage.CommandID{Index: p.commands}, Key: "A-1", State: storage.CommandWaiting, FoundAt: time.Unix(0, 0),
		}}
		searched := storage.FeedCursor(fmt.Sprint("searched to ", p.commands))
		return func(ctx context.Context, s storage.Store) error { return s.TakeCommands(ctx, found, searched) }
	}
	a := p.world.Step()
	return func(ctx context.Context, s storage.Store) error {
		_, err := s.Advance(ctx, a)
		return err
	}
}

func (p *plug) do(w write, s storage.Store) {
	p.t.Helper()
	if err := w(p.t.Context(), s); err != nil {
		p.t.Fatal(err)
	}
}

// follow reads the feed page by page until the power is cut or the index is closed. A page that came with the cut nobody has seen.
func (p *plug) follow(isCut *atomic.Bool, stop <-chan struct{}) error {
	for {
		next := p.follower.Clone()
		if err := next.Next(p.t.Context(), p.store, 1+int(p.followed%3)); err != nil {
			return err
		}
		if p.followed++; isCut.Load() {
			return nil
		}
		p.follower = next
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// pull makes an update of pull requests that changes at least one.
func (p *plug) pull() {
	p.t.Helper()
	id, u := p.world.StepPulls()
	p.pulls++
	u.Changed = append(u.Changed, storage.PullRequest{ID: fmt.Sprint("fresh-", p.pulls), Keys: []storage.IssueKey{"A-1"}})
	for _, s := range []storage.Store{p.store, p.world.Model} {
		if err := s.SetPullRequests(p.t.Context(), id, u); err != nil {
			p.t.Fatal(err)
		}
	}
}

// cutDuring cuts the power while a write is made, or just after it.
func (p *plug) cutDuring(w write) {
	p.t.Helper()
	begun, cut := make(chan struct{}), make(chan *vfs.MemFS)
	var isCut atomic.Bool // or about to be
	spins, percent := p.random.IntN(4000), p.random.IntN(101)
	clone := vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(p.random.Uint64(), 0))}
	go func() {
		<-begun
		for range spins {
			runtime.Gosched()
		}
		isCut.Store(true)
		cut <- p.disk.CrashClone(clone)
	}()
	stop, followed := make(chan struct{}), make(chan error, 1)
	go func() { followed <- p.follow(&isCut, stop) }()
	close(begun)
	p.do(w, p.store)
	acknowledged := !isCut.Load() // before the cut, then
	after := <-cut
	close(stop)
	if err := <-followed; err != nil {
		p.t.Fatal(err)
	}
	if err := p.store.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.disk = after
	p.open()
	if acknowledged {
		p.do(w, p.world.Model)
	}
	difference := p.difference()
	if difference != "" && !acknowledged {
		p.do(w, p.world.Model) // it was made, only nobody was told
		difference = p.difference()
	}
	if difference != "" {
		p.t.Fatalf("after a cut with %d %% of what was not synced kept (-model +index):\n%s", percent, difference)
	}
	report := func(problem storage.Problem) { p.t.Error(problem) }
	if err := p.store.Verify(p.t.Context(), report); err != nil {
		p.t.Fatal(err)
	}
	for _, by := range []storagetest.Follower{p.follower.Clone(), {}} {
		if err := by.CatchUp(p.t.Context(), p.store, 50); err != nil {
			p.t.Fatalf("follow on after the cut: %v", err)
		}
	}
}

func (p *plug) difference() string {
	p.t.Helper()
	d, err := storagetest.Compare(p.t.Context(), p.world.Model, p.store)
	if err != nil {
		p.t.Fatal(fmt.Errorf("compare: %w", err))
	}
	return d
}
