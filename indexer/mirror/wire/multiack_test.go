package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// offering plays a server of version 1 or 0 that has only the capabilities named, of those that it really has, and refuses a request
// that does not use the demanded one.
func offering(words []string, demanded string) func(http.Handler) http.Handler {
	line := regexp.MustCompile(`(?s)([0-9a-f]{4})([0-9a-f]{40} [^\x00]+)\x00([^\n]*)\n`)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodPost {
				body, _ := io.ReadAll(q.Body)
				q.Body = io.NopCloser(bytes.NewReader(body))
				first, _, _ := strings.Cut(string(body), "\n")
				if !strings.Contains(first+" ", " "+demanded+" ") {
					w.Header().Set("Content-Type", resultType)
					w.Write(packets("ERR TF401041: the client must offer " + demanded))
					return
				}
				next.ServeHTTP(w, q)
				return
			}
			record := httptest.NewRecorder()
			next.ServeHTTP(record, q)
			w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
			w.Write(line.ReplaceAllFunc(record.Body.Bytes(), func(b []byte) []byte {
				parts := line.FindSubmatch(b)
				rest := fmt.Sprintf("%s\x00%s\n", parts[2], strings.Join(words, " "))
				return fmt.Appendf(nil, "%04x%s", 4+len(rest), rest)
			}))
		})
	}
}

// TestServersThatDemandMultiAckAreServed plays Azure DevOps, which speaks version 1 and answers only to clients that negotiate with
// multi_ack, and others that have few capabilities.
func TestServersThatDemandMultiAckAreServed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		words    []string
		demanded string
	}{
		"multi_ack":           {[]string{"multi_ack", "side-band-64k", "ofs-delta", "thin-pack"}, "multi_ack"},
		"multi_ack_detailed":  {[]string{"multi_ack", "multi_ack_detailed", "side-band-64k"}, "multi_ack_detailed"},
		"side-band":           {[]string{"multi_ack", "side-band"}, "side-band"},
		"no side-band at all": {[]string{"multi_ack"}, "multi_ack"},
	} {
		for _, protocol := range []string{"none", "version=1"} {
			repo := gittest.Init(t)
			old := repo.Commits("refs/heads/main", "ABC-1", 30)
			o := gittest.Options{Protocol: protocol, Middleware: offering(test.words, test.demanded)}
			c := dial(t, gittest.Serve(t, repo, o), Options{})
			s := store{gittest.Init(t)}
			s.add(t, fetch(t, c, FetchRequest{Wants: []storage.OID{old}}))
			repo.Commit("ABC-2")
			a := list(t, c)
			r := FetchRequest{Wants: a.oids(), Haves: []storage.OID{{1}, old, {2}}, ThinPack: true}
			if n := s.add(t, fetch(t, c, r)); n != 3 || a.Filter {
				t.Errorf("%s, %s: %d objects came for one commit; filter offered: %v", name, protocol, n, a.Filter)
			}
		}
	}
}
