package wire

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// duplex is a stream to one upload-pack. Close may be called while a Read or Write waits, and ends it.
type duplex interface {
	io.ReadWriteCloser
	// CloseWrite says that nothing more will be sent.
	CloseWrite() error
	// failure is why the stream ended before an answer began, in the words of the other side; nil if they are not known.
	failure() error
}

// goodbyeTime is how long the end of a conversation that went well may take to be sent.
const goodbyeTime = 250 * time.Millisecond

// streamConn is a conversation over a duplex stream. Its operation's end closes the stream, so that nothing waits longer.
type streamConn struct {
	o       *operation
	stream  duplex
	unhook  func() bool
	sending sync.WaitGroup // the request on its way
}

func newStreamConn(o *operation, stream duplex) *streamConn {
	c := &streamConn{o: o, stream: stream}
	c.unhook = context.AfterFunc(o.ctx, func() { stream.Close() })
	return c
}

func (c *streamConn) greeting() (io.Reader, error) {
	return c.answer("the greeting"), nil
}

func (c *streamConn) exchange(_ int, request []byte) (io.Reader, error) {
	c.sending.Wait()
	c.sending.Go(func() {
		// A failure shows in the answer, which says more than a broken pipe.
		_, _ = c.Write(request)
	})
	return c.answer("more of the answer"), nil
}

// Write sends in pieces, each of which keeps the watchdog quiet: a slow line is not a hanging one.
func (c *streamConn) Write(b []byte) (n int, err error) {
	const piece = 1 << 15
	for len(b) > 0 && err == nil {
		var sent int
		sent, err = c.stream.Write(b[:min(len(b), piece)])
		b, n = b[sent:], n+sent
		c.o.moved("")
	}
	return n, err
}

func (c *streamConn) answer(what string) io.Reader {
	return &streamAnswer{o: c.o, r: c.o.watch(c.stream, what), stream: c.stream}
}

// streamAnswer asks the stream for the reason when it ends before the answer begins.
type streamAnswer struct {
	o      *operation
	r      io.Reader
	stream duplex
	begun  bool
}

func (a *streamAnswer) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.begun = a.begun || n > 0
	if err == nil || a.begun || !errors.Is(err, io.EOF) && !errors.Is(err, ErrTruncated) {
		return n, err
	}
	a.o.await("the reason of the end")
	reason := a.stream.failure()
	a.o.rest()
	if reason != nil {
		return n, reason
	}
	return n, err
}

// close says goodbye with a flush, which ends upload-pack in every version, unless the conversation failed.
func (c *streamConn) close(failed bool) {
	if !failed {
		c.sending.Wait()
		late := time.AfterFunc(min(goodbyeTime, c.o.stall/2), func() { c.stream.Close() })
		_, _ = io.WriteString(c.stream, pktMarkers[:4])
		_ = c.stream.CloseWrite()
		late.Stop()
	}
	c.unhook()
	c.stream.Close()
	c.sending.Wait()
}
