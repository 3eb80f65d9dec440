package mirror

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// waiting is a context that tells when somebody is about to wait for its end.
type waiting struct {
	context.Context
	tell func()
}

func (w waiting) Done() <-chan struct{} {
	w.tell()
	return w.Context.Done()
}

// ending is a context that ends after it has been looked at some times.
type ending struct {
	context.Context
	left atomic.Int64
}

func (e *ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestAComparisonWaitsForAProcessorAsLongAsItsContextAllows(t *testing.T) {
	repo := gittest.Init(t)
	commit := commitTree(repo, "AB-1", tree{"a": {"100644", "1\n"}})
	local, d := openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{Compute: 1})
	d.computing <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := d.Diff(waiting{ctx, cancel}, local, "", commit, generous); !errors.Is(err, context.Canceled) {
		t.Errorf("with every processor taken: %v", err)
	}
	<-d.computing
	mustDiffAsGit(t, repo, local, d, commit)
	if len(d.computing) != 0 {
		t.Error("a processor is still taken")
	}
}

func TestAFetchTakesNoProcessor(t *testing.T) {
	var taken atomic.Int64
	var asked atomic.Pointer[OnDemand]
	repo, remote, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if d := asked.Load(); d != nil {
				taken.Add(int64(len(d.computing)))
			}
			next.ServeHTTP(w, r)
		})
	}}), OnDemandOptions{Compute: 1}, 2)
	asked.Store(d)
	mustDiffAsGit(t, repo, remote, d, commits[1])
	if n := taken.Load(); n != 0 || len(d.computing) != 0 {
		t.Errorf("taken while a server was waited for: %d, afterwards %d", n, len(d.computing))
	}
}

func TestCancellingADiffEndsItsComparisonAndFreesTheProcessor(t *testing.T) {
	repo := gittest.Init(t)
	text := func(word string) tree { return tree{"a": {"100644", strings.Repeat(word+"\nsame\n", 5000)}} }
	commitTree(repo, "AB-1", text("old"))
	commit := commitTree(repo, "AB-2", text("new"), "refs/heads/main^0")
	local, d := openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{Compute: 1})
	ctx := &ending{Context: t.Context()}
	ctx.left.Store(1000) // beyond what is looked at for one file, but for its lines
	if _, err := d.Diff(ctx, local, "", commit, generous); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left := ctx.left.Load(); left < -10 || len(d.computing) != 0 {
		t.Errorf("looked at %d times more, %d processors are taken", -left, len(d.computing))
	}
	mustDiffAsGit(t, repo, local, d, commit)
}

func TestAHostThatHangsLeavesOthersTheirTurn(t *testing.T) {
	var packs atomic.Int64
	_, hung, d, commits := remoteHistory(t, overHTTP(gittest.Options{Middleware: countPacks(&packs)}), OnDemandOptions{Fetches: 3}, 2)
	repo, healthy, _, others := remoteHistory(t, overHTTP(gittest.Options{}), OnDemandOptions{}, 2)
	packs.Store(0)
	for range d.options.PerHost { // two of its repositories hang
		d.hosts.gate("hung") <- struct{}{}
		d.fetching <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := d.Diff(ctx, hung, "hung", commits[1], generous)
		ended <- err
	}()
	mustDiffAsGit(t, repo, healthy, d, others[1])
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || packs.Load() != 0 {
		t.Errorf("the third of the host that hangs: %v, after %d requests for packs", err, packs.Load())
	}
}

func TestThoseWhoWaitShareAFailureAndThoseWhoComeLaterDoNot(t *testing.T) {
	q := queue{gate: make(gate, 1)}
	if err := q.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	const waiters = 3
	isWaiting, ended := make(chan struct{}, waiters), make(chan error, waiters)
	for range waiters {
		go func() { ended <- q.enter(waiting{t.Context(), func() { isWaiting <- struct{}{} }}) }()
	}
	for range waiters {
		<-isWaiting
	}
	failure := errors.New("the server hangs")
	q.leave(failure)
	for range waiters {
		if err := <-ended; err != failure {
			t.Errorf("one who waited: %v", err)
		}
	}
	if err := q.enter(t.Context()); err != nil {
		t.Errorf("one who came later: %v", err)
	}
	q.leave(nil)
}

func TestAFailureThatIsOfOneRequestIsNotShared(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	failure := errors.New("reset")
	for _, v := range []struct {
		ctx      context.Context
		err      error
		isShared bool
	}{
		{t.Context(), failure, true}, {ended, failure, false}, {t.Context(), storage.ErrDiffTooLarge, false}, {t.Context(), storage.ErrNoObjects, false},
	} {
		if got := (&visit{ctx: v.ctx}).shared(v.err); (got != nil) != v.isShared {
			t.Errorf("%v, when the request ended with %v: shared %v", v.err, v.ctx.Err(), got)
		}
	}
}
