package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// ask fetches as libgit2 does: wants from the greeting, two haves in a first round, and done when one is acknowledged or there
// are none. It gives the pack as it stands in the answer.
func ask(v *Conversation) (pack []byte, err error) {
	list := newRefList(prefixSet{all: true}, 1e6)
	s, err := readGreeting(newPktReader(bytes.NewReader(v.Greeting())), list)
	if err != nil {
		return nil, err
	}
	var wants, haves, request pktWriter
	for i, r := range list.adv.Refs {
		caps := ""
		if i == 0 {
			caps = " " + words(s.caps.ifOffered("multi_ack_detailed", "multi_ack"), s.caps.ifOffered("side-band-64k"), s.caps.ifOffered("thin-pack")) + " "
		}
		wants.line("want ", r.OID.String(), caps, "\n")
	}
	wants.marker(pktFlush)
	for _, oid := range v.Haves()[:min(2, len(v.Haves()))] {
		haves.line("have ", oid.String(), "\n")
	}
	request.Write(wants.Bytes())
	if haves.Len() > 0 {
		request.Write(haves.Bytes())
		request.marker(pktFlush)
		if err := round(v, request.Bytes()); err != nil {
			return nil, err
		}
		request.Reset()
		if !v.Stateful() {
			request.Write(wants.Bytes())
			request.Write(haves.Bytes())
		}
	}
	request.line("done\n")
	answer, err := v.Exchange(request.Bytes())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = readPackV0(newPktReader(answer), &packSink{w: &out})
	return out.Bytes(), err
}

// round sends haves and reads the acknowledgments.
func round(v *Conversation, request []byte) error {
	answer, err := v.Exchange(request)
	if err != nil {
		return err
	}
	for p := newPktReader(answer); ; {
		_, line, err := p.text()
		if err != nil || string(line) == "NAK" {
			return err
		}
	}
}

// askFor is a whole fetch by a guest.
func askFor(t testing.TB, c *Client, r FetchRequest) (pack []byte, received Received, err error) {
	t.Helper()
	received, err = c.FetchFor(t.Context(), r, func(v *Conversation) (err error) {
		pack, err = ask(v)
		return err
	})
	return pack, received, err
}

func TestAGuestReceivesWhatIsNewAndNothingElseAfterEveryChange(t *testing.T) {
	t.Parallel()
	for name, c := range carriers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo, s := gittest.Init(t), store{gittest.Init(t)}
			client := c.serve(t, repo)
			var tips []storage.OID
			for _, change := range changes(repo) {
				change.do()
				wants := s.missing(list(t, client).oids())
				got := 0
				if len(wants) > 0 {
					pack, received, err := askFor(t, client, FetchRequest{Wants: wants, Haves: tips, Filter: "tree:0", ThinPack: true})
					if err != nil || received.Bytes != int64(len(pack)) {
						t.Fatalf("%s: %d bytes of %d, %v", change.what, received.Bytes, len(pack), err)
					}
					got = s.add(t, pack)
				}
				if got != change.commits+change.tags {
					t.Errorf("%s: %d objects came, want %d", change.what, got, change.commits+change.tags)
				}
				tips = nil
				for _, r := range repo.Refs() {
					tips = append(tips, repo.OID(r.String()+"^{}"))
				}
			}
			checkHistory(t, repo, s)
		})
	}
}

func TestTheGreetingForGuestsIsAskedForOnceOverHTTP(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	first := repo.Commit("ABC-1")
	var greetings atomic.Int64
	c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.Header.Get("Git-Protocol") == "" {
				greetings.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}}), Options{})
	for i := range 3 {
		second := repo.Commit("ABC-2")
		if _, _, err := askFor(t, c, FetchRequest{Wants: []storage.OID{second}, Haves: []storage.OID{first}}); err != nil || greetings.Load() != 1 {
			t.Errorf("fetch %d: %d greetings of version 0, %v", i, greetings.Load(), err)
		}
	}
}

func TestAGuestsRequestIsCompleted(t *testing.T) {
	have, want, cut := storage.OID{1}, storage.OID{2}, storage.OID{3}
	wants := func(caps string) []string {
		return []string{"want " + want.String() + caps + "\n", "want " + have.String() + "\n"}
	}
	for name, test := range map[string]struct {
		request       FetchRequest
		guest, server []string
	}{
		"nothing to add": {FetchRequest{},
			append(wants(" multi_ack "), "0000", "done\n"),
			append(wants(" multi_ack agent=a"), "0000", "done\n")},
		"filter, boundary and haves": {FetchRequest{Filter: "tree:0", Shallow: []storage.OID{cut}, Haves: []storage.OID{have}},
			append(wants(""), "0000", "done\n"),
			append(wants(" filter agent=a"), "shallow "+cut.String()+"\n", "filter tree:0\n", "0000", "have "+have.String()+"\n", "done\n")},
		"a round": {FetchRequest{Filter: "tree:0", Haves: []storage.OID{have}},
			append(wants(" multi_ack "), "0000", "have "+cut.String()+"\n", "0000"),
			append(wants(" multi_ack filter agent=a"), "filter tree:0\n", "0000", "have "+cut.String()+"\n", "0000")},
		"a later round of a stream": {FetchRequest{Filter: "tree:0", Haves: []storage.OID{have}},
			[]string{"have " + cut.String() + "\n", "0000"},
			[]string{"have " + cut.String() + "\n", "0000"}},
	} {
		v := &Conversation{
			client: &Client{options: Options{UserAgent: "a"}}, request: test.request,
			server: &server{caps: capabilities{"agent": {"server"}, "filter": {""}}},
		}
		got, err := v.complete(packets(test.guest...))
		if diff := cmp.Diff(string(packets(test.server...)), string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := (&Conversation{}).Exchange([]byte("nonsense")); !errors.Is(err, ErrProtocol) {
		t.Errorf("a request that is none: %v", err)
	}
}

func TestAGuestIsToldOfNoHavesWhereItsNegotiationWouldFail(t *testing.T) {
	v := &Conversation{request: FetchRequest{Haves: make([]storage.OID, 1)}, server: &server{caps: capabilities{"multi_ack": {""}}}}
	if len(v.Haves()) != 1 {
		t.Error("no haves")
	}
	v.server.caps = capabilities{}
	if len(v.Haves()) != 0 {
		t.Error("haves without multi_ack")
	}
	v.server.caps, v.request.Shallow = capabilities{"multi_ack_detailed": {""}}, make([]storage.OID, 1)
	if len(v.Haves()) != 0 {
		t.Error("haves of a shallow repository")
	}
}

func TestWhatServersRefuseIsTypedAlsoForAGuest(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commits("refs/heads/main", "ABC-1", 50)
	answer := func(lines ...string) func(http.Handler) http.Handler {
		return answers(nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", resultType)
			w.Write(packets(lines...))
		})
	}
	for name, test := range map[string]struct {
		how  func(http.Handler) http.Handler
		o    Options
		kind error
	}{
		"filter denied":     {answer("ERR filter 'tree' not supported"), Options{}, ErrFilterRefused},
		"nothing said":      {answer(), Options{}, ErrFilterRefused},
		"want refused":      {answer("ERR upload-pack: not our ref " + oid.String()), Options{}, ErrWantRefused},
		"fatal in the pack": {answer("NAK\n", "\x01PACK", "\x03out of memory"), Options{}, ErrServer},
		"cut":               {only(http.MethodPost, end(200)), Options{}, ErrTruncated},
		"broken off":        {only(http.MethodPost, abort(200)), Options{}, ErrTruncated},
		"silent":            {only(http.MethodPost, hang(200)), Options{Stall: stall}, ErrStalled},
		"silent greeting":   {only(http.MethodGet, hang(20)), Options{Stall: stall}, ErrStalled},
		"too large":         {only(http.MethodGet, func(h http.Handler) http.Handler { return h }), Options{MaxPack: 100}, ErrTooLarge},
		"not found":         {func(http.Handler) http.Handler { return http.NotFoundHandler() }, Options{}, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: test.how}), test.o)
			_, _, err := askFor(t, c, FetchRequest{Wants: []storage.OID{oid}, Filter: "tree:0"})
			wantError(t, err, test.kind, "fetch from")
		})
	}
}

func TestAGuestsOwnErrorIsGivenBack(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	c := dial(t, gittest.Serve(t, repo, gittest.Options{}), Options{})
	full := errors.New("disk full")
	_, err := c.FetchFor(t.Context(), FetchRequest{Wants: []storage.OID{oid}}, func(*Conversation) error { return full })
	var e *Error
	if !errors.Is(err, full) || !errors.As(err, &e) || e.Kind != nil || e.URL == "" {
		t.Errorf("error is %#v", err)
	}
}

// TestAGuestSeesTheBoundaryInNoAnswerButItsCallerKnowsIt fetches from a shallow repository.
func TestAGuestSeesTheBoundaryInNoAnswerButItsCallerKnowsIt(t *testing.T) {
	t.Parallel()
	origin := gittest.Init(t)
	origin.Commits("refs/heads/main", "ABC-1", 10)
	shallow := gittest.Init(t)
	shallow.Git("fetch", "--quiet", "--depth=3", "file://"+origin.Path, "+refs/heads/main:refs/heads/main")
	c := dial(t, gittest.Serve(t, shallow, gittest.Options{}), Options{})
	pack, received, err := askFor(t, c, FetchRequest{Wants: []storage.OID{origin.OID("main")}, Filter: "tree:0"})
	if err != nil || len(received.Shallow) != 1 || received.Shallow[0] != origin.OID("main~2") {
		t.Fatalf("the boundary is %v, %v", received.Shallow, err)
	}
	if n := binary.BigEndian.Uint32(pack[8:]); n != 3 {
		t.Errorf("%d objects came", n)
	}
	shallow.CommitTo("refs/heads/main", "ABC-2")
	pack, _, err = askFor(t, c, FetchRequest{
		Wants: []storage.OID{shallow.OID("main")}, Haves: []storage.OID{origin.OID("main")}, Shallow: received.Shallow, Filter: "tree:0",
	})
	if err != nil || binary.BigEndian.Uint32(pack[8:]) != 1 {
		t.Errorf("one new commit: %v", err)
	}
}

// FuzzRelay feeds hostile answers to a guest: it sees the pack, the end and the errors that the native client sees.
func FuzzRelay(f *testing.F) {
	f.Add(packets("NAK\n", "\x02hello", "\x01PACK", "\x01", "", "\x01 and more", "0000"))
	f.Add(packets("shallow "+oidA, "ACK "+oidA+" common\n", "NAK\n", "\x01PACK", "\x03broken"))
	f.Add(packets("ERR broken"))
	f.Add(append(packets("ACK "+oidA+"\n"), "PACK and more"...))
	f.Add(packets("NAK\n", "0001"))
	f.Add(packets("NAK\n", "PACKET"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1000
		var direct, relayed bytes.Buffer
		want := readPackV0(newPktReader(bytes.NewReader(stream)), &packSink{w: &direct, limit: limit})
		v := &Conversation{pack: &packSink{w: io.Discard, limit: limit}}
		r := &relay{v: v, from: newPktReader(bytes.NewReader(stream)), first: true}
		lines, err := io.ReadAll(r)
		if err != nil != (want != nil) || err != nil && err.Error() != want.Error() {
			t.Fatalf("error %v, natively %v", err, want)
		}
		if !errors.Is(v.err, err) || v.pack.n != int64(direct.Len()) && want == nil {
			t.Errorf("error %v is kept of %v; %d bytes counted of %d", v.err, err, v.pack.n, direct.Len())
		}
		if want != nil {
			return
		}
		if err := readPackV0(newPktReader(bytes.NewReader(lines)), &packSink{w: &relayed}); err != nil || relayed.String() != direct.String() {
			t.Errorf("%q became %q, %v", direct.String(), relayed.String(), err)
		}
	})
}
