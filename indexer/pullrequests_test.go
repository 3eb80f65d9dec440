package indexer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

// midnight is when the pull requests of the tests begin to change.
var midnight = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)

// pullHost is a host of one repository whose pull requests are made up.
type pullHost struct {
	mu    sync.Mutex
	pulls map[string]storage.PullRequest
	asked []time.Time
	err   error
}

func (h *pullHost) read(_ context.Context, since time.Time) ([]storage.PullRequest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, since)
	if h.err != nil {
		return nil, h.err
	}
	var told []storage.PullRequest
	for _, p := range h.pulls {
		if !p.Updated.Before(since) {
			told = append(told, p, p) // a page may repeat what the one before had
		}
	}
	return told, nil
}

// set makes or changes a pull request some hours after midnight.
func (h *pullHost) set(id string, hours int, p storage.PullRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.ID, p.Updated = id, midnight.Add(time.Duration(hours)*time.Hour)
	if h.pulls == nil {
		h.pulls = map[string]storage.PullRequest{}
	}
	h.pulls[id] = p
}

func (h *pullHost) questions() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// pullBench is an indexer whose one repository has pull requests.
type pullBench struct {
	*testing.T
	host    *pullHost
	store   storage.Store
	indexer *indexer.Indexer
	id      storage.RepositoryID
	now     time.Time
	log     bytes.Buffer
}

func newPullBench(t *testing.T) *pullBench {
	t.Helper()
	b := &pullBench{T: t, host: &pullHost{}, store: memstore.New(), now: midnight}
	b.indexer = indexer.New(indexer.Options{
		Store: b.store, Mirrors: t.TempDir(), Rules: rules(t, issuekey.Options{}), Now: func() time.Time { return b.now },
		Limits: schedule.Limits{Total: 2, PerHost: 2, Interval: time.Hour, MaxInterval: time.Hour},
		Log:    zerolog.New(&b.log), Registerer: prometheus.NewRegistry(),
	})
	t.Cleanup(func() { b.store.Close() })
	b.id = b.setTargets(b.host.read)[0]
	return b
}

func (b *pullBench) setTargets(source indexer.PullRequestSource) []storage.RepositoryID {
	b.Helper()
	ids, err := b.indexer.SetTargets(b.Context(), []indexer.Target{{
		Spec: storage.RepositorySpec{Integration: "acme", HostID: "1", Name: "acme/shop", URL: b.TempDir()}, PullRequests: source,
	}}, true)
	if err != nil {
		b.Fatal(err)
	}
	return ids
}

func (b *pullBench) poll() {
	b.Helper()
	if err := b.indexer.ReadPullRequests(b.Context(), b.id); err != nil {
		b.Fatal(err)
	}
}

// want checks the ids of the pull requests of a key.
func (b *pullBench) want(key storage.IssueKey, ids string) {
	b.Helper()
	var have []string
	for p, err := range b.store.PullRequests(b.Context(), key) {
		if err != nil {
			b.Fatal(err)
		}
		have = append(have, p.ID)
	}
	if got := strings.Join(have, " "); got != ids {
		b.Errorf("%s has the pull requests %q, want %q", key, got, ids)
	}
}

func TestAPullRequestLinksByTitleDescriptionAndBranches(t *testing.T) {
	b := newPullBench(t)
	b.host.set("1", 6, storage.PullRequest{Title: "abc-1: in any case, as the names of branches"})
	b.host.set("2", 5, storage.PullRequest{Description: "It mends ABC-1, and not abc-2."})
	b.host.set("3", 4, storage.PullRequest{Source: "feature/abc-1-checkout"})
	b.host.set("4", 3, storage.PullRequest{Target: "abc-1"})
	b.host.set("5", 2, storage.PullRequest{Title: "nothing", Description: "thisABC-1", Source: "main", Target: "release"})
	b.host.set("6", 1, storage.PullRequest{Description: strings.Repeat("é", 32<<10) + " ABC-1"})
	b.poll()
	b.want("ABC-1", "1 2 3 4")
	b.want("ABC-2", "")
}

func TestAPollAsksForWhatChangedSinceTheNewestItKnows(t *testing.T) {
	b := newPullBench(t)
	b.host.set("1", 1, storage.PullRequest{Title: "ABC-1"})
	b.host.set("2", 3, storage.PullRequest{Title: "ABC-1"})
	b.poll()
	b.host.set("1", 4, storage.PullRequest{Title: "ABC-2", State: storage.PullRequestMerged})
	b.poll()
	b.want("ABC-1", "2")
	b.want("ABC-2", "1")
	asked := b.host.questions()
	newest := midnight.Add(3 * time.Hour)
	if !asked[0].IsZero() || !asked[1].Before(newest) || newest.Sub(asked[1]) > time.Hour {
		t.Errorf("asked since %v, want all first and then a little before %v", asked, newest)
	}
}

func TestADeletedPullRequestGoesWithTheNextWholeList(t *testing.T) {
	b := newPullBench(t)
	for i := range 6 {
		b.host.set(fmt.Sprint(i), i, storage.PullRequest{Title: "ABC-1"})
	}
	b.poll()
	delete(b.host.pulls, "2")
	b.poll()
	b.want("ABC-1", "5 4 3 2 1 0")
	b.now = b.now.Add(8 * 24 * time.Hour)
	b.poll()
	b.want("ABC-1", "5 4 3 1 0")
}

func TestAListThatLostMostOfItsPullRequestsIsBelievedWhenAPersonAsksOnly(t *testing.T) {
	b := newPullBench(t)
	for i := range 6 {
		b.host.set(fmt.Sprint(i), i, storage.PullRequest{Title: "ABC-1"})
	}
	b.poll()
	clear(b.host.pulls)
	b.now = b.now.Add(8 * 24 * time.Hour)
	b.poll()
	b.want("ABC-1", "5 4 3 2 1 0")
	if !strings.Contains(b.log.String(), "less than half") {
		t.Errorf("the log does not say so: %s", b.log.String())
	}
	if err := b.indexer.Reindex(t.Context(), b.id, true); err != nil {
		t.Fatal(err)
	}
	b.poll()
	b.want("ABC-1", "")
}

func TestAFailedPollLosesNothing(t *testing.T) {
	b := newPullBench(t)
	b.host.set("1", 1, storage.PullRequest{Title: "ABC-1"})
	b.poll()
	for _, kind := range []error{host.ErrAuth, host.ErrGone, host.ErrThrottled, host.ErrServer, host.ErrAnswer, host.ErrTooLarge} {
		b.host.err = host.Problem(kind, "it does not work")
		if err := b.indexer.ReadPullRequests(t.Context(), b.id); !errors.Is(err, kind) {
			t.Errorf("have error %v, want %v", err, kind)
		}
		b.want("ABC-1", "1")
	}
}

func TestOtherKeyRulesFindTheKeysOfKnownPullRequestsAnew(t *testing.T) {
	b := newPullBench(t)
	b.host.set("1", 1, storage.PullRequest{Title: "ABC-1 OLD-2"})
	b.poll()
	b.host.err = host.Problem(host.ErrServer, "down")
	b.indexer.SetRules(rules(t, issuekey.Options{Aliases: map[string]string{"OLD": "NEW"}, Deny: []string{"ABC"}}))
	if err := b.indexer.ReadPullRequests(t.Context(), b.id); err == nil {
		t.Error("no error")
	}
	b.want("ABC-1", "")
	b.want("NEW-2", "1")
}

func TestAReloadTakesANewSourceOfPullRequests(t *testing.T) {
	b := newPullBench(t)
	b.poll()
	renewed := &pullHost{}
	renewed.set("7", 1, storage.PullRequest{Title: "ABC-7"})
	b.setTargets(renewed.read)
	b.poll()
	b.want("ABC-7", "7")
	b.setTargets(nil)
	if err := b.indexer.ReadPullRequests(t.Context(), b.id); !errors.Is(err, indexer.ErrUnknownRepository) {
		t.Errorf("have error %v, want %v", err, indexer.ErrUnknownRepository)
	}
	b.want("ABC-7", "7")
}

func TestRunReadsPullRequestsAtOnceWhenAskedAndAfterALookThatChanged(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("first")
	source := &pullHost{}
	source.set("1", 1, storage.PullRequest{Title: "ABC-1"})
	target := targetOf(t, repo.Path)
	target.PullRequests = source.read
	b := newBenchOf(t, target)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.indexer.Run(ctx) }()
	waitFor(t, func() bool { return len(source.questions()) > 0 && b.repository().Tips == 1 })
	count := func(key storage.IssueKey) int {
		i, err := b.store.Issue(t.Context(), storage.IssueQuery{Key: key})
		b.must(err)
		return len(i.PullRequests)
	}
	waitFor(t, func() bool { return count("ABC-1") == 1 })
	source.set("2", 2, storage.PullRequest{Title: "ABC-1"})
	b.indexer.RefreshPullRequests(b.id, 99)
	waitFor(t, func() bool { return count("ABC-1") == 2 })
	source.set("3", 3, storage.PullRequest{Title: "ABC-1"})
	repo.Commit("second")
	b.indexer.Nudge(b.id)
	waitFor(t, func() bool { return count("ABC-1") == 3 })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
