package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// serve takes a request through all that is the same for every route: limits, measurements, safety and access.
func (s *Server) serve(rw http.ResponseWriter, r *http.Request) {
	if !s.active.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.active.leave()

	r = s.plain(r)
	answer, pattern := s.mux.Handler(r)
	found, known := s.routes[pattern]
	began := time.Now()
	w := &response{ResponseWriter: rw, control: http.NewResponseController(rw), timeout: s.writeTimeout, extended: began, route: "none"}
	if known {
		w.route = found.path()
	} else {
		found.basic = isDialect(r.URL.Path) // so that its clients learn that there is no such route
	}
	s.metrics.inFlight.Inc()
	defer s.observe(w, r, began)
	defer s.rescue(w, r)

	setFields(w.Header(), "X-Content-Type-Options", "nosniff")
	if r.ContentLength != 0 {
		w.limitBody(s.bodyTimeout)
		r.Body = http.MaxBytesReader(rw, r.Body, found.bodyLimit())
	}
	who, err := s.admit(w, r, found)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if who != nil {
		r = r.WithContext(withAccess(r.Context(), who))
	}
	if !found.open && !found.proved { // deliveries have limits of their own
		if err := s.crowd.enter(r.Context(), w.token); err != nil {
			s.fail(w, r, err)
			return
		}
		defer s.crowd.leave(w.token)
	}
	if pattern == "" {
		s.fail(w, r, unrouted(w, r, answer))
		return
	}
	s.mux.ServeHTTP(w, r)
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

// admit decides whether a request may go on to its route, and what it may see there. A path without a route asks for a token
// like any other.
func (s *Server) admit(w *response, r *http.Request, to route) (who *access, err error) {
	switch {
	case to.proved: // neither by a token nor by the name of this machine
	case !s.guarded():
		if rebound(r) {
			return nil, problemf(misdirected, "without tokens a request over loopback must name localhost or an IP address as its host: "+
				"do so, or configure auth.tokens")
		}
	case !to.open:
		w.basic = to.basic
		if who, err = s.authorize(r.Header, to); err != nil {
			return nil, err
		}
		w.token = who.token.Name
	}
	if s.origin.Check(r) != nil {
		return nil, problemf(crossOrigin, "a browser sent this request from a page of another site: send it from a program")
	}
	if to.write {
		err = who.write()
	}
	if to.whole && err == nil {
		err = who.all()
	}
	return who, err
}

// rebound reports whether a request that came over loopback names a host that is not loopback, as a page does whose
// name was made to point at this machine to get around the browser's same-origin rule (DNS rebinding). A page cannot
// do that with an IP address for a name.
func rebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() || r.Host == "" {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil
}

// rescue ends a panic of a handler: the client is told that something is wrong, the operator where.
func (s *Server) rescue(w *response, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.metrics.panics.Inc()
	s.options.Log.Error().Str("route", w.route).Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("panic in a handler")
	s.fail(w, r, problemf(internal, "the request met a bug: the log of the daemon shows where; please report it"))
}

// observe measures a request that has ended and notes it in the log.
func (s *Server) observe(w *response, r *http.Request, began time.Time) {
	took := time.Since(began)
	s.metrics.inFlight.Dec()
	s.metrics.request(w.route, r.Method, w.status, took)
	s.options.Log.Debug().Str("route", w.route).Str("method", r.Method).Str("path", shownPath(w.route, r.URL.Path)).Int("code", w.status).
		Int64("bytes", w.bytes).Dur("took", took).Str("remote", r.RemoteAddr).Str("token", w.token).Msg("request")
}

// shownPath gives the path of a request for the log. Of one that may hold the secret of a webhook it is the route.
func shownPath(route, path string) string {
	if strings.Contains(strings.ToLower(path), "webhook") {
		return route
	}
	return path
}

// response is the ResponseWriter of one request. It cuts off a client that stops reading.
type response struct {
	http.ResponseWriter
	control  *http.ResponseController
	timeout  time.Duration // for each chunk
	extended time.Time     // when the deadline was last set, by http.Server at first
	route    string
	token    string // name of the one that opened the route
	basic    bool   // the token may come as a password
	status   int    // zero until the answer has begun
	bytes    int64
}

// Unwrap lets http.ResponseController find what it controls.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.extend()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	written := 0
	for first := true; first || written < len(b); first = false {
		w.extend()
		n, err := w.ResponseWriter.Write(b[written:min(written+writeChunk, len(b))])
		written += n
		w.bytes += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// extend gives the client time to take the next chunk. A deadline that was set just before stands: most answers are short.
// A writer without deadlines is one without a client.
func (w *response) extend() {
	if now := time.Now(); now.Sub(w.extended) > w.timeout/16 {
		w.extended = now
		_ = w.control.SetWriteDeadline(now.Add(w.timeout))
	}
}

// limitBody gives the client time to send the body; zero takes the limit away, which a request that reads its
// body must do at the end of it, as the deadline would otherwise end the request.
func (w *response) limitBody(d time.Duration) {
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = w.control.SetReadDeadline(deadline)
}
