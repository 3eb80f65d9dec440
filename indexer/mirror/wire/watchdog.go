package wire

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// operation is one ListRefs or Fetch: its context, its limits, and what must not be in its errors.
type operation struct {
	name     string
	ctx      context.Context
	cancel   context.CancelCauseFunc
	release  context.CancelFunc
	stall    time.Duration
	connect  time.Duration
	received func(int)

	mu      sync.Mutex
	timer   *time.Timer
	waiting string    // what is awaited; "" when nothing is
	since   time.Time // when something moved last

	// Of the requests so far; used by the operation's goroutine only.
	secrets      []string // sent, to the server or a proxy
	isAuthorized bool     // the server was sent credentials
}

func (c *Client) begin(ctx context.Context, name string) *operation {
	o := &operation{name: name, stall: c.options.Stall, connect: c.options.Connect, received: c.options.Received, release: func() {}}
	if total := c.options.Total; total > 0 {
		cause := problem(ErrTimeout, "not finished in %v: raise the limit or look at the server", total)
		ctx, o.release = context.WithTimeoutCause(ctx, total, cause)
	}
	o.ctx, o.cancel = context.WithCancelCause(ctx)
	o.timer = time.AfterFunc(time.Hour, o.bark)
	o.timer.Stop()
	return o
}

// end frees what the operation holds; nothing runs on after it.
func (o *operation) end() {
	o.rest()
	o.cancel(context.Canceled)
	o.release()
}

// await says that from now on something is waited for, and what.
func (o *operation) await(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting, o.since = what, time.Now()
	o.timer.Reset(o.stall)
}

// moved says that something came or went, and what is waited for next unless that is "". It may be called from other
// goroutines, and late: it counts only while something is waited for.
func (o *operation) moved(next string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == "" {
		return
	}
	if next != "" {
		o.waiting = next
	}
	o.since = time.Now()
	o.timer.Reset(o.stall)
}

// rest says that nothing is waited for: the time is the caller's own, such as that of its pack writer.
func (o *operation) rest() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = ""
	o.timer.Stop()
}

// connecting bounds by Options.Connect what happens until done is called, which may be from any goroutine.
func (o *operation) connecting() (done func()) {
	timer := time.AfterFunc(o.connect, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.cancel(problem(ErrUnreachable, "no connection in %v, still waiting for %s: check that the server runs and that firewall and proxy let it be reached",
			o.connect, o.waiting))
	})
	return func() { timer.Stop() }
}

// bark ends the operation unless something moved while the timer's call was on its way.
func (o *operation) bark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == "" || time.Since(o.since) < o.stall {
		return
	}
	o.cancel(problem(ErrStalled, "nothing moved for %v while waiting for %s: the server or the way to it hangs; it is tried again later",
		o.stall, o.waiting))
}

// watch bounds each read of r by the stall limit and counts what it gives.
func (o *operation) watch(r io.Reader, what string) io.Reader { return &watched{o, r, what} }

type watched struct {
	o    *operation
	r    io.Reader
	what string
}

func (w *watched) Read(p []byte) (int, error) {
	w.o.await(w.what)
	n, err := w.r.Read(p)
	w.o.rest()
	if n > 0 && w.o.received != nil {
		w.o.received(n)
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case w.o.ctx.Err() != nil:
		return n, context.Cause(w.o.ctx)
	}
	broken := problem(ErrTruncated, "the connection broke within the answer: it is tried again later")
	broken.Err = err
	return n, broken
}

// keepCredentials remembers credentials that are sent. Some hosts take a token as the user name.
func (o *operation) keepCredentials(c Credentials) {
	secret := c.Password
	if secret == "" {
		secret = c.Username
	}
	o.keepSecret(secret)
	o.keepSecret(c.Bearer)
	if secret != "" {
		o.keepSecret(c.Username + ":" + c.Password) // as basic authentication has it
	}
}

// anonymous reports whether no request so far carried credentials.
func (o *operation) anonymous() bool { return !o.isAuthorized }

// atMost gives at most limit bytes of r, then ErrTooLarge.
func atMost(r io.Reader, limit int64, what string) io.Reader {
	return &limited{r: r, left: limit, text: fmt.Sprintf("%s has more than the allowed %d bytes", what, limit)}
}

type limited struct {
	r    io.Reader
	left int64
	text string
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, problem(ErrTooLarge, "%s: raise the limit if this repository is to be indexed", l.text)
	}
	return n, err
}
