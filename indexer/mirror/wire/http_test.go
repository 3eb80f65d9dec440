package wire

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// gzipping compresses every answer and counts the bytes that go out.
func gzipping(sent *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record := httptest.NewRecorder()
			next.ServeHTTP(record, r)
			w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(record.Code)
			z := gzip.NewWriter(io.MultiWriter(w, writer(func(p []byte) (int, error) { sent.Add(int64(len(p))); return len(p), nil })))
			z.Write(record.Body.Bytes())
			z.Close()
		})
	}
}

func TestReceivedCountsTheBytesOfTheWireBeforeDecompression(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commits("refs/heads/main", "ABC-1", 20)
	repo.ManyRefs("refs/changes/", 500, oid)
	for name, v := range versions {
		var sent, received atomic.Int64
		v.serve.Middleware = gzipping(&sent)
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{Received: func(n int) { received.Add(int64(n)) }})
		if a := list(t, c); len(a.Refs) != 501 {
			t.Errorf("%s: %d refs", name, len(a.Refs))
		}
		if n := (store{gittest.Init(t)}).add(t, fetch(t, c, FetchRequest{Wants: []storage.OID{oid}, Filter: "tree:0"})); n != 20 {
			t.Errorf("%s: %d objects", name, n)
		}
		if sent.Load() == 0 || sent.Load() != received.Load() {
			t.Errorf("%s: %d bytes sent, %d counted", name, sent.Load(), received.Load())
		}
	}
}

func TestBrokenCompressionIsSaidSo(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	claim := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", advertisementType)
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, body)
		}
	}
	for body, kind := range map[string]error{
		"not gzip at all": ErrProtocol,
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xff\xff": ErrProtocol,
		"\x1f\x8b\x08": ErrTruncated,
		"":             ErrTruncated,
	} {
		_, err := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: answers(claim(body), nil)}), Options{}).ListRefs(t.Context(), nil)
		wantError(t, err, kind)
	}
}

func TestOneConnectionServesAllRequests(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	for name, v := range versions {
		var connections atomic.Int64
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connections.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		t.Cleanup(transport.CloseIdleConnections)
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{Transport: transport})
		for range 3 {
			list(t, c)
			fetch(t, c, FetchRequest{Wants: []storage.OID{oid}})
		}
		if n := connections.Load(); n != 1 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestAServerMayCloseKeptConnections(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	server := gittest.Start(t, filepath.Dir(repo.Path), gittest.Options{})
	c := dial(t, server.URL+"/repo.git", Options{})
	for range 20 {
		list(t, c)
		server.CloseClientConnections()
	}
}

func TestAnAnswerThatIsCompleteButNotEndedIsTaken(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	for _, name := range []string{"v0", "v2"} {
		v := versions[name]
		v.serve.Middleware = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		}
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		if a := list(t, c); len(a.Refs) != 1 {
			t.Errorf("%s: %+v", name, a)
		}
		if n := (store{gittest.Init(t)}).add(t, fetch(t, c, FetchRequest{Wants: []storage.OID{oid}})); n != 3 {
			t.Errorf("%s: %d objects", name, n)
		}
	}
}

func TestHTTPSAndHTTP2AreSpokenWhereTheTransportDoes(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	server := httptest.NewUnstartedServer(gittest.Backend(t, filepath.Dir(repo.Path)))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	var two atomic.Int64
	c := dial(t, server.URL+"/repo.git", Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := server.Client().Transport.RoundTrip(r)
		if err == nil && response.ProtoMajor == 2 {
			two.Add(1)
		}
		return response, err
	})})
	list(t, c)
	fetch(t, c, FetchRequest{Wants: []storage.OID{oid}, Filter: "tree:0"})
	if two.Load() != 3 {
		t.Errorf("%d answers over HTTP/2, want 3", two.Load())
	}
}

func TestEveryRequestNamesItsAgent(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	for given, want := range map[string]string{"": "git/keytrail", "git/2.0 keytrail\n": "git/2.0.keytrail."} {
		var agents []string
		c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				agents = append(agents, r.UserAgent())
				next.ServeHTTP(w, r)
			})
		}}), Options{UserAgent: given})
		list(t, c)
		if diff := cmp.Diff([]string{want, want}, agents); diff != "" {
			t.Error(diff)
		}
	}
}
