package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	git "github.com/libgit2/git2go/v34"

	"keytrail/indexer/mirror/wire"
)

// The schemes by which libgit2 comes to our transports. Its own are never used, and no URL holds a host or a secret.
const (
	statelessScheme = "keytrail-rpc"
	statefulScheme  = "keytrail-stream"
)

func urlFor(v *wire.Conversation) string {
	if v.Stateful() {
		return statefulScheme + "://"
	}
	return statelessScheme + "://"
}

// transports are the entries in libgit2's table of transports, which belongs to the process.
type transports struct {
	registered []*git.RegisteredSmartTransport // referenced, as its finalizer would take it out of the table
	guests     sync.Map                        // of the fetches under way: *git.Remote to *guest
}

// smartTransports makes the entries. Like setUp it does so once for the process.
var smartTransports = sync.OnceValues(func() (*transports, error) {
	t := &transports{}
	for scheme, isStateless := range map[string]bool{statelessScheme: true, statefulScheme: false} {
		r, err := git.NewRegisteredSmartTransport(scheme, isStateless, t.accept)
		if err != nil {
			return nil, fmt.Errorf("register a transport with libgit2 %s: %w", Version(), err)
		}
		t.registered = append(t.registered, r)
	}
	return t, nil
})

// lend makes a guest the one that carries a remote's fetch, until the function it gives is called.
func (t *transports) lend(r *git.Remote, g *guest) (end func()) {
	t.guests.Store(r, g)
	return func() { t.guests.Delete(r) }
}

// accept finds the guest of a remote: git2go hands over the very pointer that its maker holds.
func (t *transports) accept(r *git.Remote, _ *git.Transport) (git.SmartSubtransport, error) {
	g, ok := t.guests.Load(r)
	if !ok {
		return nil, errors.New("no fetch is under way for this remote")
	}
	return g.(*guest), nil
}

// guest is libgit2 as the other end of a conversation.
type guest struct {
	conversation *wire.Conversation
	dir          string // on the disk that the pack is written to
	stream       *guestStream
	err          error        // of this side, of which libgit2 keeps the text only
	panicked     *workerPanic // to go on once libgit2's frames are left, which must not be unwound
}

// guard keeps a panic from unwinding through libgit2.
func (g *guest) guard(err *error) {
	if p := recover(); p != nil {
		if g.panicked == nil {
			g.panicked = &workerPanic{value: p, stack: debug.Stack()}
		}
		*err = g.panicked
	}
}

// Action gives the stream of the next step. Without a state each step has a new one: git2go compares it with the last, which
// libgit2 has freed by then.
func (g *guest) Action(_ string, action git.SmartServiceAction) (s git.SmartSubtransportStream, err error) {
	defer g.guard(&err)
	if g.stream == nil || !g.conversation.Stateful() {
		g.stream = &guestStream{guest: g}
	}
	if action == git.SmartServiceActionUploadpackLs {
		g.stream.answer = bytes.NewReader(g.conversation.Greeting())
	}
	return g.stream, nil
}

// Close does nothing: the conversation's owner ends it.
func (*guest) Close() error { return nil }

// Free does nothing.
func (*guest) Free() {}

// guestStream gathers what libgit2 writes until it reads: that is one request. What it writes last, its goodbye, is not sent:
// the conversation says its own.
type guestStream struct {
	guest   *guest
	request []byte
	answer  io.Reader
}

func (s *guestStream) Write(b []byte) (n int, err error) {
	defer s.guest.guard(&err)
	s.request = append(s.request, b...) // b is libgit2's memory
	return len(b), nil
}

func (s *guestStream) Read(b []byte) (n int, err error) {
	defer s.guest.guard(&err)
	if len(s.request) > 0 {
		if s.answer, err = s.guest.conversation.Exchange(s.request); err != nil {
			return 0, err
		}
		s.request = nil
	}
	n, err = s.answer.Read(b)
	if full := checkSpace(s.guest.dir, n); full != nil {
		s.guest.err = full
		return 0, full
	}
	return n, err
}

// Free does nothing.
func (*guestStream) Free() {}
