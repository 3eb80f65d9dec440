package wire

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"keytrail/storage"
)

// Client speaks with one remote repository. It is safe for concurrent use and holds nothing that must be closed: connections
// are the Transport's.
type Client struct {
	options   Options
	redacted  string
	transport transport
	known     atomic.Pointer[server]
	guests    atomic.Pointer[server] // as known for conversations of version 0
	listed    atomic.Int64           // refs of the last list: room for the next
	recorded  atomic.Int64           // bytes of its answer, likewise
}

// server is what a greeting told and later conversations rely on.
type server struct {
	version int
	caps    capabilities
	shallow []storage.OID // the boundary as versions 0 and 1 greet with it
}

// New makes a client for a remote's URL. It connects nowhere. Credentials in the URL are used when Options.Credentials is
// nil, and are removed from every text in any case.
func New(url string, o Options) (*Client, error) {
	o = o.withDefaults()
	remote, err := parseRemote(url)
	if err != nil {
		return nil, err
	}
	if o.Credentials == nil {
		o.Credentials = func(context.Context) (Credentials, error) { return remote.credentials, nil }
	}
	return &Client{options: o, redacted: remote.redacted, transport: transportTo(remote, o)}, nil
}

func transportTo(r remote, o Options) transport {
	switch r.scheme {
	case "ssh":
		return &sshTransport{r.place, o.SSH}
	case "git":
		return gitTransport{r.place}
	}
	return newHTTP(r, o)
}

// RedactedURL is the remote's URL without credentials and query, for logs.
func (c *Client) RedactedURL() string { return c.redacted }

// ListRefs gives the refs whose names begin with one of the prefixes; with none, all refs. With protocol version 2 the
// server leaves out the others, unless the prefixes are more than a hundred; they are left out here in any case.
func (c *Client) ListRefs(ctx context.Context, prefixes []string) (*Advertisement, error) {
	return c.ListRefsSince(ctx, prefixes, Since{})
}

// ListRefsSince is ListRefs for a caller that has listed the same prefixes before. If the server answers just as it did then, which is
// told by the Digest and costs a fraction of reading the refs, the advertisement IsSame and holds no refs. For a caller that holds
// refs it IsDifference, where the server speaks version 2 and sorts them by name, as git does.
func (c *Client) ListRefsSince(ctx context.Context, prefixes []string, since Since) (*Advertisement, error) {
	o := c.begin(ctx, "list refs of")
	defer o.end()
	q := question{newPrefixSet(prefixes), since}
	if s := c.remembered(&c.known); s != nil && s.version == 2 {
		a, err := c.look(o, s, q)
		if !outdated(err) {
			return a, c.finish(o, err)
		}
		c.known.Store(nil)
	}
	a, err := c.look(o, nil, q)
	return a, c.finish(o, err)
}

// question is what a caller wants to know of a server's refs.
type question struct {
	keep  prefixSet
	since Since
}

// look is one conversation that lists refs. Without a known server it asks for the greeting, which of versions 0 and 1 is
// the list itself.
func (c *Client) look(o *operation, s *server, q question) (a *Advertisement, err error) {
	conn, err := c.transport.dial(o)
	if err != nil {
		return nil, err
	}
	defer func() { conn.close(err != nil) }()
	if s == nil {
		if s, a, err = c.greet(conn, q); err != nil || s.version < 2 {
			return a, err
		}
	}
	answer, err := conn.exchange(2, lsRefsRequest(s.caps, q.keep, c.options.UserAgent))
	if err != nil {
		return nil, err
	}
	m := c.record(answer, q.since.Room)
	c.recorded.Store(int64(len(m.kept)))
	if m.isKnown(q.since.Digest) {
		return s.sameAgain(m), nil
	}
	if a, err := c.compare(s, q, m); a != nil || err != nil {
		return a, err
	}
	return c.readList(s, q, m)
}

// readList reads all refs of an answer of version 2.
func (c *Client) readList(s *server, q question, m message) (*Advertisement, error) {
	list := c.newList(q.keep)
	if err := readLsRefs(newPktReader(m.reader()), list); err != nil {
		return nil, err
	}
	c.listed.Store(int64(len(list.adv.Refs)))
	return list.advertisement(s, m), nil
}

// compare reads what of an answer of version 2 the caller does not hold. It gives nothing for one that cannot be compared.
func (c *Client) compare(s *server, q question, m message) (*Advertisement, error) {
	if q.since.Held == nil || m.rest != nil {
		return nil, nil
	}
	held := q.since.Held()
	if held == nil {
		return nil, nil
	}
	list := newRefList(q.keep, c.options.MaxRefs)
	if isSorted, err := readDifference(m.kept, held, list); err != nil || !isSorted {
		return nil, err
	}
	a := list.advertisement(s, m)
	a.whole = func() (*Advertisement, error) { return c.readList(s, q, m) }
	return a, nil
}

// newList has room for as many refs as there were last time, so that a look copies none.
func (c *Client) newList(keep prefixSet) *refList {
	list := newRefList(keep, c.options.MaxRefs)
	if n := int(c.listed.Load()); n > 0 {
		list.adv.Refs = make([]Ref, 0, n+n/16)
	}
	return list
}

// greet reads the greeting and remembers the server. Of versions 0 and 1 it gives the refs too.
func (c *Client) greet(conn conn, q question) (*server, *Advertisement, error) {
	r, err := conn.greeting()
	if err != nil {
		return nil, nil, err
	}
	m := c.record(r, q.since.Room)
	if s := c.known.Load(); s != nil && m.isKnown(q.since.Digest) {
		return s, s.sameAgain(m), nil
	}
	list := newRefList(q.keep, c.options.MaxRefs)
	s, err := readGreeting(newPktReader(m.reader()), list)
	if err != nil {
		return nil, nil, err
	}
	c.known.Store(s)
	return s, list.advertisement(s, m), nil
}

// meet reads a greeting of which only the capabilities matter.
func (c *Client) meet(conn conn) (*server, error) {
	r, err := conn.greeting()
	if err != nil {
		return nil, err
	}
	return readGreeting(newPktReader(atMost(r, c.options.MaxAdvertisement, "the list of refs")), newRefList(noRefs, c.options.MaxRefs))
}

// remembered is the server as known, where the transport allows to go on without its greeting.
func (c *Client) remembered(known *atomic.Pointer[server]) *server {
	if c.transport.stateful() {
		return nil
	}
	return known.Load()
}

// Fetch receives the pack that r describes and writes it to pack as it comes, unchecked: the writer verifies its trailer. After an
// error what was written is useless. The writer's own error is given back wrapped. A pack without objects is still a
// pack; ErrFilterRefused asks for the same with a weaker filter, and is ErrProtocol too when the server refused by silence.
func (c *Client) Fetch(ctx context.Context, r FetchRequest, pack io.Writer) (Received, error) {
	o := c.begin(ctx, "fetch from")
	defer o.end()
	sink := &packSink{w: pack, limit: c.options.MaxPack, patience: patienceStalls * c.options.Stall}
	err := c.insist(&c.known, r, sink, func(s *server) error { return c.receive(o, s, r, sink) })
	return Received{Bytes: sink.n, Shallow: sink.shallow}, c.finish(o, err)
}

// insist receives with the server as it is remembered, and once more with its greeting if the failure may come from a server
// that is not as remembered.
func (c *Client) insist(known *atomic.Pointer[server], r FetchRequest, sink *packSink, receive func(*server) error) error {
	if len(r.Wants) == 0 {
		return errors.New("no object is asked for")
	}
	s := c.remembered(known)
	err := receive(s)
	unanswered := r.Filter != "" && errors.Is(err, errSilent)
	if sink.n == 0 && (unanswered || s != nil && outdated(err)) {
		known.Store(nil)
		err = receive(nil)
		// Servers that know the filter capability but not this filter just end, without a word: so does git 2.19
		// for tree:0. Asked twice, it is no accident.
		if r.Filter != "" && errors.Is(err, errSilent) {
			refused := problem(ErrFilterRefused, "the server gives no answer to filter %q", r.Filter)
			refused.Err = err // of use to callers that know the server took the filter before
			err = refused
		}
	}
	return err
}

// receive is one conversation that fetches.
func (c *Client) receive(o *operation, s *server, r FetchRequest, pack *packSink) (err error) {
	conn, err := c.transport.dial(o)
	if err != nil {
		return err
	}
	defer func() { conn.close(err != nil) }()
	if s == nil {
		if s, err = c.meet(conn); err != nil {
			return err
		}
		c.known.Store(s)
	}
	if r.Filter != "" && !s.filter() {
		return problem(ErrFilterRefused, "the server does not offer filters (uploadpack.allowFilter)")
	}
	pack.shallow = s.shallow
	request, read := fetchRequestV0, readPackV0
	if s.version == 2 {
		request, read = fetchRequestV2, readPackV2
	}
	answer, err := conn.exchange(s.version, request(s.caps, r, c.options.UserAgent))
	if err != nil {
		return err
	}
	return filterRefusal(r, read(newPktReader(answer), pack))
}

// filterRefusal makes of a server's error one of its kind, where it speaks of the filter.
func filterRefusal(r FetchRequest, err error) error {
	if r.Filter != "" && errors.Is(err, ErrServer) && strings.Contains(strings.ToLower(err.Error()), "filter") {
		return problem(ErrFilterRefused, "%v", err)
	}
	return err
}

// outdated tells that an error may come from a server that changed since its greeting: it moved, or speaks another version.
func outdated(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrRedirect)
}

func (o Options) withDefaults() Options {
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	if o.Connect <= 0 {
		o.Connect = defaultConnect
	}
	if o.MaxAdvertisement <= 0 {
		o.MaxAdvertisement = defaultMaxAdvertisement
	}
	if o.MaxRefs <= 0 {
		o.MaxRefs = defaultMaxRefs
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	o.UserAgent = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '.'
		}
		return r
	}, o.UserAgent)
	return o
}
