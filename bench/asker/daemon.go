package asker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// OfDaemon asks a daemon at an address, such as 127.0.0.1:8790. Each client keeps one connection.
func OfDaemon(address string, questions []Question) *Asker {
	return &Asker{questions: questions, connect: func(ctx context.Context) (client, error) { return connect(ctx, address) }}
}

func connect(ctx context.Context, address string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the daemon: %w", err)
	}
	return &connection{conn: c, in: make([]byte, 64<<10)}, nil
}

// connection speaks as much HTTP/1.1 (RFC 9112) as a daemon's short answers need: net/http's client takes longer than the server
// that is measured, on the same cores.
type connection struct {
	conn net.Conn
	out  []byte
	in   []byte
}

// request writes a question as it goes over the wire: a GET, or a POST where there is a body.
func (q *Question) request(b []byte) []byte {
	method := http.MethodGet
	if q.Body != "" {
		method = http.MethodPost
	}
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, q.Text...)
	b = append(b, " HTTP/1.1\r\nHost: localhost\r\n"...)
	if q.Body != "" {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(q.Body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, q.Body...)
}

func (c *connection) ask(_ context.Context, q *Question) (int, error) {
	body, err := c.exchange(q)
	if err != nil {
		return 0, err
	}
	if sum := SumBody(body); len(body) != q.Length || sum != q.Sum {
		return 0, fmt.Errorf("a wrong answer of %d bytes, want %d", len(body), q.Length)
	}
	return len(body), nil
}

// exchange gives the body of the answer, which is valid until the next.
func (c *connection) exchange(q *Question) ([]byte, error) {
	c.out = q.request(c.out[:0])
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	return c.answer()
}

var (
	endOfHeader   = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	statusOK      = []byte("HTTP/1.1 200 ")
)

// answer reads a whole answer and gives its body, which is valid until the next.
func (c *connection) answer() ([]byte, error) {
	have, end := 0, -1
	for end < 0 {
		if have == len(c.in) {
			return nil, errors.New("the answer has a header that does not end")
		}
		n, err := c.conn.Read(c.in[have:])
		if err != nil {
			return nil, err
		}
		from := max(have-len(endOfHeader)+1, 0)
		have += n
		if end = bytes.Index(c.in[from:have], endOfHeader); end >= 0 {
			end += from
		}
	}
	header := c.in[:end+2]
	if !bytes.HasPrefix(header, statusOK) {
		line, _, _ := bytes.Cut(header, []byte("\r\n"))
		return nil, fmt.Errorf("the daemon answered %q", line)
	}
	length, err := lengthOf(header)
	if err != nil {
		return nil, err
	}
	begin := end + len(endOfHeader)
	if whole := begin + length; whole > len(c.in) {
		c.in = append(c.in[:have], make([]byte, whole-have)...)
	}
	if whole := begin + length; have < whole {
		if _, err := io.ReadFull(c.conn, c.in[have:whole]); err != nil {
			return nil, err
		}
	}
	return c.in[begin : begin+length], nil
}

// lengthOf reads the length of a body, which this reader needs to be told.
func lengthOf(header []byte) (int, error) {
	_, rest, ok := bytes.Cut(header, contentLength)
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 {
		return 0, errors.New("the answer does not tell its length")
	}
	return n, nil
}

func (c *connection) close() error { return c.conn.Close() }

// Ask asks one question, whatever the answer.
func Ask(ctx context.Context, address string, q Question) ([]byte, error) {
	c, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	return c.exchange(&q)
}
