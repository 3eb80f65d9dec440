package gittest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Fault is what a Chaos does to the bytes that a server sends.
type Fault int

// The faults.
const (
	NoFault Fault = iota
	Hang          // nothing more comes, and the connection stays
	Cut           // the connection ends
	Bend          // one byte is another one
)

// Chaos is a relay in front of a server of any kind, that does harm when told so. It is safe for concurrent use.
type Chaos struct {
	Address string // host:port, instead of the server's

	server  string
	running sync.WaitGroup

	mu    sync.Mutex
	fault Fault
	after int64 // bytes that the server may still send before it
	sent  int64 // bytes that the server sent
	ended bool
	conns map[net.Conn]bool
}

// NewChaos relays connections to the server's address (host:port) until the test ends.
func NewChaos(t testing.TB, server string) *Chaos {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Chaos{Address: l.Addr().String(), server: server, conns: map[net.Conn]bool{}}
	c.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.relay(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		c.ended = true
		for conn := range c.conns {
			conn.Close()
		}
		c.mu.Unlock()
		c.running.Wait()
	})
	return c
}

// Do has the fault happen once the servers behind have sent so many bytes more.
func (c *Chaos) Do(fault Fault, after int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.after = fault, after
}

// Sent is how many bytes came from the server since the beginning.
func (c *Chaos) Sent() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func (c *Chaos) relay(client net.Conn) {
	defer c.forget(client)
	if !c.keep(client) {
		return
	}
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer c.forget(server)
	if !c.keep(server) {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	c.harm(client, server, gone)
	server.Close()
	client.Close()
	<-gone
}

// harm copies what the server sends, up to the fault. A connection that hangs does so until the client is gone.
func (c *Chaos) harm(client, server net.Conn, gone <-chan struct{}) {
	b := make([]byte, 4096)
	for {
		n, err := server.Read(b)
		if n > 0 {
			let, fault := c.take(b[:n])
			if _, err := client.Write(b[:let]); err != nil {
				return
			}
			switch fault {
			case Cut:
				return
			case Hang:
				<-gone
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// take counts bytes and tells how many of them go through, and what happens then.
func (c *Chaos) take(b []byte) (let int, fault Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(len(b))
	c.sent += n
	if c.fault == NoFault {
		return len(b), NoFault
	}
	at := c.after
	c.after -= n
	if at >= n || at < 0 && c.fault == Bend {
		return len(b), NoFault
	}
	if c.fault == Bend {
		b[at] ^= 0x55
		return len(b), NoFault
	}
	return int(max(0, at)), c.fault
}

func (c *Chaos) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[conn] = true
	return !c.ended
}

func (c *Chaos) forget(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}
