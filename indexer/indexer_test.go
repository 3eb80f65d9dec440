package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func (b *bench) keys() []string {
	b.t.Helper()
	var keys []string
	for p, err := range b.store.Postings(b.ctx(), "") {
		b.must(err)
		keys = append(keys, string(p.Key))
	}
	return keys
}

func (b *bench) repository() storage.Repository {
	b.t.Helper()
	r, err := b.store.Repository(b.ctx(), b.id)
	b.must(err)
	return r
}

func TestALookAtAnUnchangedRemoteIsOneRequestAndNoAdvance(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	var requests atomic.Int64
	b := newBench(t, gittest.Serve(t, repo, gittest.Options{Requests: &requests}))
	b.look()
	before := b.repository()
	for range 3 {
		requests.Store(0)
		if r := b.look(); r.Changed {
			t.Error("an unchanged repository was reported as changed")
		}
		if n := requests.Load(); n != 1 {
			t.Errorf("a look took %d requests, want 1", n)
		}
	}
	after := b.repository()
	if after.Version != before.Version || !after.SeenAt.After(before.SeenAt) {
		t.Errorf("version %d seen %v, want version %d seen after %v", after.Version, after.SeenAt, before.Version, before.SeenAt)
	}
}

func TestOtherKeyRulesTakeEffectAtTheNextLook(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 OLD-2 UTF-8")
	b := newBench(t, repo.Path)
	b.look()
	if got, want := b.keys(), []string{"ABC-1", "OLD-2"}; !slices.Equal(got, want) {
		t.Fatalf("keys %v, want %v", got, want)
	}
	b.indexer.SetRules(rules(t, issuekey.Options{Aliases: map[string]string{"OLD": "NEW"}, Deny: []string{"ABC"}}))
	b.look()
	if got, want := b.keys(), []string{"NEW-2", "UTF-8"}; !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	b.verify()
}

func TestAFailedLookKeepsWhatWasIndexedAndSaysWhy(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	status := atomic.Int64{}
	b := newBench(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if code := int(status.Load()); code != 0 {
				w.WriteHeader(code)
				return
			}
			next.ServeHTTP(w, r)
		})
	}}))
	b.look()
	for _, c := range []struct {
		status int
		class  storage.ErrorClass
	}{
		{http.StatusUnauthorized, storage.ClassAuth},
		{http.StatusForbidden, storage.ClassAuth},
		{http.StatusNotFound, storage.ClassGone},
		{http.StatusTooManyRequests, storage.ClassThrottled},
		{http.StatusInternalServerError, storage.ClassTransient},
	} {
		status.Store(int64(c.status))
		_, err := b.indexer.Look(t.Context(), b.id, nil)
		if got := indexer.Classify(err); got != c.class {
			t.Errorf("status %d: class %q of %v, want %q", c.status, got, err, c.class)
		}
		r := b.repository()
		if r.State() != storage.StateFailing || r.Failure.Class != c.class || !strings.Contains(r.Failure.Text, "http://127.0.0.1") {
			t.Errorf("status %d: state %s, failure %+v", c.status, r.State(), r.Failure)
		}
		if got := b.keys(); !slices.Equal(got, []string{"ABC-1"}) {
			t.Errorf("status %d: keys %v, want those indexed before", c.status, got)
		}
	}
	status.Store(0)
	repo.Commit("ABC-2 second")
	b.look()
	if r := b.repository(); r.State() != storage.StateIndexed || len(b.keys()) != 2 {
		t.Errorf("after it came back: state %s, keys %v", r.State(), b.keys())
	}
}

func TestADamagedMirrorIsFetchedAnew(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1 number", 50)
	b := newBench(t, gittest.Serve(t, repo, gittest.Options{}))
	b.look()
	packs, err := filepath.Glob(filepath.Join(b.mirrors, "*.git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, p := range packs {
		b.must(os.Chmod(p, 0o600))
		b.must(os.WriteFile(p, []byte("PACK and nothing that follows"), 0o600))
	}
	b.must(b.indexer.Reindex(t.Context(), b.id, true))
	repo.Commit("ABC-2 after the damage")
	b.look()
	b.verify()
	if got := b.repository().Commits; got != 51 {
		t.Errorf("%d commits, want 51", got)
	}
}

func TestRepositoriesNoLongerNamedAreRetiredAndForgottenAfterTheGracePeriod(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	now := atomic.Int64{}
	now.Store(time.Now().UnixNano())
	store := memstore.New()
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(),
		Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour}, Grace: 48 * time.Hour,
		Registerer: prometheus.NewRegistry(), Now: func() time.Time { return time.Unix(0, now.Load()) },
	})
	ids, err := x.SetTargets(t.Context(), []indexer.Target{targetOf(t, repo.Path)}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Look(t.Context(), ids[0], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := x.SetTargets(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	forget := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := x.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	now.Add(int64(24 * time.Hour))
	forget()
	r, err := store.Repository(t.Context(), ids[0])
	if err != nil || r.State() != storage.StateRetired {
		t.Fatalf("within the grace period: %v, %v; want it retired", r.State(), err)
	}
	now.Add(int64(25 * time.Hour))
	forget()
	if _, err := store.Repository(t.Context(), ids[0]); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("after the grace period: %v, want %v", err, storage.ErrNotFound)
	}
}

func targetOf(t *testing.T, url string) indexer.Target {
	t.Helper()
	refspecs, err := mirror.ParseRefspecs(true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return indexer.Target{Spec: storage.RepositorySpec{HostID: url, Name: filepath.Base(url), URL: url}, Refspecs: refspecs}
}

func TestRunLooksAtAllAndOneBadRepositoryHoldsNobodyUp(t *testing.T) {
	good, late := gittest.Init(t), gittest.Init(t)
	good.Commit("ABC-1 first")
	hung := gittest.Serve(t, late, gittest.Options{Middleware: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}})
	store := memstore.New()
	reg := prometheus.NewRegistry()
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(), Registerer: reg,
		Limits: schedule.Limits{Total: 2, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour},
	})
	ids, err := x.SetTargets(t.Context(), []indexer.Target{
		targetOf(t, hung), targetOf(t, filepath.Join(t.TempDir(), "absent")), targetOf(t, good.Path),
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- x.Run(ctx) }()
	waitFor(t, func() bool { r, _ := store.Repository(ctx, ids[2]); return r.Commits == 1 })
	waitFor(t, func() bool { r, _ := store.Repository(ctx, ids[1]); return r.Failure.Class == storage.ClassGone })
	good.Commit("ABC-2 second")
	x.Nudge(ids[2], 99)
	waitFor(t, func() bool { r, _ := store.Repository(ctx, ids[2]); return r.Commits == 2 })
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(reg, "keytrail_push_visible_seconds"); err != nil || n != 1 {
		t.Errorf("push_visible_seconds: %d, %v", n, err)
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if r, err := store.Repository(t.Context(), ids[0]); err != nil || r.Failure.Class != "" {
		t.Errorf("a look that was ended is held against the repository: %+v, %v", r.Failure, err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 30 seconds")
		}
	}
}

func TestEveryErrorHasItsClass(t *testing.T) {
	for _, c := range []struct {
		err  error
		want storage.ErrorClass
	}{
		{nil, ""},
		{wire.ErrUnreachable, storage.ClassTransient},
		{wire.ErrStalled, storage.ClassTransient},
		{wire.ErrServer, storage.ClassTransient},
		{wire.ErrThrottled, storage.ClassThrottled},
		{wire.ErrAuth, storage.ClassAuth},
		{wire.ErrRedirect, storage.ClassAuth},
		{wire.ErrHostKey, storage.ClassAuth},
		{mirror.ErrOwner, storage.ClassAuth},
		{wire.ErrNotFound, storage.ClassGone},
		{wire.ErrUnsupported, storage.ClassGone},
		{wire.ErrObjectFormat, storage.ClassCorrupt},
		{mirror.ErrNotRepository, storage.ClassGone},
		{mirror.ErrCorrupt, storage.ClassCorrupt},
		{mirror.ErrFull, storage.ClassFull},
		{syscall.ENOSPC, storage.ClassFull},
		{storage.ErrStale, storage.ClassFenced},
		{storage.ErrFull, storage.ClassFull},
		{storage.ErrCorrupt, storage.ClassCorrupt},
		{storage.ErrIncomplete, storage.ClassCorrupt},
		{errors.New("of a kind nobody thought of"), storage.ClassTransient},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("in some context: %w", err)
		}
		if got := indexer.Classify(err); got != c.want {
			t.Errorf("%v: class %q, want %q", err, got, c.want)
		}
	}
}

// panicking is a store that has a bug.
type panicking struct{ storage.Store }

func (panicking) Tips(context.Context, storage.RepositoryID) iter.Seq2[storage.Tip, error] {
	panic("a bug")
}

func TestAPanicEndsItsJobOnly(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	x := indexer.New(indexer.Options{
		Store: panicking{memstore.New()}, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Log: zerolog.Nop(),
		Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour}, Registerer: prometheus.NewRegistry(),
	})
	ids, err := x.SetTargets(t.Context(), []indexer.Target{targetOf(t, repo.Path)}, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := x.Look(t.Context(), ids[0], nil); indexer.Classify(err) != storage.ClassBug {
			t.Errorf("got %v, want an error of class %s", err, storage.ClassBug)
		}
	}
}

func TestAMessageOf50MBIsIndexedWhole(t *testing.T) {
	repo := gittest.Init(t)
	tree := repo.Feed("", "mktree")
	message := strings.Repeat("a long story UTF-8, thisNOT-1\n", 50<<20/30) + "\nABC-7 at its end\n"
	oid, err := storage.ParseOID(repo.Feed(message, "commit-tree", "-F", "-", tree))
	if err != nil {
		t.Fatal(err)
	}
	repo.Git("update-ref", "refs/heads/main", oid.String())
	repo.Commit("ABC-8 after it")
	for _, url := range []string{repo.Path, gittest.Serve(t, repo, gittest.Options{})} {
		b := newBench(t, url)
		b.look()
		if got, want := b.keys(), []string{"ABC-7", "ABC-8"}; !slices.Equal(got, want) {
			t.Errorf("%s: keys %v, want %v", url, got, want)
		}
		hit, err := b.store.Commit(t.Context(), b.id, oid)
		if err != nil || hit.Message != message {
			t.Errorf("%s: %d bytes of the message, %v; want all %d", url, len(hit.Message), err, len(message))
		}
	}
}
