package hosttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/host"
)

// Handler answers a request and tells that it did.
type Handler func(w http.ResponseWriter, r *http.Request) bool

// Server is a host's API at an address of its own. The test stops it.
type Server struct {
	URL string

	t         testing.TB
	recording *recording
	ignore    []string          // parameters of a query that may be any
	first     map[string]string // parameters of a query that may be missing when they have this value
	missing   http.HandlerFunc
	allows    func(r *http.Request, token string) bool

	mu       sync.Mutex
	token    string // that a request must hold
	handlers []Handler
	requests []*http.Request
}

// NewServer replays the recordings of a folder.
func NewServer(t testing.TB, c Case) *Server {
	t.Helper()
	s := &Server{t: t, recording: load(t, c.Dir, c.More...), ignore: c.Ignore, first: c.First, missing: c.Missing, allows: c.Allows, token: Token}
	if s.allows == nil {
		s.allows = Holds
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Script puts handlers before the recordings, in place of those that were there. With none, only the recordings answer.
func (s *Server) Script(handlers ...Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers = handlers
}

// Expect sets the token that requests must hold.
func (s *Server) Expect(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Requests gives the requests since it was last called. Their bodies are read.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

// Answer replays the answer of an exchange.
func (s *Server) Answer(w http.ResponseWriter, id string) { s.reply(w, s.recording.exchange(s.t, id)) }

// ServeHTTP answers by the handlers, then by the recordings.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	handlers := s.handlers
	s.mu.Unlock()
	for _, handle := range handlers {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if handle(w, r) {
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.Replay(w, r)
}

// Replay answers by the recordings alone. What does not hold the token fails the test, and so does
// what is not recorded, if the case does not answer it.
func (s *Server) Replay(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	if !s.allows(r, token) {
		s.t.Errorf("%s %s does not hold the token that is expected", r.Method, r.URL)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	for i := range s.recording.Exchanges {
		if e := &s.recording.Exchanges[i]; e.isUsual() && s.matches(e, r, body) {
			s.reply(w, e)
			return
		}
	}
	if s.missing != nil {
		s.missing(w, r)
		return
	}
	s.t.Errorf("not recorded: %s %s %s", r.Method, r.URL, body)
	w.WriteHeader(http.StatusNotImplemented)
}

// matches tells whether an exchange is of a request.
func (s *Server) matches(e *exchange, r *http.Request, body []byte) bool {
	if e.Request.Method != r.Method || e.url.EscapedPath() != r.URL.EscapedPath() || !s.sameQuery(e.url.Query(), r.URL.Query()) {
		return false
	}
	if target := e.Request.Headers["X-Amz-Target"]; target != r.Header.Get("X-Amz-Target") {
		return false
	}
	want := e.wants(s.t)
	return want == nil || sameJSON(want, body)
}

// sameQuery compares what is left of two queries.
func (s *Server) sameQuery(recorded, got url.Values) bool {
	for _, q := range []url.Values{recorded, got} {
		for name := range q {
			if slices.Contains(s.ignore, name) || s.first[name] != "" && q.Get(name) == s.first[name] {
				q.Del(name)
			}
		}
	}
	return recorded.Encode() == got.Encode()
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// reply sends an exchange's answer, with the server's own address in place of the recorded ones.
func (s *Server) reply(w http.ResponseWriter, e *exchange) {
	body := e.Response.BodyPrefix + e.Response.BodyText
	if e.Response.BodyFile != "" {
		body += string(file(s.t, e.dir, e.Response.BodyFile))
	}
	for name, value := range e.Response.Headers {
		w.Header().Set(name, s.Local(value))
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(e.Response.Status)
	io.WriteString(w, s.Local(body))
}

// Local gives a text with the server's address in place of every origin that a recorded request names. A user name before it stays.
func (s *Server) Local(text string) string {
	_, address, _ := strings.Cut(s.URL, "://")
	for _, e := range s.recording.Exchanges {
		origin := regexp.MustCompile(e.url.Scheme + `://([\w.-]+@)?` + regexp.QuoteMeta(e.url.Host))
		text = origin.ReplaceAllString(text, "http://${1}"+address)
	}
	return text
}

// repository gives a recorded repository at the server's address.
func (s *Server) repository(r host.Repository) host.Repository {
	r.CloneHTTP, r.CloneSSH, r.WebURL = s.Local(r.CloneHTTP), s.Local(r.CloneSSH), s.Local(r.WebURL)
	return r
}

// Holds tells whether a request's header holds a token, as it is or as a password.
func Holds(r *http.Request, token string) bool {
	for _, values := range r.Header {
		for _, value := range values {
			_, basic, _ := strings.Cut(value, "Basic ")
			decoded, _ := base64.StdEncoding.DecodeString(basic)
			if strings.Contains(value, token) || strings.Contains(string(decoded), token) {
				return true
			}
		}
	}
	return false
}
