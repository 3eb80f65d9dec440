package pebblestore

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

var powerCuts = flag.Int("powercuts", 40, "power cuts for each way of writing")

// TestNoPowerCutLosesOrHalvesAnAdvance cuts the power during and between advances, on a disk that loses any part of
// what was not synced. Afterwards the index is sound, holds every acknowledged advance, and the one under way whole or
// not at all; acknowledged pull requests are there too.
func TestNoPowerCutLosesOrHalvesAnAdvance(t *testing.T) {
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
			a := p.world.Step()
			p.advance(a)
			p.acknowledge(a)
		}
		p.pull()
		p.cutDuring(p.world.Step())
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
}

func (p *plug) open() {
	p.t.Helper()
	var err error
	if p.store, err = openBy(p.way, Options{Dir: "index", FS: p.disk}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plug) advance(a storage.Advance) {
	p.t.Helper()
	if _, err := p.store.Advance(p.t.Context(), a); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plug) acknowledge(a storage.Advance) {
	p.t.Helper()
	if _, err := p.world.Model.Advance(p.t.Context(), a); err != nil {
		p.t.Fatal(err)
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

// cutDuring cuts the power while an advance is made, or just after it.
func (p *plug) cutDuring(a storage.Advance) {
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
	close(begun)
	p.advance(a)
	acknowledged := !isCut.Load() // before the cut, then
	after := <-cut
	if err := p.store.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.disk = after
	p.open()
	if acknowledged {
		p.acknowledge(a)
	}
	difference := p.difference()
	if difference != "" && !acknowledged {
		p.acknowledge(a) // it was made, only nobody was told
		difference = p.difference()
	}
	if difference != "" {
		p.t.Fatalf("after a cut with %d %% of what was not synced kept (-model +index):\n%s", percent, difference)
	}
	report := func(problem storage.Problem) { p.t.Error(problem) }
	if err := p.store.Verify(p.t.Context(), report); err != nil {
		p.t.Fatal(err)
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
