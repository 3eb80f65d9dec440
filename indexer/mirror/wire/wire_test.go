package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are the protocol versions as a server is made to speak them.
var versions = map[string]struct {
	version int
	serve   gittest.Options
}{
	"v2": {2, gittest.Options{}},
	"v1": {1, gittest.Options{Protocol: "version=1"}},
	"v0": {0, gittest.Options{Protocol: "none"}},
}

// dial makes a client with a transport of its own. Tests set a short Stall where they wait for it.
func dial(t testing.TB, url string, o Options) *Client {
	t.Helper()
	if o.Transport == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		o.Transport = transport
	}
	if o.Stall == 0 {
		o.Stall = 10 * time.Second
	}
	c, err := New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func list(t testing.TB, c *Client, prefixes ...string) *Advertisement {
	t.Helper()
	a, err := c.ListRefs(t.Context(), prefixes)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refs is an advertisement as gittest.Repo.Refs gives it.
func refs(a *Advertisement) map[string]storage.OID {
	m := map[string]storage.OID{}
	for _, r := range a.Refs {
		m[r.Name] = r.OID
	}
	return m
}

// oids are the objects that the refs name, unpeeled.
func (a *Advertisement) oids() (oids []storage.OID) {
	for _, r := range a.Refs {
		oids = append(oids, r.OID)
	}
	return oids
}

// store is a repository that received packs.
type store struct{ *gittest.Repo }

// add checks a pack as git does, and gives how many objects it holds.
func (s store) add(t testing.TB, pack []byte) int {
	t.Helper()
	if len(pack) < 12 || string(pack[:4]) != "PACK" {
		t.Fatalf("%d bytes that begin with %.12q are not a pack", len(pack), pack)
	}
	if n := binary.BigEndian.Uint32(pack[8:]); n > 0 {
		s.Feed(string(pack), "index-pack", "--stdin", "--fix-thin")
		return int(n)
	}
	return 0
}

// objects counts what a store holds by type.
func (s store) objects() map[string]int {
	count := map[string]int{}
	for kind := range strings.FieldsSeq(s.Git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")) {
		count[kind]++
	}
	return count
}

// missing gives those of the objects that a store lacks.
func (s store) missing(oids []storage.OID) (lacking []storage.OID) {
	var names strings.Builder
	for _, oid := range oids {
		names.WriteString(oid.String() + "\n")
	}
	i := 0
	for line := range strings.Lines(s.Feed(names.String(), "cat-file", "--batch-check")) {
		if strings.HasSuffix(strings.TrimSpace(line), "missing") {
			lacking = append(lacking, oids[i])
		}
		i++
	}
	return lacking
}

// wantError checks kind and text of a failure, and that its text names the URL and no secret.
func wantError(t testing.TB, err, kind error, texts ...string) *Error {
	t.Helper()
	var e *Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Fatalf("error %v\nis not %q", err, kind)
	}
	for _, text := range append(texts, e.URL) {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q\ndoes not say %q", err, text)
		}
	}
	if e.URL == "" || e.Op == "" {
		t.Errorf("error %q names no operation or URL", err)
	}
	for _, secret := range []string{password, "czNjcmV0"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q shows the password", err)
		}
	}
	return e
}

// password is what no text may show, here or in base64.
const password = "s3cret"

func fetch(t testing.TB, c *Client, r FetchRequest) []byte {
	t.Helper()
	var pack bytes.Buffer
	if _, err := c.Fetch(t.Context(), r, &pack); err != nil {
		t.Fatal(err)
	}
	return pack.Bytes()
}

// rawServer accepts, reads something, says what it is told, and closes.
func rawServer(t *testing.T, say string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, say)
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	return l.Addr().String()
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// writer makes an io.Writer of a function.
type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// roundTripper makes a transport of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
