// Package httpapi answers over HTTP: the API below /api/v1, health, readiness and metrics.
//
// openapi.yaml in this folder is the contract: it is served as it is, and the tests hold every answer and every
// route to it. To add a route, describe it there, add a line to the table in routes.go, and write its handler in
// the file named after the noun it answers about. A handler returns an error instead of writing one; problem.go
// makes an RFC 9457 problem of it.
//
// What a request may see and do is its token's access; see access.go. A handler asks accessOf for it, or reads through what does: key,
// names, repositoryByID, page.
//
// The package reads the index through storage.Reader, has decisions by hand taken over by Editor, asks for work through Indexer, and asks
// what commits changed through Differ. All else it needs to know comes in as functions in Options, because it does not know the
// package that brings the index up to date.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of one connection. A reader or writer that makes progress is never cut off; one that does not is.
const (
	headerTimeout  = 5 * time.Second  // from the first byte of a request to the end of its header
	bodyTimeout    = 10 * time.Second // to receive a whole body of at most maxBodyBytes
	idleTimeout    = 60 * time.Second // between two requests of a connection
	writeTimeout   = 30 * time.Second // for the client to take each writeChunk of an answer
	writeChunk     = 64 << 10         // bytes
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 1 << 20
)

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	options Options
	census  *census
	grants  atomic.Pointer[[]*access] // a token each
	metrics *metrics
	origin  *http.CrossOriginProtection
	mux     *http.ServeMux
	routes  map[string]route // by pattern
	active  gate
	buffers buffers
	tags    tagger
	threads gijThreads
	large   chan struct{} // holds one for each large delivery that is being read

	crowd        crowd
	releaseNames atomic.Pointer[ReleaseNames]
	ending       context.Context // ends when Run has been told to end: requests that wait do not wait on
	end          context.CancelFunc

	bodyTimeout, writeTimeout time.Duration
}

// New checks the options, registers the metrics and makes a server. It starts nothing.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	s := &Server{
		options:      o,
		census:       newCensus(o.Store, o.Now),
		metrics:      m,
		origin:       http.NewCrossOriginProtection(),
		mux:          http.NewServeMux(),
		routes:       map[string]route{},
		tags:         newTagger(),
		large:        make(chan struct{}, maxLargeDeliveries),
		bodyTimeout:  bodyTimeout,
		writeTimeout: writeTimeout,
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.SetTokens(o.Tokens)
	s.SetReleases(o.Releases)
	s.crowd = newCrowd(o.RequestsPerToken)
	for _, r := range s.table() {
		s.routes[r.pattern] = r
		s.mux.HandleFunc(r.pattern, s.handle(r))
	}
	return s, nil
}

// Handler gives the handler that Run serves.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Run serves the listener until ctx ends or the listener fails, and closes it. When ctx ends, no connection is
// accepted any more and the requests under way have Options.Drain to finish; those that have not by then are cut
// off. Run returns when the last handler has: nil after ctx ended. It can be called once.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      s.writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          stdlog.New(s.options.Log, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	var failed error
	select {
	case failed = <-served:
		served <- failed
	case <-ctx.Done():
	}
	s.end()
	budget, cancel := context.WithTimeout(base, s.options.Drain)
	defer cancel()
	if err := server.Shutdown(budget); err != nil {
		s.options.Log.Warn().Dur("drain", s.options.Drain).Msg("requests cut off at the end of the drain time")
		cut()
		server.Close()
	}
	<-served
	s.active.shut()
	if failed != nil && !errors.Is(failed, http.ErrServerClosed) {
		return fmt.Errorf("serve http: %w", failed)
	}
	return nil
}

// gate counts the handlers under way, which http.Server.Close does not wait for.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// enter reports whether a handler may begin. When it may, it calls leave at its end.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

// shut lets nobody in any more and waits until all have left.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
