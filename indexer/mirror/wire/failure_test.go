package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

const (
	stall = 300 * time.Millisecond
	slack = 5 * time.Second // far from the hours a hang would take, far above what a busy machine needs
)

// answers makes a server that treats GET and POST as said; nil leaves them to the backend.
func answers(get, post http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := map[string]http.HandlerFunc{http.MethodGet: get, http.MethodPost: post}[r.Method]
			if h == nil {
				h = next.ServeHTTP
			}
			h(w, r)
		})
	}
}

// hang lets n bytes of the backend's answer through, then is silent until the client goes away.
func hang(n int) func(http.Handler) http.Handler {
	return cutting(n, func(r *http.Request) { <-r.Context().Done() })
}

// abort lets n bytes of the backend's answer through, then breaks the connection.
func abort(n int) func(http.Handler) http.Handler {
	return cutting(n, func(*http.Request) { panic(http.ErrAbortHandler) })
}

// end lets n bytes of the backend's answer through, then ends it as if it were whole.
func end(n int) func(http.Handler) http.Handler {
	return cutting(n, func(*http.Request) {})
}

func cutting(n int, then func(*http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record := httptest.NewRecorder()
			next.ServeHTTP(record, r)
			body := record.Body.Bytes()
			if n < 0 {
				then(r)
				return
			}
			w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
			w.WriteHeader(record.Code)
			w.Write(body[:min(n, len(body)-1)])
			http.NewResponseController(w).Flush()
			then(r)
		})
	}
}

// only applies a middleware to requests of one method.
func only(method string, m func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		changed := m(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				changed.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestEveryHangEndsWithinTheStallLimit(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commits("refs/heads/main", "ABC-1", 50)
	var hanging sync.WaitGroup
	for name, v := range versions {
		for stage, m := range map[string]func(http.Handler) http.Handler{
			"headers of the greeting": only(http.MethodGet, hang(-1)),
			"greeting":                only(http.MethodGet, hang(20)),
			"headers of the answer":   only(http.MethodPost, hang(-1)),
			"first byte":              only(http.MethodPost, hang(0)),
			"within a pkt-line":       only(http.MethodPost, hang(6)),
			"pack":                    only(http.MethodPost, hang(1000)),
		} {
			v.serve.Middleware = m
			c := dial(t, gittest.Serve(t, repo, v.serve), Options{Stall: stall})
			hanging.Go(func() {
				begin := time.Now()
				_, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, io.Discard)
				if took := time.Since(begin); took < stall || took > slack {
					t.Errorf("%s, %s: ended after %v", name, stage, took)
				}
				if !errors.Is(err, ErrStalled) || !strings.Contains(err.Error(), "nothing moved for 300ms while waiting for") {
					t.Errorf("%s, %s: %v", name, stage, err)
				}
			})
		}
	}
	hanging.Wait()
}

func TestAServerThatAcceptsAndSaysNothingIsStalled(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, scheme := range []string{"http", "https"} {
		c := dial(t, scheme+"://"+l.Addr().String()+"/repo.git", Options{Stall: stall})
		_, err = c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrStalled, "waiting for")
	}
}

func TestCancellationReturnsAtOnceAndIsTheCallers(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	for _, m := range []func(http.Handler) http.Handler{hang(-1), hang(3), only(http.MethodPost, hang(9))} {
		c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: m}), Options{})
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(stall/6, cancel)
		begin := time.Now()
		_, err := c.ListRefs(ctx, nil)
		if !errors.Is(err, context.Canceled) || time.Since(begin) > slack {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		timer.Stop()
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("shutting down")
	cancel(why)
	_, err := dial(t, gittest.Serve(t, repo, gittest.Options{}), Options{}).ListRefs(ctx, nil)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("a cause given by the caller is lost: %v", err)
	}
}

func TestEveryCutAnswerIsTruncated(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commits("refs/heads/main", "ABC-1", 50)
	for name, v := range versions {
		for how, cut := range map[string]func(int) func(http.Handler) http.Handler{"broken": abort, "ended": end} {
			for _, n := range []int{2, 30, 1500, 1 << 30} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					o := v.serve
					o.Middleware = only(method, cut(n))
					c := dial(t, gittest.Serve(t, repo, o), Options{})
					_, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, io.Discard)
					if !errors.Is(err, ErrTruncated) {
						t.Errorf("%s, %s %s after %d bytes: %v", name, method, how, n, err)
					}
				}
			}
		}
	}
}

func TestEveryStatusHasItsKindAndAWayOut(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	for _, test := range []struct {
		status int
		header string
		kind   error
		text   string
	}{
		{401, "", ErrAuth, "renew them"},
		{403, "", ErrAuth, "grant it read access"},
		{403, "7", ErrThrottled, "asked again later"},
		{404, "", ErrNotFound, "check the URL"},
		{407, "", ErrAuth, "the proxy wants credentials"},
		{410, "", ErrNotFound, "check the URL"},
		{418, "", ErrProtocol, "status 418"},
		{429, "", ErrThrottled, "asked again later"},
		{429, "7", ErrThrottled, "wait 7s"},
		{429, "Mon, 23 Nov 2026 10:00:07 GMT", ErrThrottled, "wait 7s"},
		{500, "", ErrServer, "look at its log"},
		{502, "", ErrServer, "look at its log"},
		{503, "", ErrServer, "look at its log"},
		{503, "7", ErrThrottled, "wait 7s"},
	} {
		fail := func(w http.ResponseWriter, r *http.Request) {
			if test.header != "" {
				w.Header().Set("Retry-After", test.header)
				w.Header().Set("Date", "Mon, 23 Nov 2026 10:00:00 GMT")
			}
			http.Error(w, "you sent "+r.Header.Get("Authorization")+" for "+password, test.status)
		}
		for _, m := range []func(http.Handler) http.Handler{answers(fail, nil), answers(nil, fail)} {
			var requests atomic.Int64
			o := gittest.Options{Middleware: m, Requests: &requests}
			c := dial(t, withUser(gittest.Serve(t, repo, o)), Options{})
			_, err := c.ListRefs(t.Context(), nil)
			e := wantError(t, err, test.kind, test.text, "you sent Basic [redacted] for [redacted]")
			if wait := e.RetryAfter; e.Status != test.status || wait != 0 && wait != 7*time.Second || (wait == 0) != (test.header == "") {
				t.Errorf("%d %s: status %d, wait %v", test.status, test.header, e.Status, e.RetryAfter)
			}
			_, err = c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, io.Discard)
			wantError(t, err, test.kind, test.text)
			if n := requests.Load(); n > 5 {
				t.Errorf("%d: refused with %d requests", test.status, n)
			}
		}
	}
}

func TestAMissingRepositoryIsAskedForOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	at := gittest.Serve(t, gittest.Init(t), gittest.Options{Requests: &requests})
	c := dial(t, at+"-not", Options{})
	_, err := c.ListRefs(t.Context(), nil)
	wantError(t, err, ErrNotFound, "hidden from anonymous readers")
	_, err = c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{{1}}, Filter: "tree:0"}, io.Discard)
	wantError(t, err, ErrNotFound)
	if n := requests.Load(); n != 2 {
		t.Errorf("a look and a fetch took %d requests", n)
	}
}

// withUser puts credentials into a URL.
func withUser(raw string) string {
	return strings.Replace(raw, "://", "://bot:"+password+"@", 1)
}

func TestCredentialsAreAskedForEachRequestAndNeverShown(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	at := gittest.Serve(t, repo, gittest.Options{User: "bot", Password: password})

	if a := list(t, dial(t, withUser(at), Options{})); len(a.Refs) != 1 {
		t.Errorf("credentials of the URL: %+v", a)
	}
	_, err := dial(t, at, Options{}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "configure a user name", "who are you?")

	current, asked := Credentials{Username: "bot", Password: "wrong"}, 0
	c := dial(t, at, Options{Credentials: func(context.Context) (Credentials, error) { asked++; return current, nil }})
	_, err = c.ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "renew them")
	current.Password = password
	list(t, c)
	if asked != 3 {
		t.Errorf("asked %d times for credentials, want once a request", asked)
	}
	c = dial(t, at, Options{Credentials: func(context.Context) (Credentials, error) {
		return Credentials{}, errors.New("open /run/secrets/git: no such file")
	}})
	_, err = c.ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "credentials cannot be read", "/run/secrets/git")

	printed := fmt.Sprintf("%v %+v %#v %s %q %d %x %v", current, current, current, current, &current, current, current, struct{ C Credentials }{current})
	encoded, err := json.Marshal(map[string]any{"c": current, "p": &current})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{printed, string(encoded), dial(t, withUser(at), Options{}).RedactedURL()} {
		if strings.Contains(s, password) || strings.Contains(s, "bot") {
			t.Errorf("%q shows credentials", s)
		}
	}
}

func TestAServerThatDoesNotSpeakGitIsSaidSo(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	say := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, body)
		}
	}
	for _, test := range []struct {
		get, post http.HandlerFunc
		kind      error
		text      string
	}{
		{say("text/html; charset=utf-8", "<html>Sign in</html>"), nil, ErrProtocol, "a web page, maybe a login"},
		{nil, say("text/html", "<html>Sign in</html>"), ErrProtocol, "a web page, maybe a login"},
		{say("text/plain", "0123\trefs/heads/main\n"), nil, ErrProtocol, "dumb HTTP"},
		{say("application/json", "{}"), nil, ErrProtocol, `"application/json"`},
		{say("", ""), nil, ErrProtocol, "content type"},
		{say(advertisementType, "<html>"), nil, ErrProtocol, "want a pkt-line"},
		{say(advertisementType, "fff4"), nil, ErrProtocol, "want a pkt-line"},
		{say(advertisementType, ""), nil, ErrTruncated, "ended within"},
		{nil, say(resultType, ""), ErrProtocol, "an empty answer"},
		{nil, say(resultType, "zzzz"), ErrProtocol, "want a pkt-line"},
		{nil, say(resultType, "0009abcd\n"), ErrProtocol, `"abcd"`},
		{nil, say(resultType, "0001"), ErrProtocol, "a marker 0001"},
		{say(advertisementType, "000eversion 2\n0000"), nil, ErrProtocol, "without ls-refs"},
		{say(advertisementType, "0001"), nil, ErrProtocol, "the marker 0001"},
		{say(advertisementType, "0014ERR out of luck\n"), nil, ErrServer, "look at its log"},
		{say(advertisementType, "001dERR Repository not found\n"), nil, ErrNotFound, "check the URL"},
		{say(advertisementType, "0016ERR access denied\n"), nil, ErrAuth, "access denied"},
	} {
		c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: answers(test.get, test.post)}), Options{})
		_, err := c.ListRefs(t.Context(), nil)
		wantError(t, err, test.kind, test.text)
		_, err = c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, io.Discard)
		wantError(t, err, test.kind)
	}
}

func TestAnUnreachableServerIsSaidSo(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent := httptest.NewUnstartedServer(nil)
	silent.Config.ErrorLog = discardLog()
	silent.StartTLS()
	defer silent.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	raw := rawServer(t, "HTTP/9 what\r\n\r\n")
	gone := rawServer(t, "")
	for at, text := range map[string]string{
		"http://" + closed.Addr().String() + "/r.git":                   "connection refused",
		"http://no-such-host.invalid/r.git":                             "host name is not resolved",
		silent.URL + "/r.git":                                           "signed by an unknown authority",
		strings.Replace(plain.URL, "http://", "https://", 1) + "/r.git": "TLS: no agreement",
		"http://" + gone + "/r.git":                                     "closed the connection before",
	} {
		_, err := dial(t, withUser(at), Options{}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrUnreachable, text)
	}
	_, err = dial(t, "http://"+raw+"/r.git", Options{}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrProtocol, "not HTTP")
	trusting := dial(t, silent.URL+"/r.git", Options{Transport: silent.Client().Transport})
	_, err = trusting.ListRefs(t.Context(), nil)
	wantError(t, err, ErrNotFound)
	other := strings.Replace(silent.URL, "127.0.0.1", "localhost", 1)
	_, err = dial(t, other+"/r.git", Options{Transport: silent.Client().Transport}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrUnreachable, "not valid for it")
}

func TestLimitsOnSizeHold(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commits("refs/heads/main", "ABC-1", 100)
	repo.ManyRefs("refs/changes/", 100, oid)
	for _, v := range versions {
		at := gittest.Serve(t, repo, v.serve)
		_, err := dial(t, at, Options{MaxRefs: 100}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrTooLarge, "100 refs")
		list(t, dial(t, at, Options{MaxRefs: 101}))
		_, err = dial(t, at, Options{MaxAdvertisement: 5000}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrTooLarge, "5000 bytes")

		var pack bytes.Buffer
		c := dial(t, at, Options{MaxPack: 4000})
		_, err = c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, &pack)
		wantError(t, err, ErrTooLarge, "4000 bytes")
		if pack.Len() > 4000 {
			t.Errorf("%d bytes were written", pack.Len())
		}
	}
}

func TestAFailingPackWriterIsGivenBack(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	full := errors.New("no space left")
	for _, v := range versions {
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		_, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, writer(func([]byte) (int, error) { return 0, full }))
		if !errors.Is(err, full) || !strings.Contains(err.Error(), "store the pack") {
			t.Errorf("%v", err)
		}
		if _, err := c.Fetch(t.Context(), FetchRequest{}, io.Discard); err == nil {
			t.Error("a fetch of nothing is allowed")
		}
	}
}

func TestAWantThatIsGoneIsSaidSo(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	for name, v := range versions {
		var n atomic.Int64
		v.serve.Requests = &n
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		list(t, c)
		n.Store(0)
		_, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{{1}}, Filter: "tree:0"}, io.Discard)
		wantError(t, err, ErrWantRefused, "not our ref", "list them again")
		if n.Load() != 1 {
			t.Errorf("%s: %d requests", name, n.Load())
		}
	}
}

func TestSHA256RepositoriesAreRefusedByName(t *testing.T) {
	t.Parallel()
	empty := gittest.Init(t, "--object-format=sha256")
	repo := gittest.Init(t, "--object-format=sha256")
	repo.Git("update-ref", "refs/heads/main", repo.Git("commit-tree", "-m", "ABC-1", repo.Feed("", "mktree")))
	for _, v := range versions {
		_, err := dial(t, gittest.Serve(t, repo, v.serve), Options{}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrObjectFormat, "only SHA-1")
		// Versions 0 and 1 greet with nothing but a flush for an empty repository.
		if v.version == 2 {
			_, err = dial(t, gittest.Serve(t, empty, v.serve), Options{}).ListRefs(t.Context(), nil)
			wantError(t, err, ErrObjectFormat, "only SHA-1")
		}
	}
	for _, line := range []string{
		strings.Repeat("ab", 32) + " refs/heads/main",
		strings.Repeat("ab", 32) + " refs/heads/main\x00multi_ack object-format=sha256",
	} {
		var p pktWriter
		p.line(line)
		p.marker(pktFlush)
		if _, err := readGreeting(newPktReader(&p), newRefList(prefixSet{all: true}, 9)); !errors.Is(err, ErrObjectFormat) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestURLsThatCannotBeFetchedAreRefusedWithoutShowingThem(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"ssh://bot:" + password + "@git.example.com/r.git", "bot:" + password + "@git.example.com:r.git", "/srv/git/r.git", "",
		"https://bot:" + password + "/x@host:port:no/r", "https://:80:" + password + "%zz@h/", "https:///r.git", "file:///srv/r.git",
		"ssh://git@h/", "git@h:-x", "git@h:", "git://bot:" + password + "@h/r.git", "git@h:a\nb",
	} {
		_, err := New(raw, Options{})
		if !errors.Is(err, ErrUnsupported) || strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "https://host/path") {
			t.Errorf("%q: %v", raw, err)
		}
	}
	c := dial(t, "https://bot:"+password+"@git.example.com:8443/a%2Fb/r.git/?token="+password+"#x", Options{})
	if c.RedactedURL() != "https://git.example.com:8443/a%2Fb/r.git" {
		t.Error(c.RedactedURL())
	}
	if _, err := url.Parse(c.RedactedURL()); err != nil {
		t.Error(err)
	}
}
