package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	advertisementType = "application/x-git-upload-pack-advertisement"
	requestType       = "application/x-git-upload-pack-request"
	resultType        = "application/x-git-upload-pack-result"

	// gzipFrom is the size of a request, in bytes, from which on it is compressed. Git does from 1024 on; below this, what a compressor
	// takes to be made, which is a megabyte of memory, is more than what it saves.
	gzipFrom = 8192

	// maxTries is how often a request is sent when kept connections turn out closed.
	maxTries = 4

	// drainTime and drainBytes are how long, and how much, the end of an answer is awaited that is complete already.
	drainTime  = 250 * time.Millisecond
	drainBytes = 4096
)

// httpTransport is git's smart HTTP (gitprotocol-http.txt): the greeting is a GET of info/refs, an exchange a POST to
// git-upload-pack beside it.
type httpTransport struct {
	remote  remote
	options Options
	// base is where the greeting was found, after redirects; nil before.
	base atomic.Pointer[url.URL]
}

func newHTTP(r remote, o Options) *httpTransport {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	return &httpTransport{remote: r, options: o}
}

func (t *httpTransport) stateful() bool { return false }

// dial asks for version 2 always, so that an upgraded server is noticed; an old one does not look at the header.
func (t *httpTransport) dial(o *operation) (conn, error) { return t.dialVersion(o, 2) }

func (t *httpTransport) dialVersion(o *operation, version int) (conn, error) {
	return &httpConn{t: t, o: o, version: version}, nil
}

// httpConn is one operation's requests; at most one answer is open at a time.
type httpConn struct {
	t       *httpTransport
	o       *operation
	version int // to greet with
	open    *answer
}

// answer is a response's body, watched, counted and decompressed.
type answer struct {
	io.Reader
	body io.Closer
}

func (c *httpConn) greeting() (io.Reader, error) {
	at := below(c.t.remote.base, infoRefs)
	at.RawQuery = joinQuery(at.RawQuery, service)
	response, final, err := c.follow(at)
	if err != nil {
		return nil, err
	}
	r, err := c.accept(response, advertisementType)
	if err != nil {
		return nil, err
	}
	base, err := above(final)
	if err != nil {
		return nil, err
	}
	c.t.base.Store(base)
	return r, nil
}

func (c *httpConn) exchange(version int, request []byte) (io.Reader, error) {
	header := http.Header{
		"Content-Type": {requestType},
		"Accept":       {resultType},
	}
	if version > 0 {
		header.Set("Git-Protocol", fmt.Sprintf("version=%d", version))
	}
	if len(request) > gzipFrom {
		header.Set("Content-Encoding", "gzip")
		request = compress(request)
	}
	response, err := c.send(http.MethodPost, below(c.t.base.Load(), "/git-upload-pack"), header, request)
	if err != nil {
		return nil, err
	}
	if redirects(response) {
		response.Body.Close()
		return nil, problem(ErrRedirect, "the server sends requests for git-upload-pack elsewhere: configure the repository's new URL")
	}
	return c.accept(response, resultType)
}

// send makes one request and waits for the headers of its response. A kept connection may turn out closed by the server
// just then; as reading may be repeated, it is, on another connection.
func (c *httpConn) send(method string, at *url.URL, header http.Header, body []byte) (*http.Response, error) {
	c.close(false)
	for try := 1; ; try++ {
		response, kept, err := c.try(method, at, header.Clone(), body)
		switch {
		case err == nil:
			return response, nil
		case c.o.ctx.Err() != nil:
			return nil, context.Cause(c.o.ctx)
		case !kept || try == maxTries:
			return nil, unreachable(err)
		}
	}
}

// try makes one request once and tells whether it went over a kept connection.
func (c *httpConn) try(method string, at *url.URL, header http.Header, body []byte) (response *http.Response, kept bool, err error) {
	var reused atomic.Bool
	connected := c.o.connecting()
	defer connected()
	ctx := httptrace.WithClientTrace(withOperation(c.o), &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				c.o.moved("what comes before the first request: the proxy or TLS")
			}
		},
		TLSHandshakeStart: func() { c.o.moved("the TLS handshake") },
		GotConn: func(info httptrace.GotConnInfo) {
			connected()
			reused.Store(info.Reused)
			c.o.moved("the server to take the request")
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { c.o.moved("the headers of the answer") },
	})
	request, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return nil, false, problem(ErrUnsupported, "the URL makes no request: correct it")
	}
	if body != nil {
		request.ContentLength = int64(len(body))
		request.GetBody = func() (io.ReadCloser, error) { return &sending{bytes.NewReader(body), c.o}, nil }
		request.Body, _ = request.GetBody()
	}
	request.Header = header
	request.Header.Set("User-Agent", c.t.options.UserAgent)
	// Asked for by name, so that net/http hands over the bytes as they came: Options.Received counts those.
	request.Header.Set("Accept-Encoding", "gzip")
	if err := c.authorize(request); err != nil {
		return nil, false, err
	}
	c.o.await("a connection")
	response, err = c.t.options.Transport.RoundTrip(request)
	c.o.rest()
	return response, reused.Load(), err
}

// sending is a request body whose progress keeps the watchdog quiet.
type sending struct {
	*bytes.Reader
	o *operation
}

func (s *sending) Read(p []byte) (int, error) {
	s.o.moved("")
	// In pieces, as net/http would otherwise take all at once and a slow line look like a hanging one.
	return s.Reader.Read(p[:min(len(p), 1<<15)])
}

func (*sending) Close() error { return nil }

// accept checks status and type of a response and makes its body the open answer.
func (c *httpConn) accept(response *http.Response, want string) (io.Reader, error) {
	a := &answer{c.o.watch(response.Body, "more of the answer"), response.Body}
	c.open = a
	if response.Header.Get("Content-Encoding") == "gzip" {
		a.Reader = &gunzip{from: a.Reader}
	}
	if response.StatusCode != http.StatusOK {
		return nil, c.o.refusal(response, a.Reader)
	}
	if err := checkType(response.Header.Get("Content-Type"), want); err != nil {
		return nil, err
	}
	return a.Reader, nil
}

// close ends the open answer. After a good one its end, which usually is there, is awaited for a moment: only then the
// connection can serve again.
func (c *httpConn) close(failed bool) {
	if c.open == nil {
		return
	}
	if !failed {
		body := c.open.body
		enough := time.AfterFunc(min(drainTime, c.o.stall/2), func() { body.Close() })
		io.CopyN(io.Discard, c.open, drainBytes)
		enough.Stop()
	}
	c.open.body.Close()
	c.open = nil
}

func compress(b []byte) []byte {
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

// gunzip decompresses what is read, beginning with the first Read; an empty body stays empty.
type gunzip struct {
	from io.Reader
	z    *gzip.Reader
}

func (g *gunzip) Read(p []byte) (n int, err error) {
	if g.z == nil {
		g.z, err = gzip.NewReader(bufio.NewReaderSize(g.from, 1<<16))
	}
	if err == nil {
		n, err = g.z.Read(p)
	}
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		g.z = nil
		err = problem(ErrProtocol, "the answer's gzip coding is broken: look at the server or a proxy before it")
	}
	return n, err
}
