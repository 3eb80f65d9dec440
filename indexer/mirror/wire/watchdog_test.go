package wire

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"keytrail/storage"
)

// slowly answers every request at once with a body that comes byte by byte, one each pause of virtual time, and then hangs
// when told to.
func slowly(status int, pause time.Duration, body string, hangs bool) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		sent := 0
		wait := func(d time.Duration) error {
			select {
			case <-r.Context().Done():
				return r.Context().Err()
			case <-time.After(d):
				return nil
			}
		}
		read := reader(func(p []byte) (int, error) {
			if sent == len(body) && !hangs {
				return 0, io.EOF
			}
			if sent == len(body) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			}
			sent++
			return copy(p, body[sent-1:sent]), wait(pause)
		})
		header := http.Header{"Content-Type": {map[string]string{"GET": advertisementType, "POST": resultType}[r.Method]}}
		if status != http.StatusOK {
			header.Set("Content-Type", "text/plain")
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(read)}, nil
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

var greetingOfV0 = string(packets(oidA+" HEAD\x00side-band-64k\n", oidA+" refs/heads/main\n", "0000"))

func TestASlowServerIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, "http://git.example.com/r.git", Options{Stall: time.Minute, Transport: slowly(200, 59*time.Second, greetingOfV0, false)})
		if a := list(t, c); len(a.Refs) != 1 {
			t.Errorf("%+v", a)
		}
	})
}

func TestASlowServerEndsAtTheTotalLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, "http://git.example.com/r.git", Options{Stall: time.Minute, Total: time.Hour, Transport: slowly(200, 59*time.Second, greetingOfV0, false)})
		begin := time.Now()
		_, err := c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrTimeout, "not finished in 1h0m0s")
		if took := time.Since(begin); took != time.Hour || errors.Is(err, ErrStalled) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestAStallIsCountedFromTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New("http://git.example.com/r.git", Options{Transport: slowly(200, time.Second, greetingOfV0[:30], true)})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrStalled, "nothing moved for 1m0s while waiting for more of the answer")
		if took := time.Since(begin); took != 90*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

func TestARefusalWhoseTextHangsIsStillTheRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, "http://git.example.com/r.git", Options{Transport: slowly(401, time.Second, "who", true)})
		_, err := c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrAuth, "HTTP status 401")
	})
}

func TestASlowPackWriterIsNotAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := string(packets("NAK\n", "\x01PACK", "\x01 and", "\x01 more", "0000"))
		get, post := slowly(200, 0, greetingOfV0, false), slowly(200, 0, answer, false)
		c := dial(t, "http://git.example.com/r.git", Options{Stall: time.Minute, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return map[string]roundTripper{"GET": get, "POST": post}[r.Method](r)
		})})
		slow := writer(func(p []byte) (int, error) { time.Sleep(time.Hour); return len(p), nil })
		if _, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{{1}}}, slow); err != nil {
			t.Error(err)
		}
	})
}

func TestASlowUploadIsNotAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		get := slowly(200, 0, greetingOfV0, false)
		post := slowly(200, 0, string(packets("NAK\n", "\x01PACK", "0000")), false)
		c := dial(t, "http://git.example.com/r.git", Options{Stall: time.Minute, Connect: time.Hour, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return get(r)
			}
			for {
				time.Sleep(59 * time.Second)
				if _, err := r.Body.Read(make([]byte, 10)); err == io.EOF {
					return post(r)
				}
			}
		})})
		var haves []storage.OID
		for i := range 5 {
			haves = append(haves, storage.OID{byte(i)})
		}
		if _, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{{1}}, Haves: haves}, io.Discard); err != nil {
			t.Error(err)
		}
	})
}
