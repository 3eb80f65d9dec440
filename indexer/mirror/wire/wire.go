// Package wire is a client for the fetching half of git's smart protocol: it lists the refs of a remote repository and
// receives packs from it. It keeps no objects and no refs; package mirror does.
//
//	c, err := wire.New("https://git.example.com/tools.git", wire.Options{Transport: t, Stall: time.Minute})
//	adv, err := c.ListRefs(ctx, []string{"refs/heads/", "refs/tags/"})
//	received, err := c.Fetch(ctx, wire.FetchRequest{Wants: new, Haves: old, Filter: "tree:0"}, pack)
//
// The first call discovers what the server speaks: protocol version 2 where it can, else 1 or 0. With version 2 each later
// ListRefs is one round trip that carries only the refs asked for. Fetch is one round trip too: wants, haves and done go out
// together, so the caller chooses haves that the server surely knows, such as the tips it sent last time.
//
// Everything a server can do wrong is bounded: silence by Options.Stall, size by the Max options, nonsense by strict
// parsing. Every failure is an [*Error] of one kind (ErrAuth, ErrStalled, ...); its text names the URL without
// credentials and what an operator can do.
//
// In the files: client.go is the order of a conversation; v0.go and v2.go are the protocol versions, refs.go what they list, and
// difference.go what of it a caller lacks; sideband.go takes the pack out of an answer; pktline.go is the framing under all of them;
// transport.go is the seam to what carries it. One carrier is http.go, authorize.go, redirect.go and status.go, over the transports of profile.go; the others are
// ssh.go with hostkey.go, and gitdaemon.go, over stream.go; remote.go tells by the URL. conversation.go opens a carrier to another
// engine; watchdog.go bounds every wait; error.go names what can fail.
//
// The protocol is described in git's Documentation/gitprotocol-{common,pack,http,v2,capabilities}.txt.
package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"keytrail/storage"
)

// Credentials are a user name and password, or token, for basic authentication (RFC 7617), or a bearer token (RFC 6750),
// which goes before them. The zero value is anonymous.
type Credentials struct{ Username, Password, Bearer string }

const redactedCredentials = "[redacted]"

// String hides the password, and the user name too, which for some hosts is the token.
func (Credentials) String() string { return redactedCredentials }

// Format hides them from every verb of package fmt.
func (Credentials) Format(f fmt.State, _ rune) { io.WriteString(f, redactedCredentials) }

// MarshalText hides them from JSON and from logs.
func (Credentials) MarshalText() ([]byte, error) { return []byte(redactedCredentials), nil }

// Options of a Client. The zero value is an anonymous client with the limits said below.
type Options struct {
	// Transport carries the requests; clients of one TLS and proxy profile share it, so that connections are
	// reused. NewTransport makes one; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Credentials is asked before every request, so that a rotated file is seen. Nil takes what the URL holds.
	// Its error is shown to operators and must not hold a secret.
	Credentials func(ctx context.Context) (Credentials, error)
	// Headers gives header fields to add to every request, as some hosts take their tokens. They are treated as
	// Credentials are: asked for before every request, kept to the URL's origin, and shown nowhere. Nil adds none.
	Headers func(ctx context.Context) (http.Header, error)
	// SSH is used for ssh URLs, and instead of Credentials.
	SSH SSH
	// Stall is how long nothing may move, in connecting, sending, waiting for headers or receiving, before
	// ErrStalled. 0 is 60 seconds, which git servers' keep-alives (5 seconds) stay well below.
	Stall time.Duration
	// Connect limits the way to a server: its name, the proxy before it, TCP, TLS or ssh; beyond it ErrUnreachable.
	// 0 is 30 seconds.
	Connect time.Duration
	// Total limits one ListRefs or Fetch; beyond it ErrTimeout. 0 is no limit.
	Total time.Duration
	// MaxAdvertisement limits the bytes of one list of refs, decompressed; beyond it ErrTooLarge. 0 is 512 MiB.
	MaxAdvertisement int64
	// MaxPack limits the bytes of one pack; beyond it ErrTooLarge. 0 is no limit.
	MaxPack int64
	// MaxRefs limits the refs kept of one list; beyond it ErrTooLarge. 0 is 5 million.
	MaxRefs int
	// Received, when set, is told of each read the bytes of response bodies as they came over the wire, before
	// decompression and after removal of HTTP's own framing. It is called from the goroutine of the operation.
	Received func(n int)
	// UserAgent is sent as the HTTP header and as the protocol's agent. Empty is "git/keytrail"; some hosts
	// answer only to agents that begin with "git/".
	UserAgent string
}

// Same reports whether two options are alike. Functions cannot be compared: options with credentials never are.
func (o Options) Same(p Options) bool {
	haveFunctions := func(o Options) bool {
		return o.Credentials != nil || o.Headers != nil || o.SSH.Key != nil || o.SSH.Passphrase != nil || o.Received != nil
	}
	return !haveFunctions(o) && !haveFunctions(p) &&
		o.Transport == p.Transport && o.SSH.KnownHosts == p.SSH.KnownHosts && o.SSH.Agent == p.SSH.Agent &&
		o.Connect == p.Connect && o.Stall == p.Stall && o.Total == p.Total &&
		o.MaxAdvertisement == p.MaxAdvertisement && o.MaxPack == p.MaxPack && o.MaxRefs == p.MaxRefs && o.UserAgent == p.UserAgent
}

const (
	defaultStall            = 60 * time.Second
	defaultConnect          = 30 * time.Second
	defaultMaxAdvertisement = 512 << 20
	defaultMaxRefs          = 5_000_000
	defaultUserAgent        = "git/keytrail"
)

// Ref is one ref of a remote.
type Ref struct {
	Name string // full name: refs/heads/main
	OID  storage.OID
	// Peeled is the object an annotated tag finally points at; zero for every other ref.
	Peeled storage.OID
}

// Advertisement is what a remote has at one moment.
type Advertisement struct {
	// Refs are those with an asked-for prefix, in the server's order, which is by name for git's own. HEAD is
	// not among them. Names share memory in blocks of some 64 KiB: a caller that keeps few of many clones them.
	Refs []Ref
	// Refused are names of refs, at most a hundred, that hold spaces or control characters, which no ref can.
	Refused []string
	// Head is the ref that HEAD points at, also while that ref is unborn if the server tells; "" if HEAD is
	// detached or the server too old to tell.
	Head string
	// HeadOID is what HEAD resolves to; zero if nothing or unborn.
	HeadOID storage.OID
	// Version is the protocol version spoken: 0, 1 or 2.
	Version int
	// Filter tells whether the server offers partial fetches (FetchRequest.Filter).
	Filter bool
	// Digest is a SHA-256 over the server's answer as it came: equal digests, equal refs. It is zero, which equals nothing, for an
	// answer of more than 32 MiB.
	Digest [32]byte
	// IsSame tells that the answer is the one the caller knows (Since.Digest); Refs and Head are then left out.
	IsSame bool
	// IsDifference tells that Refs are only those that the caller does not hold as they are (Since.Held). Gone are the names of those
	// it holds and the server does not have, and Same is the number of the others. Whole gives the rest.
	IsDifference bool
	Gone         []string
	Same         int

	// Room is that of Since, as large as it took.
	Room []byte

	whole func() (*Advertisement, error)
}

// Whole gives the advertisement with all refs.
func (a *Advertisement) Whole() (*Advertisement, error) {
	if a.whole == nil {
		return a, nil
	}
	return a.whole()
}

// Since is what a caller of ListRefsSince knows.
type Since struct {
	// Digest is that of an earlier advertisement for the same prefixes. Zero is none.
	Digest [32]byte
	// Held gives the refs that the caller holds, all with one of the prefixes; it is called when the digest is another. Nil, and a nil
	// Held, ask for all refs.
	Held func() Held
	// Room is memory to keep the answer in, with an advertisement that IsDifference as long as Whole may be called. What has become of
	// it is the advertisement's Room, to be given again. It may be nil.
	Room []byte
}

// FetchRequest is what to receive.
type FetchRequest struct {
	// Wants are the objects to receive with all they need. At least one.
	Wants []storage.OID
	// Haves are commits that the caller holds with all they need (less what its filter leaves out).
	Haves []storage.OID
	// Shallow are those of the commits the caller holds whose parents it lacks, for that a shallow server had cut them off.
	Shallow []storage.OID
	// Filter leaves objects out: "tree:0" sends commits and tags only, "blob:none" no file contents, "" all.
	Filter string
	// ThinPack allows deltas against objects that are not in the pack but follow from Haves.
	ThinPack bool
}

// Received is what a Fetch received.
type Received struct {
	Bytes int64 // of the pack
	// Shallow are the commits at which the server's own history ends, if it is a shallow repository: it does not have
	// their parents.
	Shallow []storage.OID
}
