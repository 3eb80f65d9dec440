package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "kept-secret"

// forge is a host whose deliveries are events in JSON, and whose token is the secret.
type forge struct {
	secret    host.Secret
	confirmed chan string
	isBroken  bool
}

func (f forge) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyToken(ctx, f.secret, d, "X-Token")
}

func (f forge) Event(d host.Delivery) (host.Event, error) {
	e := host.Event{Kind: host.EventOther}
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return e, host.Problem(host.ErrAnswer, "not the JSON of a forge")
	}
	return e, nil
}

func (forge) Guide() host.Guide { return host.Guide{} }

func (f forge) Confirm(ctx context.Context, d host.Delivery) error {
	if f.isBroken {
		<-ctx.Done()
		return ctx.Err()
	}
	f.confirmed <- string(d.Body)
	return nil
}

// world is a receiver at work and what it asked for.
type world struct {
	t        testing.TB
	receiver *Receiver
	registry *prometheus.Registry
	log      strings.Builder
	began    time.Time

	mu          sync.Mutex
	registered  []indexer.Registered
	generation  uint64
	asked       []string // what was asked for, and when
	discoverErr error
}

// newWorld is for use in a bubble. It has an integration acme with n repositories, whose host's ids are "1" and so on.
func newWorld(t testing.TB, n int, more ...Integration) *world {
	w := &world{t: t, registry: prometheus.NewRegistry(), began: time.Now()}
	for i := 1; i <= n; i++ {
		w.register("acme", fmt.Sprint(i), fmt.Sprintf("https://git.example.com/acme/r%d.git", i))
	}
	w.receiver = New(Options{
		Index: w, Discoverer: w, Log: zerolog.New(zerolog.SyncWriter(&w.log)).Level(zerolog.InfoLevel), Registerer: w.registry,
	})
	w.receiver.Set(append([]Integration{{Name: "acme", Hooks: forge{secret: known(secret)}, Secret: known(secret)}}, more...))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.receiver.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func known(text string) host.Secret {
	return func(context.Context) (string, error) { return text, nil }
}

func (w *world) register(integration, hostID, url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generation++
	id := storage.RepositoryID(len(w.registered) + 1)
	w.registered = append(w.registered, indexer.Registered{
		ID: id, Spec: storage.RepositorySpec{Integration: integration, HostID: hostID, URL: url},
	})
}

func (w *world) Registered() ([]indexer.Registered, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.registered, w.generation
}

func (w *world) Generation() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.generation
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, fmt.Sprintf("%v ", time.Since(w.began))+fmt.Sprintf(format, args...))
}

func (w *world) NudgeSince(announced time.Time, ids ...storage.RepositoryID) {
	w.note("look %v of %v", ids, announced.Sub(w.began))
}

func (w *world) RefreshPullRequests(ids ...storage.RepositoryID) { w.note("pulls %v", ids) }

func (w *world) Discover(integration string, _ bool) error {
	w.note("discover %s", integration)
	return w.discoverErr
}

// expect compares what was asked for within a time with what should have been, and forgets it.
func (w *world) expect(within time.Duration, want ...string) {
	w.t.Helper()
	time.Sleep(within)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.asked, want) {
		w.t.Errorf("asked for\n%s\nwant\n%s", strings.Join(w.asked, "\n"), strings.Join(want, "\n"))
	}
	w.asked = nil
}

// send delivers an event to acme.
func (w *world) send(e host.Event) {
	w.t.Helper()
	body, err := json.Marshal(e)
	if err == nil {
		err = w.receiver.Deliver(w.t.Context(), "acme", delivery(string(body)))
	}
	if err != nil {
		w.t.Error(err)
	}
}

func delivery(body string) host.Delivery {
	return host.Delivery{Header: http.Header{"X-Token": {secret}}, Body: []byte(body)}
}

// about is an event of a kind about repositories by the host's ids.
func about(kind host.EventKind, ids ...string) host.Event {
	e := host.Event{Kind: kind}
	for _, id := range ids {
		e.Subjects = append(e.Subjects, host.Subject{ID: id})
	}
	return e
}

func (w *world) counted(integration, outcome string) int {
	return int(testutil.ToFloat64(w.receiver.deliveries.WithLabelValues(integration, outcome)))
}

func TestAPushIsLookedAtAtOnceAndAStormOfThemOncePerSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.send(about(host.EventPush, "2"))
		w.expect(0, "0s look [2] of 0s")
		for i := range 10_000 {
			w.send(about(host.EventPush, "2"))
			if i == 5000 {
				w.send(about(host.EventPush, "3"))
			}
		}
		w.expect(time.Second, "0s look [3] of 0s", "200ms look [2] of 0s")
		w.send(about(host.EventPush, "2"))
		w.expect(0, "1s look [2] of 1s")
		if got := w.counted("acme", outcomeAccepted); got != 10_003 {
			t.Errorf("%d accepted", got)
		}
	})
}

func TestTenThousandReplaysOfADeliveryCostTwoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		e := about(host.EventPush, "1")
		e.Delivery = "0815"
		for range 10_000 {
			w.send(e)
			time.Sleep(5 * time.Millisecond)
		}
		w.expect(time.Minute, "0s look [1] of 0s", "1m0s look [1] of 1m0s")
		if got := w.counted("acme", outcomeDuplicate); got != 9999 {
			t.Errorf("%d duplicates", got)
		}
		w.send(e)
		w.expect(0, "1m50s look [1] of 1m50s")
		e.Delivery = "0816"
		w.send(e)
		w.expect(time.Minute, "1m50.2s look [1] of 1m50s")
	})
}

func TestAPullRequestHasThoseOfItsRepositoryReadAndItsRefsWhereTheyAreFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Integration{Name: "refs", Hooks: forge{secret: known(secret)}, HasPullRefs: true})
		w.register("refs", "1", "https://git.example.org/r.git")
		w.send(about(host.EventPullRequest, "1"))
		w.send(about(host.EventPullRequest, "1"))
		w.expect(time.Second, "0s pulls [1]")
		w.send(about(host.EventPullRequest, "1"))
		w.expect(time.Second, "2s pulls [1]")
		if err := w.receiver.Deliver(t.Context(), "refs", delivery(`{"Kind": "pull-request", "Subjects": [{"ID": "1"}]}`)); err != nil {
			t.Error(err)
		}
		w.expect(0, "2s look [2] of 2s", "2s pulls [2]")
	})
}

func TestARepositoryThatIsNotKnownIsDiscoveredOnceAndThenLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for range 100 {
			w.send(about(host.EventPush, "2"))
		}
		w.expect(time.Second, "0s discover acme")
		if got := w.counted("acme", outcomeUnknown); got != 99 {
			t.Errorf("%d unknown", got)
		}
		w.receiver.Discovered("acme") // and did not find it, as the filter leaves it out
		w.send(about(host.EventPush, "2"))
		w.expect(time.Minute)
		w.send(about(host.EventCreated, "3", "4"))
		w.expect(time.Second, "1m1s discover acme")
		w.register("acme", "3", "")
		w.register("acme", "4", "")
		w.receiver.Discovered("acme")
		w.expect(time.Second, "1m2s look [2] of 1m1s", "1m2s look [3] of 1m1s")
		w.receiver.Discovered("acme")
		w.receiver.Discovered("another")
		w.expect(strangerFor)
		w.send(about(host.EventPush, "2"))
		w.expect(0, "1h1m3s discover acme")
	})
}

func TestDiscoveriesThatEventsAskForAreHalfAMinuteApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.discoverErr = errors.New("not there") // before the receiver asks
		w.send(about(host.EventRenamed, "1"))
		w.expect(0, "0s look [1] of 0s", "0s discover acme")
		w.send(about(host.EventDeleted, "2"))
		w.send(about(host.EventDeleted, "unknown"))
		w.send(host.Event{Kind: host.EventCreated})
		w.expect(time.Hour, "30s discover acme")
		if !strings.Contains(w.log.String(), "not there") {
			t.Errorf("the log does not tell: %s", &w.log)
		}
	})
}

func TestADeliveryThatNamesNothingHasAllRepositoriesLookedAtAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 25)
		w.register("another", "1", "")
		for _, body := range []string{"", " \n", "{}", "{ }", `{"Kind": "push"}`} {
			if err := w.receiver.Deliver(t.Context(), "acme", delivery(body)); err != nil {
				t.Errorf("%q: %v", body, err)
			}
		}
		synctest.Wait()
		at := map[string]int{}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, line := range w.asked {
			when, _, _ := strings.Cut(line, " ")
			at[when]++
		}
		if len(w.asked) != 25 || at["0s"] != 10 || at["100ms"] != 10 || at["200ms"] != 5 {
			t.Errorf("looks by time: %v", at)
		}
	})
}

func TestSameSecretOfManyIntegrationsDeliversToAllByURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := Integration{Name: "other", Hooks: forge{secret: known("another")}, Secret: known("another")}
		twin := Integration{Name: "twin", Hooks: forge{secret: known(secret)}, Secret: known(secret)}
		none := Integration{Name: "none", Hooks: forge{}}
		plain := Integration{Hooks: Plain{Secret: known("plain-secret")}, Secret: known("plain-secret")}
		w := newWorld(t, 1, other, twin, none, plain)
		w.register("twin", "x", "ssh://git@git.example.com:2222/acme/r1.git")
		w.register("other", "x", "https://git.example.com/acme/r1.git")
		w.register("", "x", "https://git.example.com/plain.git")
		deliver := func(secret, body string) error {
			return w.receiver.DeliverBySecret(t.Context(), host.Delivery{Header: http.Header{}, Body: []byte(body), Secret: secret})
		}
		for _, body := range []string{
			`{"origin": "https://git.example.com/acme/r1"}`,
			`{"repository": {"git_http_url": "http://bot@GIT.example.com:8080/acme/r1.git"}}`,
			`{"repository": {"links": {"html": {"href": "https://git.example.com/acme/r1"}}}}`,
			`{"Kind": "push", "Subjects": [{"URLs": ["git@git.example.com:acme/r1.git"]}]}`,
		} {
			if err := deliver(secret, body); err != nil {
				t.Errorf("%s: %v", body, err)
			}
			at := time.Since(w.began)
			w.expect(time.Second, fmt.Sprintf("%v look [1] of %v", at, at), fmt.Sprintf("%v look [2] of %v", at, at))
		}
		if err := deliver("plain-secret", `{"origin": "https://git.example.com/plain.git"}`); err != nil {
			t.Error(err)
		}
		if err := deliver("plain-secret", `{"origin": "https://git.example.com/unknown.git"}`); err != nil {
			t.Error(err)
		}
		w.expect(time.Second, "4s look [4] of 4s")
		for _, wrong := range []string{"", "unknown", secret[1:]} {
			if err := deliver(wrong, `{}`); !errors.Is(err, ErrRefused) {
				t.Errorf("secret %q: %v", wrong, err)
			}
		}
		if err := deliver("plain-secret", `<xml/>`); !errors.Is(err, ErrBody) {
			t.Errorf("no JSON: %v", err)
		}
		w.expect(time.Second)
	})
}

func TestWhatIsNotProvedIsRefusedAlikeAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Integration{Name: "none", Hooks: forge{}})
		texts := map[string]bool{}
		for _, name := range []string{"acme", "none", "unknown", ""} {
			for range 10 {
				d := delivery(`{"Kind": "push", "Subjects": [{"ID": "1"}]}`)
				d.Header.Set("X-Token", "wrong")
				err := w.receiver.Deliver(t.Context(), name, d)
				if !errors.Is(err, ErrRefused) {
					t.Fatalf("%s: %v", name, err)
				}
				texts[err.Error()] = true
			}
		}
		if len(texts) != 1 {
			t.Errorf("they are told apart: %v", texts)
		}
		if lines := strings.Count(w.log.String(), "\n"); lines != 3 || !strings.Contains(w.log.String(), "set webhook.secret") {
			t.Errorf("%d lines:\n%s", lines, &w.log)
		}
		if w.counted("acme", outcomeRefused) != 10 || w.counted("", outcomeRefused) != 20 {
			t.Error("the refused are not counted")
		}
		w.expect(time.Second)
	})
}

func TestAProvedBodyThatCannotBeReadIsToldAndDeepOnesAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for body, want := range map[string]string{
			`<xml/>`:                        "not the JSON of a forge",
			strings.Repeat(`[`, 65):         "64 levels",
			strings.Repeat(`{"a":`, 10_000): "64 levels",
		} {
			if err := w.receiver.Deliver(t.Context(), "acme", delivery(body)); !errors.Is(err, ErrBody) || !strings.Contains(err.Error(), want) {
				t.Errorf("%.20s: %v", body, err)
			}
		}
		shallow := `{"Delivery": "` + strings.Repeat(`[{\"`, 100) + `", "Kind": "ping"}`
		if err := w.receiver.Deliver(t.Context(), "acme", delivery(shallow)); err != nil {
			t.Error(err)
		}
		w.expect(time.Second)
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds the secret: %s", &w.log)
		}
	})
}

func TestAConfirmationIsAnsweredOnceItIsProvedAndFewWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		confirmed := make(chan string, 1)
		w := newWorld(t, 1, Integration{Name: "topic", Hooks: forge{secret: known(secret), confirmed: confirmed}, Secret: known("url-secret")},
			Integration{Name: "slow", Hooks: forge{secret: known(secret), isBroken: true}})
		d := delivery(`{"Kind": "confirmation"}`)
		if err := w.receiver.Deliver(t.Context(), "topic", d); err != nil {
			t.Error(err)
		}
		if got := <-confirmed; got != string(d.Body) {
			t.Errorf("confirmed %q", got)
		}
		d.Secret = "url-secret"
		d.Header = http.Header{}
		if err := w.receiver.DeliverBySecret(t.Context(), d); !errors.Is(err, ErrRefused) {
			t.Errorf("one that only its URL proves: %v", err)
		}
		busy := 0
		for range maxConfirmations + 2 {
			err := w.receiver.Deliver(t.Context(), "slow", delivery(string(d.Body)))
			if errors.Is(err, ErrBusy) {
				busy++
			}
			synctest.Wait()
		}
		if busy != 1 || w.counted("slow", outcomeBusy) != 1 {
			t.Errorf("%d of %d were to come again", busy, maxConfirmations+2)
		}
		time.Sleep(confirmTimeout + time.Second)
		synctest.Wait()
		if !strings.Contains(w.log.String(), "could not be confirmed") {
			t.Errorf("the log does not tell: %s", &w.log)
		}
	})
}

func TestAReloadKeepsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.send(about(host.EventCreated, "2"))
		w.expect(0, "0s discover acme")
		w.receiver.Set([]Integration{{Name: "acme", Hooks: forge{secret: known(secret)}}})
		w.register("acme", "2", "")
		w.receiver.Discovered("acme")
		w.expect(0, "0s look [2] of 0s")
		w.receiver.Set(nil)
		if err := w.receiver.Deliver(t.Context(), "acme", delivery("{}")); !errors.Is(err, ErrRefused) {
			t.Errorf("an integration that is gone: %v", err)
		}
	})
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for i := range maxStrangers + 100 {
			e := about(host.EventPush, fmt.Sprint("stranger", i))
			e.Delivery = fmt.Sprint(i)
			w.send(e)
		}
		q := w.receiver.queue
		if len(q.seen) > maxSeen || len(q.byName["acme"].strangers) > maxStrangers {
			t.Errorf("%d deliveries, %d strangers", len(q.seen), len(q.byName["acme"].strangers))
		}
		w.expect(time.Hour, "0s discover acme", "30s discover acme")
		w.send(about(host.EventPush, "1"))
		time.Sleep(time.Minute)
		w.send(about(host.EventPing, "1"))
		w.receiver.queue.alert()
		synctest.Wait()
		if len(q.jobs) != 0 {
			t.Errorf("%d jobs are left", len(q.jobs))
		}
	})
}
