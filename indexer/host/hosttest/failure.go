package hosttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/host"
)

// answering gives a handler of one answer for every request.
func answering(status int, contentType, body string) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

// after gives a handler that leaves the first n requests to the next ones.
func after(n int, handle Handler) Handler {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool { return seen.Add(1) > int64(n) && handle(w, r) }
}

// cutShort promises more than it sends.
func cutShort(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `[{"id": 1001, "name"`)
	return true
}

// failures are answers that are none, and the kind of error that they make.
func failures() map[string]struct {
	handle Handler
	kind   error
} {
	const isJSON = "application/json"
	return map[string]struct {
		handle Handler
		kind   error
	}{
		"status 401":          {answering(401, isJSON, `{"message": "Bad credentials"}`), host.ErrAuth},
		"status 403":          {answering(403, isJSON, `{"message": "Not yours"}`), host.ErrAuth},
		"status 404":          {answering(404, isJSON, `{"message": "Not Found"}`), host.ErrGone},
		"status 500":          {answering(500, "text/html", `<html>Oops</html>`), host.ErrServer},
		"status 503":          {answering(503, "text/plain", `down`), host.ErrServer},
		"a login page":        {answering(200, "text/html; charset=utf-8", `<html>Sign in</html>`), host.ErrAuth},
		"a cut connection":    {cutShort, host.ErrAnswer},
		"JSON cut short":      {answering(200, isJSON, `[{"id": 1001, "na`), host.ErrAnswer},
		"no JSON":             {answering(200, isJSON, `hello`), host.ErrAnswer},
		"an empty answer":     {answering(200, isJSON, ``), host.ErrAnswer},
		"a number":            {answering(200, isJSON, `1`), host.ErrAnswer},
		"null":                {answering(200, isJSON, `null`), host.ErrAnswer},
		"JSON too large":      {answering(200, isJSON, `["`+strings.Repeat("x", 1<<20)+`"]`), host.ErrTooLarge},
		"JSON too deep":       {answering(200, isJSON, strings.Repeat("[", 100)+strings.Repeat("]", 100)), host.ErrTooLarge},
		"a closed connection": {hangUp, host.ErrUnreachable},
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) bool {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		connection.Close()
	}
	return true
}

// mustFail holds a list to an error and to nothing beside it.
func (c Case) mustFail(t *testing.T, h host.Host, kind error) {
	t.Helper()
	document, err := h.List(t.Context())
	if document != nil {
		t.Errorf("there is a document beside the error %v", err)
	}
	c.mustBe(t, err, kind)
}

func failure(t *testing.T, c Case) {
	for name, f := range failures() {
		t.Run(name+" gives its class and no list", func(t *testing.T) {
			s, h := c.start(t)
			s.Script(f.handle)
			c.mustFail(t, h, f.kind)
		})
	}
	runAll(t, c, []clause{
		{"on a later page gives no list", failsOnALaterPage},
		{"is repeated when the host may be well again", repeats},
		{"is not what an empty list is", takesAnEmptyList},
		{"shows no secret that the host says back", showsNoSecret},
		{"is not waited for after a cancel", endsWithACancel},
	})
	limits(t, c)
	escapes(t, c)
}

func failsOnALaterPage(t *testing.T, c Case) {
	s, h := c.start(t)
	list(t, h)
	n := len(s.Requests())
	if n < 2 {
		t.Skip("the recordings hold one page")
	}
	s, h = c.start(t)
	s.Script(after(n-1, answering(403, "application/json", `{"message": "Not yours"}`)))
	c.mustFail(t, h, host.ErrAuth)
}

func repeats(t *testing.T, c Case) {
	s, h := c.start(t)
	var failed atomic.Bool
	s.Script(func(w http.ResponseWriter, r *http.Request) bool {
		return failed.CompareAndSwap(false, true) && answering(502, "text/html", "<html>Bad gateway</html>")(w, r)
	})
	if n := len(selected(t, h, list(t, h))); n != len(c.Listed) {
		t.Errorf("%d repositories, want %d", n, len(c.Listed))
	}
}

func takesAnEmptyList(t *testing.T, c Case) {
	if c.EmptyList == "" {
		t.Skip("the case has no empty list")
	}
	s, h := c.start(t)
	s.Script(c.afterTokens(answering(200, "application/json", c.EmptyList)))
	if n := len(selected(t, h, list(t, h))); n != 0 {
		t.Errorf("%d repositories in an empty list", n)
	}
}

func showsNoSecret(t *testing.T, c Case) {
	s, h := c.start(t)
	s.Script(func(w http.ResponseWriter, r *http.Request) bool {
		return answering(401, "text/plain", fmt.Sprintf("not %v", r.Header))(w, r)
	})
	c.mustFail(t, h, host.ErrAuth)
}

func endsWithACancel(t *testing.T, c Case) {
	s, h := c.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Script(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	document, err := h.List(ctx)
	if !errors.Is(err, context.Canceled) || document != nil {
		t.Errorf("got %v, %v", document, err)
	}
}

// afterTokens leaves the requests by which a host gets its tokens to the recordings: they are no lists.
func (c Case) afterTokens(handle Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return (c.IsList == nil || c.IsList(r)) && handle(w, r)
	}
}

// limits holds a host to what it is asked to wait.
func limits(t *testing.T, c Case) {
	t.Run("leaves the host alone until a limit ends", func(t *testing.T) {
		s, h := c.start(t)
		s.Script(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			return answering(429, "text/plain", "Retry later")(w, r)
		})
		_, err := h.List(t.Context())
		c.mustBe(t, err, host.ErrThrottled)
		var e *host.Error
		if !errors.As(err, &e) {
			t.Fatalf("got %v", err)
		}
		if left := time.Until(e.Until); left < 59*time.Minute || left > time.Hour {
			t.Errorf("the limit of an hour ends in %v", left)
		}
		s.Requests()
		c.mustFail(t, h, host.ErrThrottled)
		if n := len(s.Requests()); n != 0 {
			t.Errorf("%d requests before the limit ended", n)
		}
	})
	for _, id := range c.Paused {
		t.Run("takes "+id+" and waits", func(t *testing.T) {
			s, h := c.start(t)
			s.Script(c.afterTokens(func(w http.ResponseWriter, _ *http.Request) bool {
				s.Answer(w, id)
				return true
			}))
			if n := len(selected(t, h, list(t, h))); n != len(c.Listed) {
				t.Errorf("%d repositories, want %d", n, len(c.Listed))
			}
			s.Requests()
			c.mustFail(t, h, host.ErrThrottled)
			if n := len(s.Requests()); n != 0 {
				t.Errorf("%d requests before the pause ended", n)
			}
		})
	}
	for _, id := range c.Throttled {
		t.Run("understands "+id, func(t *testing.T) {
			s, h := c.start(t)
			s.Script(c.afterTokens(func(w http.ResponseWriter, _ *http.Request) bool {
				s.Answer(w, id)
				return true
			}))
			c.mustFail(t, h, host.ErrThrottled)
		})
	}
}

// escapes holds a host to its own origin.
func escapes(t *testing.T, c Case) {
	foreign := func(t *testing.T) (url string, asked *atomic.Int64) {
		asked = new(atomic.Int64)
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		t.Cleanup(server.Close)
		return server.URL, asked
	}
	t.Run("refuses a redirect to another origin", func(t *testing.T) {
		s, h := c.start(t)
		to, asked := foreign(t)
		s.Script(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, to+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return true
		})
		c.mustFail(t, h, host.ErrOrigin)
		if asked.Load() != 0 {
			t.Error("the other origin was asked")
		}
	})
	t.Run("refuses a link to a page at another origin", func(t *testing.T) {
		s, h := c.start(t)
		to, asked := foreign(t)
		linked := false
		s.Script(func(w http.ResponseWriter, r *http.Request) bool {
			recorded := httptest.NewRecorder()
			s.Replay(recorded, r)
			maps.Copy(w.Header(), recorded.Header())
			if link := recorded.Header().Get("Link"); strings.Contains(link, s.URL) {
				linked = true
				w.Header().Set("Link", strings.ReplaceAll(link, s.URL, to))
			}
			w.WriteHeader(recorded.Code)
			w.Write(recorded.Body.Bytes())
			return true
		})
		document, err := h.List(t.Context())
		if !linked {
			t.Skip("the host has no links to pages")
		}
		if document != nil {
			t.Error("there is a document")
		}
		c.mustBe(t, err, host.ErrOrigin)
		if asked.Load() != 0 {
			t.Error("the other origin was asked")
		}
	})
}
