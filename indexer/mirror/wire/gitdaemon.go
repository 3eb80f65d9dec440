package wire

import (
	"context"
	"fmt"
	"net"
)

// gitTransport is git's own protocol on TCP (gitprotocol-pack.txt, "Git Transport"; git-daemon(1)). It is neither encrypted
// nor authenticated.
type gitTransport struct{ place place }

func (gitTransport) stateful() bool { return true }

// dial asks for version 2 always; a daemon that does not know the word behind the second NUL passes over it.
func (t gitTransport) dial(o *operation) (conn, error) { return t.dialVersion(o, 2) }

func (t gitTransport) dialVersion(o *operation, version int) (conn, error) {
	stream, err := dialTCP(o, t.place.address)
	if err != nil {
		return nil, err
	}
	c := newStreamConn(o, tcpStream{stream.(*net.TCPConn)})
	extra := ""
	if version > 0 {
		extra = fmt.Sprintf("\x00version=%d\x00", version)
	}
	var p pktWriter
	p.line("git-upload-pack ", t.place.path, "\x00host=", t.place.host, "\x00", extra)
	if _, err := c.Write(p.Bytes()); err != nil {
		c.close(true)
		return nil, lost(o, err)
	}
	return c, nil
}

// tcpStream is a TCP connection, over which the other side says why it ends in the protocol's own words or not at all.
type tcpStream struct{ *net.TCPConn }

func (tcpStream) failure() error { return nil }

// lost is the error of a connection that was not made, or broke before anything was said.
func lost(o *operation, err error) error {
	if o.ctx.Err() != nil {
		return context.Cause(o.ctx)
	}
	return unreachable(err)
}

// dialTCP connects within the operation.
func dialTCP(o *operation, address string) (net.Conn, error) {
	defer o.connecting()()
	o.await("a connection")
	defer o.rest()
	var d net.Dialer
	c, err := d.DialContext(o.ctx, "tcp", address)
	if err != nil {
		return nil, lost(o, err)
	}
	return c, nil
}
