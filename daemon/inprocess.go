package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer/issuekey"
	"keytrail/storage"
)

// openInProcess opens a data directory behind the same API that a daemon serves, without a network.
func openInProcess(d dataDir, rules *issuekey.Rules, p Process) (*client, error) {
	log := consoleLog(p, zerolog.WarnLevel)
	store, err := d.openExisting(log, p)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	server, err := newAPI(store, notIndexing{}, func() *issuekey.Rules { return rules }, httpapi.Options{
		Ready: func() error { return nil }, Releases: releaseNames(config.Default()), Registerer: registry, Gatherer: registry, Log: log, Drain: time.Second,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &client{
		base:  "http://localhost",
		http:  &http.Client{Transport: handlerTransport{server.Handler()}},
		close: store.Close,
	}, nil
}

// notIndexing answers requests for work where nothing is indexed.
type notIndexing struct{}

func (notIndexing) Reindex(context.Context, storage.RepositoryID, bool) error {
	return errors.New("no daemon is running on this data directory")
}

func (notIndexing) Nudge(...storage.RepositoryID) {}

// handlerTransport hands requests to a handler in the same process.
type handlerTransport struct{ handler http.Handler }

// RoundTrip runs the handler and returns when it has begun to answer. The body is read while the handler writes it.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	body, pipe := io.Pipe()
	w := &pipeWriter{header: http.Header{}, pipe: pipe, begun: make(chan struct{})}
	done := make(chan struct{})
	request := r.Clone(ctx)
	if request.Body == nil {
		request.Body = http.NoBody
	}
	go func() {
		defer close(done)
		t.handler.ServeHTTP(w, request)
		w.WriteHeader(http.StatusOK)
		pipe.Close()
	}()
	<-w.begun
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Request: r, ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: &handlerBody{PipeReader: body, cancel: cancel, done: done},
	}, nil
}

// pipeWriter is the ResponseWriter that hands the body on as it is written.
type pipeWriter struct {
	header http.Header
	status int
	pipe   *io.PipeWriter
	begun  chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		close(w.begun)
	}
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(b)
}

// handlerBody is a response's body; closing it ends the handler and waits for it.
type handlerBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
}

func (b *handlerBody) Close() error {
	b.cancel()
	err := b.PipeReader.Close()
	<-b.done
	return err
}
