package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
)

// A server that hangs does not hold the stop up, whether it never answers or stops in the middle of a pack.
func TestAHungServerDoesNotHoldTheStopUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer int64 // the request, from 1, whose answer hangs
	}{
		{"before the refs", 1}, {"among the refs", 2}, {"within the pack", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			repo, good := gittest.Init(t), gittest.Init(t)
			repo.Commits("refs/heads/main", "ABC-1 number", 50)
			good.Commit("ABC-2 first")
			var requests atomic.Int64
			hung := make(chan struct{})
			url := gittest.Serve(t, repo, gittest.Options{Middleware: func(backend http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) != c.answer {
						backend.ServeHTTP(w, r)
						return
					}
					if c.answer > 1 {
						answerHalf(w, r, backend)
					}
					close(hung)
					<-r.Context().Done()
				})
			}})
			d := serve(t, nil, "--data", t.TempDir(), url, good.Path)
			d.eventually("the good repository answers", func() bool { return len(d.commits("ABC-2")) == 1 })
			d.eventually("the server hangs", func() bool {
				select {
				case <-hung:
					return true
				default:
					return false
				}
			})
			d.stop()
			if !strings.Contains(d.log.String(), "repositories=2") {
				t.Errorf("the log does not tell of two repositories:\n%s", d.log)
			}
		})
	}
}

// answerHalf sends the first half of an answer.
func answerHalf(w http.ResponseWriter, r *http.Request, backend http.Handler) {
	whole := httptest.NewRecorder()
	backend.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
}

// A client that never finishes its request makes the daemon wait for as long as it drains, so that the signals find it
// stopping.
func TestSignalsWhileAClientNeverFinishesItsRequest(t *testing.T) {
	t.Run("the first ends within ten seconds", func(t *testing.T) {
		t.Parallel()
		d := serve(t, nil, "--data", t.TempDir())
		d.holdRequest()
		d.stop()
	})
	t.Run("the second ends at once", func(t *testing.T) {
		t.Parallel()
		d := serve(t, nil, "--data", t.TempDir())
		d.holdRequest()
		d.signal(syscall.SIGTERM)
		d.eventually("it is stopping", func() bool { return strings.Contains(d.log.String(), "stopping") })
		d.signal(syscall.SIGTERM)
		if code, took := d.wait(5 * time.Second); code != 130 || took > time.Second {
			t.Errorf("exit code %d after %s, want 130 at once\n%s", code, took, d.log)
		}
	})
}

// holdRequest sends the beginning of a request, of which the end never comes.
func (d *daemon) holdRequest() {
	d.t.Helper()
	address := strings.TrimPrefix(d.url, "http://")
	c, err := net.Dial("tcp", address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	head := fmt.Sprintf("POST /api/v1/issues/commits HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", address)
	if _, err := io.WriteString(c, head); err != nil {
		d.t.Fatal(err)
	}
	d.eventually("the request is being answered", func() bool {
		_, metrics := d.get("/metrics")
		return strings.Contains(metrics, "keytrail_http_requests_in_flight 2")
	})
}
