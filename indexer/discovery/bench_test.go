package discovery_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const interval = 10 * time.Minute

// bench is a discoverer over an index of its own. Nothing is looked at: only the set of repositories counts.
type bench struct {
	t          *testing.T
	store      storage.Store
	registry   *prometheus.Registry
	discoverer *discovery.Discoverer
	stop       func()
}

func newBench(t *testing.T) *bench { return newBenchOn(t, memstore.New()) }

func newBenchOn(t *testing.T, store storage.Store) *bench {
	t.Helper()
	rules, err := issuekey.New(issuekey.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: store, registry: prometheus.NewRegistry()}
	x := indexer.New(indexer.Options{
		Store: b.store, Mirrors: t.TempDir(), Rules: rules, Log: zerolog.Nop(), Registerer: b.registry,
		Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour},
	})
	b.discoverer = discovery.New(discovery.Options{Index: x, Store: store, Log: zerolog.Nop(), Registerer: b.registry})
	return b
}

// run begins to discover, until the test ends or stop is called.
func (b *bench) run(sources ...discovery.Source) {
	b.t.Helper()
	b.set(sources...)
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.discoverer.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(b.stop)
}

func (b *bench) set(sources ...discovery.Source) {
	b.t.Helper()
	if err := b.discoverer.Set(sources, discovery.Limits{Interval: interval, Confirmations: 3}, func() error { return nil }); err != nil {
		b.t.Fatal(err)
	}
}

// live gives the names of the repositories that are not retired, sorted.
func (b *bench) live() []string {
	b.t.Helper()
	names := []string{}
	for r, err := range b.store.Repositories(b.t.Context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		if r.RetiredAt.IsZero() {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

// has demands that these many repositories are live.
func (b *bench) has(n int, when string) {
	b.t.Helper()
	if live := b.live(); len(live) != n {
		b.t.Errorf("%s: %d repositories are live (%v), want %d; %+v", when, len(live), live, n, b.state())
	}
}

func (b *bench) state() discovery.State { return b.discoverer.States()[0] }

// ask asks the first integration for a discovery and waits for its end.
func (b *bench) ask(accept bool) {
	b.t.Helper()
	if err := b.discoverer.Discover(b.state().Name, accept); err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

// pass lets time pass until after the next discovery on the interval.
func pass(intervals int) {
	time.Sleep(time.Duration(intervals) * interval * 11 / 10)
	synctest.Wait()
}

// account is a host whose repositories the test says.
type account struct {
	mu    sync.Mutex
	repos []host.Repository
	err   error
	asked int
	hold  chan struct{} // when not nil, List waits for it
	panic bool
}

func (a *account) List(ctx context.Context) (any, error) {
	a.mu.Lock()
	a.asked++
	repos, err, hold, isBroken := slices.Clone(a.repos), a.err, a.hold, a.panic
	a.mu.Unlock()
	if isBroken {
		panic("a bug")
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return repos, err
}

func (a *account) Select(document any) ([]host.Repository, error) {
	return document.([]host.Repository), nil
}

func (a *account) Credentials(context.Context, host.Repository) (host.Credentials, error) {
	return host.Credentials{}, nil
}

// gives sets what the next answers are: repositories numbered from one number to another.
func (a *account) gives(from, to int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repos, a.err, a.panic = nil, nil, false
	for i := from; i <= to; i++ {
		a.repos = append(a.repos, host.Repository{ID: fmt.Sprint(i), Name: fmt.Sprintf("acme/r%03d", i), CloneHTTP: fmt.Sprintf("https://git.example.com/r%d", i)})
	}
}

// change changes what was said last.
func (a *account) change(by func([]host.Repository)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	by(a.repos)
}

func (a *account) fails(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// requests gives how often it was asked since the last time.
func (a *account) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.asked
	a.asked = 0
	return n
}

func source(h host.Host) discovery.Source {
	return discovery.Source{Name: "acme", Kind: "test", Host: h, Target: func(r host.Repository) (indexer.Target, error) {
		return indexer.Target{Spec: storage.RepositorySpec{Integration: "acme", HostID: r.ID, Name: r.Name, URL: r.CloneHTTP}}, nil
	}}
}
