package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// relay stands between clients and a server on the loopback and counts what passes, HTTP's own bytes included: what a
// client cannot miscount, and the same for every client. A byte is counted before it is passed on, so that whoever has
// an answer whole finds all of it counted.
type relay struct {
	listener net.Listener
	target   string // host:port
	sent     atomic.Int64
	received atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
	done  sync.WaitGroup
}

// newRelay starts a relay on a free port; close it.
func newRelay(target string) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	r.done.Go(r.accept)
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

// traffic is what passed so far, as a client sees it, in bytes.
type traffic struct{ sent, received int64 }

func (r *relay) traffic() traffic { return traffic{r.sent.Load(), r.received.Load()} }

// since gives what passed between an earlier moment and this one.
func (t traffic) since(earlier traffic) traffic {
	return traffic{t.sent - earlier.sent, t.received - earlier.received}
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.done.Go(func() { r.pass(client) })
	}
}

// pass connects a client and copies both ways until both have ended.
func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		return // the client sees its connection end
	}
	defer server.Close()
	if !r.keep(client, server) {
		return
	}
	defer r.drop(client, server)
	var up sync.WaitGroup
	up.Go(func() { copyCounted(server, client, &r.sent) })
	copyCounted(client, server, &r.received)
	up.Wait()
}

// copyCounted copies until the source ends and says so to the destination. A failure ends the connection, which both
// ends notice by themselves.
func copyCounted(to, from net.Conn, n *atomic.Int64) {
	_, err := io.Copy(counter{to, n}, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err != nil {
		to.Close()
		from.Close()
	}
}

type counter struct {
	io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Writer.Write(p)
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		return false
	}
	for _, c := range conns {
		r.conns[c] = struct{}{}
	}
	return true
}

func (r *relay) drop(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.conns, c)
	}
}

// close ends every connection and waits until nothing of the relay runs.
func (r *relay) close() error {
	errs := []error{r.listener.Close()}
	r.mu.Lock()
	conns := r.conns
	r.conns = nil
	for c := range conns {
		c.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
	return errors.Join(errs...)
}
