package hostapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"keytrail/indexer/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reply is what a scripted host answers.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// script answers the requests in turn, the last one for ever, and remembers when they came.
type script struct {
	mu      sync.Mutex
	replies []reply
	came    []time.Time
	seen    []*http.Request
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = append(s.came, time.Now())
	s.seen = append(s.seen, r)
	now := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	if now.err != nil {
		return nil, now.err
	}
	header := now.header.Clone()
	if header == nil {
		header = http.Header{"Content-Type": {"application/json"}}
	}
	return &http.Response{StatusCode: now.status, Header: header, Body: io.NopCloser(strings.NewReader(now.body)), Request: r}, nil
}

// over makes a client of a script.
func over(t *testing.T, s *script, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Base: "https://api.example.com/v1", Transport: s}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestARequestIsRepeatedWithLongerWaitsUntilItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 502}, {err: errors.New("connection reset")}, {status: 500}, {status: 200, body: `{"ok": true}`}}}
		answer, err := over(t, s).Get(t.Context(), "/repos")
		if err != nil || string(answer.Body) != `{"ok": true}` {
			t.Fatalf("got %s, %v", answer.Body, err)
		}
		for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
			if wait := s.came[i+1].Sub(s.came[i]); wait < least || wait > 3*least {
				t.Errorf("retry %d came after %v", i+1, wait)
			}
		}
	})
}

func TestAHostThatStaysDownEndsInItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 503, body: "down"}}}
		_, err := over(t, s).Get(t.Context(), "/repos?secret=1")
		var e *host.Error
		if !errors.As(err, &e) || e.Kind != host.ErrServer || e.Status != 503 || len(s.came) != maxTries {
			t.Errorf("got %v after %d requests", err, len(s.came))
		}
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "GET https://api.example.com/v1/repos") {
			t.Errorf("the text is %v", err)
		}
	})
}

func TestWhatChangesSomethingIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 502}}}
		if _, err := over(t, s).Do(t.Context(), Request{Method: http.MethodPost, Ref: "/refs", Body: 1}); !errors.Is(err, host.ErrServer) {
			t.Errorf("got %v", err)
		}
		if len(s.came) != 1 {
			t.Errorf("it was sent %d times", len(s.came))
		}
		if _, err := over(t, s).Do(t.Context(), Request{Method: http.MethodPost, Ref: "/query", Repeatable: true}); err == nil || len(s.came) != 1+maxTries {
			t.Errorf("what may be repeated was sent %d times", len(s.came)-1)
		}
	})
}

func TestAWaitThatTheHostAsksForIsKept(t *testing.T) {
	inAMinute := func(form string) http.Header {
		switch form {
		case "date":
			return http.Header{"Retry-After": {time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)}, "Date": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}}
		case "reset":
			return http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {fmt.Sprint(time.Now().Add(time.Minute).Unix())}}
		}
		return http.Header{"Retry-After": {"60"}}
	}
	for _, form := range []string{"seconds", "date", "reset"} {
		for _, status := range []int{429, 200} {
			t.Run(fmt.Sprintf("%s with status %d", form, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &script{replies: []reply{{status: status, header: inAMinute(form), body: "[]"}, {status: 200, body: "[]"}}}
					c := over(t, s)
					for range 2 {
						if _, err := c.Get(t.Context(), "/repos"); err != nil {
							t.Fatal(err)
						}
					}
					if wait := s.came[1].Sub(s.came[0]); wait < 59*time.Second || wait > 61*time.Second {
						t.Errorf("the second request came after %v", wait)
					}
				})
			})
		}
	}
}

func TestAWaitThatIsTooLongEndsAllCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 200, header: http.Header{"Retry-After": {"3600"}}, body: "[]"}}}
		c := over(t, s)
		if _, err := c.Get(t.Context(), "/repos"); err != nil {
			t.Fatal(err)
		}
		_, err := c.Get(t.Context(), "/repos")
		var e *host.Error
		if !errors.As(err, &e) || e.Kind != host.ErrThrottled || time.Until(e.Until) != time.Hour || len(s.came) != 1 {
			t.Errorf("got %v after %d requests", err, len(s.came))
		}
		if _, err := c.As(nil).Get(t.Context(), "/repos"); err != nil {
			t.Errorf("another account's limit is its own, got %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := c.Get(t.Context(), "/repos"); err != nil {
			t.Errorf("after the limit: %v", err)
		}
	})
}

func TestACallerWaitsForNoLimitAndForOneMoreTryOnly(t *testing.T) {
	for name, c := range map[string]struct {
		reply reply
		kind  error
		tries int
	}{
		"a short limit":   {reply{status: 429, header: http.Header{"Retry-After": {"1"}}}, host.ErrThrottled, 1},
		"a failed host":   {reply{status: 500}, host.ErrServer, 2},
		"no answer":       {reply{err: errors.New("connection reset")}, host.ErrUnreachable, 2},
		"what is refused": {reply{status: 404}, host.ErrGone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{replies: []reply{c.reply}}
				began := time.Now()
				served := over(t, s).For(host.Caller{Making: func() { t.Error("a question is taken for making something") }}, nil)
				_, err := served.Get(t.Context(), "/refs")
				if waited := time.Since(began); !errors.Is(err, c.kind) || len(s.came) != c.tries || waited > 3*time.Second {
					t.Errorf("got %v after %d requests and %v", err, len(s.came), waited)
				}
			})
		})
	}
}

func TestACallerIsToldBeforeWhatMayMakeSomethingIsSent(t *testing.T) {
	for name, r := range map[string]Request{
		"sent once": {Method: http.MethodPost}, "sent again": {Method: http.MethodPost, Repeatable: true, Makes: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, told := &script{replies: []reply{{status: 200, header: http.Header{"Retry-After": {"5"}}}}}, 0
				c := over(t, s).For(host.Caller{Making: func() { told++ }}, nil)
				if _, err := c.Do(t.Context(), r); err != nil || told != 1 {
					t.Errorf("told %d times, %v", told, err)
				}
				if _, err := c.Do(t.Context(), r); !errors.Is(err, host.ErrThrottled) || told != 1 || len(s.came) != 1 {
					t.Errorf("told %d times of %d requests, %v", told, len(s.came), err)
				}
			})
		})
	}
}

func TestAWaitThatTheCallersTimeWouldEndIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 429, header: http.Header{"Retry-After": {"60"}}}}}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := over(t, s).Get(ctx, "/refs"); !errors.Is(err, host.ErrThrottled) || time.Since(began) > 0 {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestAHostsOwnSignOfALimitIsUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 400, body: `{"__type": "ThrottlingException"}`}, {status: 200, body: "{}"}}}
		c := over(t, s, func(o *Options) {
			o.Throttled = func(a Answer) (time.Time, bool) {
				return time.Time{}, bytes.Contains(a.Body, []byte("ThrottlingException"))
			}
		})
		if _, err := c.Get(t.Context(), "/repos"); err != nil || s.came[1].Sub(s.came[0]) != unknownWait {
			t.Errorf("got %v", err)
		}
	})
}

func TestRequestsKeepToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 200, body: "{}"}}}
		c := over(t, s, func(o *Options) { o.Limits.Rate = 2 })
		began := time.Now()
		for range 12 {
			if _, err := c.Get(t.Context(), "/repos"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("12 requests, 2 at once and 2 a second, took %v", took)
		}
	})
}

func TestAHostThatSaysNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := over(t, &script{}, func(o *Options) { o.Transport = silence{} }).Get(t.Context(), "/repos")
		if !errors.Is(err, host.ErrUnreachable) || errors.Is(err, context.Canceled) || time.Since(began) > defaultTotal {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = over(t, &script{}, func(o *Options) { o.Transport = silence{} }).Get(ctx, "/repos"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// silence never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestOnlyTheOwnOriginIsAsked(t *testing.T) {
	s := &script{replies: []reply{{status: 200, body: "{}"}}}
	c := over(t, s)
	for _, ref := range []string{
		"https://api.example.com.example.net/", "http://api.example.com/", "https://api.example.com:8443/", "https://api.example.com@example.net/",
		"//example.net/", "@example.net/", ".example.net/", "ftp://api.example.com/", "https://[::1]/", "file:///etc/passwd", "https://%zz/",
	} {
		if _, err := c.Get(t.Context(), ref); err == nil && s.seen[len(s.seen)-1].URL.Host != "api.example.com" {
			t.Errorf("%s was asked for at %s", ref, s.seen[len(s.seen)-1].URL)
		}
	}
	if _, err := c.Get(t.Context(), "https://API.example.com:443/v1/repos?page=2"); err != nil {
		t.Errorf("the own origin in another form: %v", err)
	}
}

func TestARedirectWithinTheOriginIsFollowedAndNoOther(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	mux.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/new", http.StatusMovedPermanently) })
	mux.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	mux.HandleFunc("/new", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := New(Options{Base: server.URL, Transport: transport, Authorize: Bearer(Constant("token"))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "/old"); err != nil || len(asked) != 1 || asked[0] != "Bearer token" {
		t.Errorf("got %v, %q", err, asked)
	}
	if _, err := c.Do(t.Context(), Request{Method: http.MethodPost, Ref: "/old"}); !errors.Is(err, host.ErrOrigin) {
		t.Errorf("a redirected POST: %v", err)
	}
	if _, err := c.Get(t.Context(), "/circle"); !errors.Is(err, host.ErrAnswer) {
		t.Errorf("a circle: %v", err)
	}
}

func TestEveryAttemptIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []host.Call
		s := &script{replies: []reply{{status: 502}, {status: 200, body: "[1]"}}}
		c := over(t, s, func(o *Options) { o.Observe = func(call host.Call) { calls = append(calls, call) } })
		if _, err := c.Get(t.Context(), "/repos"); err != nil {
			t.Fatal(err)
		}
		if len(calls) != 2 || calls[0].Status != 502 || calls[0].Err == nil || calls[1].Received != 3 || calls[1].Err != nil {
			t.Errorf("got %+v", calls)
		}
	})
}

func TestNoURLButAnHTTPOneWithoutCredentialsIsABase(t *testing.T) {
	for _, base := range []string{"", "api.example.com", "ftp://api.example.com", "https://", "https://user:canary@example.com", "https://example.com?x=1", "https://%zz"} {
		if _, err := New(Options{Base: base}); !errors.Is(err, host.ErrConfig) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestNamesStayWithinTheirSegment(t *testing.T) {
	for name, want := range map[string]string{"a/b": "/r/a%2Fb/x", "..": "/r/%2E%2E/x", ".": "/r/%2E/x", "a b?c#d": "/r/a%20b%3Fc%23d/x", "ü": "/r/%C3%BC/x"} {
		if got := Path("/r/%s/x", name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if got := Segments("feature/../a b"); got != "feature/%2E%2E/a%20b" {
		t.Errorf("got %s", got)
	}
}
