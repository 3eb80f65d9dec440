package wire

import (
	"bytes"
	"crypto/sha256"
	"io"
)

// maxRecorded is up to how many bytes an answer is kept to be compared before it is read; some 400,000 refs.
const maxRecorded = 32 << 20

// message is a server's answer as it came, or the beginning of one that is too long to be kept.
type message struct {
	digest [sha256.Size]byte // of all of it; zero if it is not kept whole
	kept   []byte
	rest   io.Reader // what comes after; nil: nothing
}

// record takes pkt-lines up to the flush that ends a list of refs, or up to the failure that comes before. It uses the room that
// there is first.
func (c *Client) record(answer io.Reader, room []byte) message {
	p := newPktReader(atMost(answer, c.options.MaxAdvertisement, "the list of refs"))
	if expected := int(c.recorded.Load()) + 4096; cap(room) < expected {
		room = make([]byte, 0, expected+expected/64)
	}
	m := message{kept: room[:0]}
	isHeading := false // over HTTP a greeting has a section of its own before the refs
	for len(m.kept) <= maxRecorded {
		kind, line, err := p.next()
		if err != nil {
			m.kept = append(m.kept, p.buffered()...)
			m.rest = failing{err}
			return m
		}
		if len(m.kept) == 0 {
			isHeading = bytes.HasPrefix(line, []byte("# service="))
		}
		m.kept = append(m.kept, p.raw()...)
		if kind != pktFlush {
			continue
		}
		if !isHeading {
			m.digest = sha256.Sum256(m.kept)
			return m
		}
		isHeading = false
	}
	m.rest = unread{p}
	return m
}

// isKnown reports whether the message is the one with a digest.
func (m message) isKnown(digest [sha256.Size]byte) bool {
	return m.digest == digest && m.digest != [sha256.Size]byte{}
}

// reader gives the message from its beginning.
func (m message) reader() io.Reader {
	if m.rest == nil {
		return bytes.NewReader(m.kept)
	}
	return io.MultiReader(bytes.NewReader(m.kept), m.rest)
}

// failing is a reader that has failed.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// unread is what a pktReader did not give out yet.
type unread struct{ p *pktReader }

func (u unread) Read(b []byte) (int, error) {
	if err := u.p.release(); err != nil {
		return 0, err
	}
	return u.p.r.Read(b)
}
