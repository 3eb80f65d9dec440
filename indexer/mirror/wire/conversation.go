package wire

import (
	"bytes"
	"context"
	"io"
	"strings"

	"keytrail/storage"
)

// Conversation is a fetch whose other end is another client of the protocol, a guest such as libgit2, that knows neither
// filters nor shallow repositories and looks at neither limits nor what servers say when they fail. The guest asks and
// receives, in version 0; what it lacks is added to its requests and taken out of the answers on their way. It belongs to
// one goroutine.
type Conversation struct {
	client  *Client
	conn    conn
	server  *server
	request FetchRequest
	pack    *packSink
	err     error // the first failure of this side, which the guest knows less of
}

// WantedRef is the name of every ref in a Conversation's greeting.
const WantedRef = "refs/keytrail/want"

// FetchFor is Fetch for a guest. It is called with the conversation, and again with another one when what is remembered of
// the server proves outdated; it gives up where a call of the Conversation fails. Limits, credentials, errors and what comes
// back are those of Fetch. The guest's own error is given back wrapped.
func (c *Client) FetchFor(ctx context.Context, r FetchRequest, guest func(*Conversation) error) (Received, error) {
	o := c.begin(ctx, "fetch from")
	defer o.end()
	pack := &packSink{w: io.Discard, limit: c.options.MaxPack, patience: patienceStalls * c.options.Stall}
	err := c.insist(&c.guests, r, pack, func(s *server) error { return c.host(o, s, r, pack, guest) })
	return Received{Bytes: pack.n, Shallow: pack.shallow}, c.finish(o, err)
}

// host is one conversation with a guest. Without a known server it asks for the greeting.
func (c *Client) host(o *operation, s *server, r FetchRequest, pack *packSink, guest func(*Conversation) error) (err error) {
	conn, err := c.transport.dialVersion(o, 0)
	if err != nil {
		return err
	}
	defer func() { conn.close(err != nil) }()
	// The boundary of a shallow server stands in its greeting only.
	if s == nil || len(s.shallow) > 0 || len(r.Haves) == 0 {
		if s, err = c.meet(conn); err != nil {
			return err
		}
		if s.version == 2 {
			return problem(ErrProtocol, "the server speaks version 2 only, which libgit2 does not: choose the native engine")
		}
		c.guests.Store(s)
	}
	if r.Filter != "" && !s.filter() {
		return problem(ErrFilterRefused, "the server does not offer filters (uploadpack.allowFilter)")
	}
	pack.shallow = s.shallow
	v := &Conversation{client: c, conn: conn, server: s, request: r, pack: pack}
	err = guest(v)
	if v.err != nil {
		err = v.err
	}
	return filterRefusal(r, err)
}

// Stateful tells a guest that the server remembers its earlier requests. If not, each request repeats the wants.
func (v *Conversation) Stateful() bool { return v.client.transport.stateful() }

// Greeting lists what is wanted, and nothing else, each under the name WantedRef, with those of the server's
// capabilities that the guest should use.
func (v *Conversation) Greeting() []byte {
	caps := v.server.caps
	offer := words(caps.ifOffered("multi_ack_detailed"), caps.ifOffered("multi_ack"), caps.ifOffered("side-band-64k"),
		caps.ifOffered("side-band"), caps.ifOffered("ofs-delta"))
	if v.request.ThinPack {
		offer = words(offer, caps.ifOffered("thin-pack"))
	}
	var p pktWriter
	p.Grow(70*len(v.request.Wants) + 512)
	if !v.Stateful() {
		p.line("# ", service, "\n")
		p.marker(pktFlush)
	}
	for i, oid := range v.request.Wants {
		if i == 0 {
			p.line(oid.String(), " ", WantedRef, "\x00", offer, "\n")
			continue
		}
		p.line(oid.String(), " ", WantedRef, "\n")
	}
	p.marker(pktFlush)
	return p.Bytes()
}

// Bytes are those of the pack received so far.
func (v *Conversation) Bytes() int64 { return v.pack.n }

// Haves are what the guest should negotiate from, the most telling first. There are none where negotiation would fail: in
// a shallow repository, which the guest takes for a damaged one, and with a server that acknowledges only once, after
// which libgit2 forgets its wants. The request's haves are sent in any case.
func (v *Conversation) Haves() []storage.OID {
	if len(v.request.Shallow) > 0 || v.server.caps.ifOffered("multi_ack_detailed", "multi_ack") == "" {
		return nil
	}
	return v.request.Haves
}

// Exchange sends a request of the guest, completed, and gives the server's answer, line by line as it was sent but for
// progress messages. It ends with an error where the server reports one.
func (v *Conversation) Exchange(request []byte) (io.Reader, error) {
	request, err := v.complete(request)
	if err != nil {
		return nil, v.failed(err)
	}
	answer, err := v.conn.exchange(0, request)
	if err != nil {
		return nil, v.failed(err)
	}
	return &relay{v: v, from: newPktReader(answer), first: true}, nil
}

// failed keeps the first failure.
func (v *Conversation) failed(err error) error {
	if v.err == nil && err != io.EOF {
		v.err = err
	}
	return err
}

// complete adds to a request what the guest does not know of: behind the wants the boundary and the filter, before the end the
// haves. A guest stops at the first acknowledgment, so that with many branches it leaves most of what is known unsaid.
func (v *Conversation) complete(request []byte) ([]byte, error) {
	var p pktWriter
	p.Grow(len(request) + 50*(len(v.request.Haves)+len(v.request.Shallow)) + 512)
	lines := newPktReader(bytes.NewReader(request))
	for wants := 0; ; {
		kind, line, err := lines.next()
		switch {
		case err == io.EOF:
			return p.Bytes(), nil
		case err != nil:
			return nil, err
		case bytes.HasPrefix(line, []byte("want ")):
			if wants++; wants == 1 {
				p.line(words(strings.TrimSuffix(string(line), "\n"), v.extra()), "\n")
				continue
			}
		case kind == pktFlush && wants > 0:
			for _, oid := range v.request.Shallow {
				p.line("shallow ", oid.String(), "\n")
			}
			if v.request.Filter != "" {
				p.line("filter ", v.request.Filter, "\n")
			}
			wants = 0
		case string(line) == "done\n":
			for _, oid := range v.request.Haves {
				p.line("have ", oid.String(), "\n")
			}
		}
		p.Write(lines.raw())
	}
}

// extra are the capabilities that a request's first want is given beside the guest's own.
func (v *Conversation) extra() string {
	caps := v.server.caps
	list := []string{caps.ifOffered("no-progress")}
	if v.request.Filter != "" {
		list = append(list, "filter")
	}
	if caps.has("object-format") {
		list = append(list, "object-format=sha1")
	}
	if caps.has("agent") {
		list = append(list, "agent="+v.client.options.UserAgent)
	}
	return words(list...)
}

// relay hands an answer of version 0 on, having looked at each line. What readPackV0 says of telling its parts apart
// holds here too.
type relay struct {
	v     *Conversation
	from  *pktReader
	rest  []byte // of what is handed on next
	first bool
	phase phase
}

// phase is how far an answer is.
type phase int

const (
	acknowledging phase = iota
	inSideBand
	inBarePack
	ended
)

func (r *relay) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, r.v.failed(err)
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next takes one line, or with a bare pack what is at hand.
func (r *relay) next() error {
	if r.phase == ended {
		return io.EOF
	}
	if r.phase == acknowledging {
		bare, err := r.from.startsWith("PACK")
		if err != nil {
			return err
		}
		if bare {
			r.phase = inBarePack
		}
	}
	if r.phase == inBarePack {
		b, err := r.from.rest()
		if err != nil {
			return err
		}
		r.rest = b
		return r.v.pack.write(b)
	}
	kind, line, err := r.from.next()
	switch {
	case err != nil && r.first:
		return silent(err)
	case err != nil:
		return cut(err)
	case kind == pktData:
		r.first = false
		return r.take(line)
	case kind == pktFlush && r.phase == inSideBand && r.v.pack.n > 0:
		r.phase, r.rest = ended, r.from.raw()
		return nil
	case kind == pktFlush && r.phase == inSideBand:
		return problem(ErrTruncated, "the answer ends before the pack begins")
	case r.phase == inSideBand:
		return problem(ErrProtocol, "a marker %04x within the pack", kind)
	}
	return problem(ErrProtocol, "a marker %04x before the pack", kind)
}

// take looks at a line and hands it on unless it says nothing to the guest.
func (r *relay) take(line []byte) error {
	if r.phase == acknowledging {
		if bytes.HasPrefix(line, []byte("ACK ")) || bytes.HasPrefix(line, []byte("NAK")) {
			r.rest = r.from.raw()
			return r.v.pack.heard(line)
		}
		if bytes.HasPrefix(line, []byte("shallow ")) || bytes.HasPrefix(line, []byte("unshallow ")) {
			return nil
		}
		r.phase = inSideBand // or an error, which packet finds
	}
	if err := r.v.pack.packet(line); err != nil {
		return err
	}
	if len(line) > 1 && line[0] == bandPack {
		r.rest = r.from.raw()
	}
	return nil
}
