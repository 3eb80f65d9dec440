package indexer_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/pebblestore"
)

// bench is an indexer with one repository and a store of its own, looked at by hand.
type bench struct {
	t       *testing.T
	url     string
	target  indexer.Target
	mirrors string
	store   *pebblestore.Store
	indexer *indexer.Indexer
	id      storage.RepositoryID
}

func newBench(t *testing.T, url string, other ...string) *bench {
	t.Helper()
	refspecs, err := mirror.ParseRefspecs(true, false, other)
	if err != nil {
		t.Fatal(err)
	}
	return newBenchOf(t, indexer.Target{
		Spec:     storage.RepositorySpec{HostID: url, Name: filepath.Base(url), URL: url},
		Refspecs: refspecs,
	})
}

func newBenchOf(t *testing.T, target indexer.Target) *bench {
	t.Helper()
	dir := t.TempDir()
	store, err := pebblestore.Open(pebblestore.Options{Dir: filepath.Join(dir, "index")})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, url: target.Spec.URL, target: target, mirrors: filepath.Join(dir, "mirrors"), store: store}
	b.indexer = indexer.New(indexer.Options{
		Store: store, Mirrors: b.mirrors, Rules: rules(t, issuekey.Options{}),
		Limits: schedule.Limits{Total: 2, PerHost: 2, Interval: time.Hour, MaxInterval: time.Hour},
		Log:    zerolog.Nop(), Registerer: prometheus.NewRegistry(),
	})
	t.Cleanup(func() {
		if err := b.indexer.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	ids, err := b.indexer.SetTargets(t.Context(), []indexer.Target{target}, true)
	if err != nil {
		t.Fatal(err)
	}
	b.id = ids[0]
	return b
}

func rules(t *testing.T, o issuekey.Options) *issuekey.Rules {
	t.Helper()
	if o.Deny == nil {
		o.Deny = issuekey.DefaultDeny()
	}
	r, err := issuekey.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// look brings the index up to date and fails the test if that fails.
func (b *bench) look() indexer.Result {
	b.t.Helper()
	r, err := b.indexer.Look(b.t.Context(), b.id, nil)
	b.must(err)
	return r
}

// verify checks the index against itself and the repository.
func (b *bench) verify() {
	b.t.Helper()
	report := func(p storage.Problem) { b.t.Errorf("verify: %s", p.Text) }
	b.must(b.store.Verify(b.t.Context(), report))
	b.must(b.indexer.VerifyDeep(b.t.Context(), func(string) {}, report))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}
