package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A pkt-line is four hexadecimal digits, the length of the whole line including themselves, then the payload. Lengths below
// four are markers without payload (gitprotocol-common.txt, gitprotocol-v2.txt).
type pktKind int

const (
	pktFlush       pktKind = iota // 0000: end of a message
	pktDelim                      // 0001: between the sections of a message
	pktResponseEnd                // 0002: end of a stateless answer, where a proxy relays
	pktData
)

const (
	pktMax     = 65520 // LARGE_PACKET_MAX of git's pkt-line.h
	pktMarkers = "000000010002"
)

// pktReader splits a stream into pkt-lines without copying.
type pktReader struct {
	r    *bufio.Reader
	held int // bytes of the last line, discarded with the next call
}

func newPktReader(r io.Reader) *pktReader {
	return &pktReader{r: bufio.NewReaderSize(r, 1<<16)}
}

// next gives one line. The payload, of data lines only, is valid until the next call. At a clean end of the stream the error is
// io.EOF, within a line io.ErrUnexpectedEOF.
func (p *pktReader) next() (pktKind, []byte, error) {
	if err := p.release(); err != nil {
		return 0, nil, err
	}
	head, err := p.r.Peek(4)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	n, ok := pktLength(head)
	if !ok {
		return 0, nil, problem(ErrProtocol, "want a pkt-line, have %.20q", p.buffered())
	}
	if n < 4 {
		p.held = 4
		return pktKind(n), nil, nil
	}
	line, err := p.r.Peek(n)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	p.held = n
	return pktData, line[4:], nil
}

// raw is the last line as it came, its length included, valid until the next call.
func (p *pktReader) raw() []byte {
	b, _ := p.r.Peek(p.held)
	return b
}

// text is next for a line of text: without its line feed, and with the server's own fatal error (ERR) as an error.
func (p *pktReader) text() (pktKind, []byte, error) {
	kind, line, err := p.next()
	if err != nil || kind != pktData {
		return kind, nil, err
	}
	if message, ok := bytes.CutPrefix(line, []byte("ERR ")); ok {
		return 0, nil, remoteError(string(message))
	}
	return kind, bytes.TrimSuffix(line, []byte("\n")), nil
}

// startsWith reports whether the stream goes on with exactly these bytes.
func (p *pktReader) startsWith(s string) (bool, error) {
	if err := p.release(); err != nil {
		return false, err
	}
	head, err := p.r.Peek(len(s))
	if err != nil && err != io.EOF {
		return false, err
	}
	return string(head) == s, nil
}

func (p *pktReader) release() error {
	n := p.held
	p.held = 0
	_, err := p.r.Discard(n)
	return err
}

// buffered is what is at hand of the stream. It is valid until the next call.
func (p *pktReader) buffered() []byte {
	b, _ := p.r.Peek(p.r.Buffered())
	return b
}

// pktLength decodes the four digits. Lengths of 3 and above the maximum are no pkt-line.
func pktLength(head []byte) (int, bool) {
	n := 0
	for _, c := range head[:4] {
		var d byte
		switch {
		case '0' <= c && c <= '9':
			d = c - '0'
		case 'a' <= c && c <= 'f':
			d = c - 'a' + 10
		case 'A' <= c && c <= 'F':
			d = c - 'A' + 10
		default:
			return 0, false
		}
		n = n<<4 | int(d)
	}
	return n, n != 3 && n <= pktMax
}

// pktWriter collects pkt-lines of a request.
type pktWriter struct{ bytes.Buffer }

// line adds one line of text; the line feed is given by the caller where the protocol has one.
func (p *pktWriter) line(parts ...string) {
	n := 4
	for _, s := range parts {
		n += len(s)
	}
	fmt.Fprintf(p, "%04x", n)
	for _, s := range parts {
		p.WriteString(s)
	}
}

func (p *pktWriter) marker(k pktKind) { p.WriteString(pktMarkers[4*k : 4*k+4]) }

// words joins capabilities, leaving out empty ones.
func words(list ...string) string {
	return strings.Join(strings.Fields(strings.Join(list, " ")), " ")
}

// rest gives what comes next of a stream that is not pkt-lines any more; io.EOF at its end. It is valid until the next call.
func (p *pktReader) rest() ([]byte, error) {
	if err := p.release(); err != nil {
		return nil, err
	}
	if _, err := p.r.Peek(1); err != nil {
		return nil, err
	}
	p.held = p.r.Buffered()
	return p.r.Peek(p.held)
}
