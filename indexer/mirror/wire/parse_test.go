package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"keytrail/storage"
)

// packets makes a stream of pkt-lines; "0000" to "0002" are markers.
func packets(lines ...string) []byte {
	var p pktWriter
	for _, l := range lines {
		if i := strings.Index(pktMarkers, l); len(l) == 4 && i >= 0 && i%4 == 0 {
			p.marker(pktKind(i / 4))
			continue
		}
		p.line(l)
	}
	return p.Bytes()
}

func TestPktLinesAreSplitHoweverTheyArrive(t *testing.T) {
	long := strings.Repeat("x", pktMax-4)
	stream := packets("a\n", "0000", "", long, "0001", "ERR", "0002", long)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "by byte": iotest.OneByteReader, "by half": iotest.HalfReader, "with EOF": iotest.DataErrReader,
	} {
		p := newPktReader(wrap(bytes.NewReader(stream)))
		var have []string
		for {
			kind, line, err := p.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if kind != pktData {
				line = []byte(pktMarkers[4*kind : 4*kind+4])
			}
			have = append(have, string(line))
		}
		if again := packets(have...); !bytes.Equal(again, stream) {
			t.Errorf("%s: %d lines that are not those sent", name, len(have))
		}
	}
}

func TestMalformedPktLinesAreRefused(t *testing.T) {
	for stream, want := range map[string]error{
		"":          io.EOF,
		"0":         io.ErrUnexpectedEOF,
		"0006a":     io.ErrUnexpectedEOF,
		"0003":      ErrProtocol,
		"fff1":      ErrProtocol,
		"ffff":      ErrProtocol,
		"-001":      ErrProtocol,
		"+005a":     ErrProtocol,
		"0x05a":     ErrProtocol,
		"<!DOCTYPE": ErrProtocol,
	} {
		if _, _, err := newPktReader(strings.NewReader(stream)).next(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", stream, err, want)
		}
	}
}

const (
	oidA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	oidB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestAdvertisementsOfOtherServersAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		lines   []string
		version int
		refs    int
		head    string
		filter  bool
	}{
		"service section":   {[]string{"# service=git-upload-pack\n", "0000", oidA + " HEAD\x00symref=HEAD:refs/heads/a filter\n", oidA + " refs/heads/a\n", "0000"}, 0, 1, "refs/heads/a", true},
		"no line feeds":     {[]string{oidA + " refs/heads/a\x00side-band", oidB + " refs/heads/b", "0000"}, 0, 2, "", false},
		"several symrefs":   {[]string{oidA + " refs/heads/a\x00symref=refs/x:refs/y symref=HEAD:refs/heads/a\n", "0000"}, 0, 1, "refs/heads/a", false},
		"empty of JGit":     {[]string{"# service=git-upload-pack\n", "0000", "0000"}, 0, 0, "", false},
		"empty of git":      {[]string{strings.Repeat("0", 40) + " capabilities^{}\x00multi_ack filter\n", "0000"}, 0, 0, "", true},
		"shallow":           {[]string{oidA + " refs/heads/a\x00x\n", "shallow " + oidB + "\n", "0000"}, 0, 1, "", false},
		"peeled":            {[]string{oidA + " refs/tags/a\x00x\n", oidB + " refs/tags/a^{}\n", "0000"}, 0, 1, "", false},
		"version 1":         {[]string{"version 1\n", oidA + " refs/heads/a\x00object-format=sha1\n", "0000"}, 1, 1, "", false},
		"version 2":         {[]string{"version 2\n", "ls-refs\n", "fetch=shallow filter\n", "0000"}, 2, 0, "", true},
		"what is no ref":    {[]string{oidA + " .have\x00x\n", oidA + " refs/heads/a\n", "0000"}, 0, 1, "", false},
		"a bad symref":      {[]string{oidA + " refs/heads/a\x00symref=HEAD:refs/\x01\n", "0000"}, 0, 1, "", false},
		"upper-case digits": {[]string{strings.ToUpper(oidA) + " refs/heads/a\x00x\n", "0000"}, 0, 1, "", false},
	} {
		list := newRefList(prefixSet{all: true}, 9)
		s, err := readGreeting(newPktReader(bytes.NewReader(packets(test.lines...))), list)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a := list.advertisement(s, message{})
		if a.Version != test.version || len(a.Refs) != test.refs || a.Head != test.head || a.Filter != test.filter {
			t.Errorf("%s: %+v", name, a)
		}
		if name == "peeled" && a.Refs[0].Peeled.String() != oidB {
			t.Errorf("%s: %v", name, a.Refs[0].Peeled)
		}
	}
}

func TestImpossibleAdvertisementsAreRefused(t *testing.T) {
	for _, lines := range [][]string{
		{oidA + "\n", "0000"},
		{oidA[:39] + " refs/heads/a\n", "0000"},
		{"g" + oidA[1:] + " refs/heads/a\n", "0000"},
		{oidA + " \n", "0000"},
		{oidA + " refs/heads/a\n", "0001"},
		{"version 1\n", "0001"},
		{"version 2\n", "ls-refs\n", "fetch\n", "0001"},
		{"version 2\n", "ls-refs\n", "fetch\n", oidA, "0002"},
	} {
		if _, err := readGreeting(newPktReader(bytes.NewReader(packets(lines...))), newRefList(prefixSet{all: true}, 9)); !errors.Is(err, ErrProtocol) {
			t.Errorf("greeting %q: %v", lines, err)
		}
	}
	for _, lines := range [][]string{
		{oidA + " refs/heads/a peeled:x\n", "0000"},
		{oidA + "\n", "0000"},
		{"unborn\n", "0000"},
		{"ubnorn HEAD\n", "0000"},
		{oidA + " refs/heads/a\n", "0001"},
	} {
		if err := readLsRefs(newPktReader(bytes.NewReader(packets(lines...))), newRefList(prefixSet{all: true}, 9)); !errors.Is(err, ErrProtocol) {
			t.Errorf("ls-refs %q: %v", lines, err)
		}
	}
}

func TestARefWithAnImpossibleNameIsLeftOutAlone(t *testing.T) {
	for name, lines := range map[string][]string{
		"v0": {oidB + " refs/heads/a b\n", oidB + " refs/heads/a\x7f\n", oidA + " refs/heads/x\n", oidB + " refs/tags/a\nfake\n", oidA + " refs/tags/a\nfake^{}\n", "0000"},
		"v2": {oidB + " refs/heads/a\x7f\n", oidA + " refs/heads/x\n", oidB + " refs/heads/a\x01b\n", oidB + " refs/tags/a\nfake peeled:" + oidA + "\n", "0000"},
	} {
		list := newRefList(prefixSet{all: true}, 9)
		var err error
		if p := newPktReader(bytes.NewReader(packets(lines...))); name == "v0" {
			_, err = readGreeting(p, list)
		} else {
			err = readLsRefs(p, list)
		}
		a := list.advertisement(&server{}, message{})
		if err != nil || len(a.Refs) != 1 || a.Refs[0].Name != "refs/heads/x" || len(a.Refused) != 3 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		for _, refused := range a.Refused {
			if strings.ContainsFunc(refused, unicode.IsControl) {
				t.Errorf("%s: %q", name, refused)
			}
		}
	}
}

// TestAServerThatOnlyTalksIsNotListenedToForEver reads answers that go on and on without the pack.
func TestAServerThatOnlyTalksIsNotListenedToForEver(t *testing.T) {
	for name, test := range map[string]struct {
		read  func(*pktReader, *packSink) error
		begin string
		line  string
	}{
		"progress":        {readPackV2, "packfile\n", "\x02Counting objects\r"},
		"keep-alives":     {readPackV2, "packfile\n", "\x01"},
		"acknowledgments": {readPackV0, "NAK\n", "ACK " + oidA + " common\n"},
		"a section":       {readPackV2, "acknowledgments\n", "NAK\n"},
	} {
		endless := io.MultiReader(bytes.NewReader(packets(test.begin)), &repeating{packets(test.line), 0})
		if err := test.read(newPktReader(endless), &packSink{w: io.Discard}); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s, without a limit of time: %v", name, err)
		}
		endless = io.MultiReader(bytes.NewReader(packets(test.begin)), &repeating{packets(test.line), 0})
		if err := test.read(newPktReader(endless), &packSink{w: io.Discard, patience: time.Millisecond}); !errors.Is(err, ErrStalled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// repeating is an endless stream of the same bytes.
type repeating struct {
	b  []byte
	at int
}

func (r *repeating) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], r.b[r.at:])
		n, r.at = n+m, (r.at+m)%len(r.b)
	}
	return n, nil
}

func TestPacksAreTakenOutOfEveryFraming(t *testing.T) {
	const pack = "PACK and more"
	for name, test := range map[string]struct {
		read  func(*pktReader, *packSink) error
		lines []string
		bare  string
		kind  error // nil: the pack arrives
	}{
		"v0 bare":               {readPackV0, []string{"NAK\n"}, pack, nil},
		"v0 bare after ACKs":    {readPackV0, []string{"ACK " + oidA + " common\n", "ACK " + oidA + " ready\n", "NAK\n", "ACK " + oidA + "\n"}, pack, nil},
		"v0 side band":          {readPackV0, []string{"shallow " + oidA, "NAK\n", "\x02hello", "\x01PACK", "\x01", "", "\x01 and more", "0000"}, "", nil},
		"v0 fatal":              {readPackV0, []string{"NAK\n", "\x01PACK", "\x03broken\n"}, "", ErrServer},
		"v0 error":              {readPackV0, []string{"ERR broken"}, "", ErrServer},
		"v0 marker":             {readPackV0, []string{"NAK\n", "0000"}, "", ErrProtocol},
		"v0 without a pack":     {readPackV0, []string{"NAK\n"}, "", io.ErrUnexpectedEOF},
		"v2":                    {readPackV2, []string{"packfile\n", "\x02hello", "\x01PACK and", "\x01 more", "0000"}, "", nil},
		"v2 with sections":      {readPackV2, []string{"acknowledgments\n", "NAK\n", "0001", "shallow-info\n", "shallow " + oidA, "0001", "wanted-refs\n", "0001", "packfile\n", "\x01" + pack, "0000"}, "", nil},
		"v2 without a pack":     {readPackV2, []string{"acknowledgments\n", "NAK\n", "0000"}, "", ErrServer},
		"v2 empty pack section": {readPackV2, []string{"packfile\n", "0000"}, "", ErrTruncated},
		"v2 fatal at once":      {readPackV2, []string{"\x03broken\n"}, "", ErrServer},
		"v2 error in the pack":  {readPackV2, []string{"packfile\n", "\x01PACK", "ERR broken\n"}, "", ErrServer},
		"v2 unknown band":       {readPackV2, []string{"packfile\n", "\x04what"}, "", ErrProtocol},
		"v2 marker in the pack": {readPackV2, []string{"packfile\n", "\x01PACK", "0001"}, "", ErrProtocol},
		"v2 cut section":        {readPackV2, []string{"shallow-info\n"}, "", io.ErrUnexpectedEOF},
		"v2 empty line":         {readPackV2, []string{""}, "", ErrProtocol},
	} {
		var got bytes.Buffer
		stream := append(packets(test.lines...), test.bare...)
		err := test.read(newPktReader(bytes.NewReader(stream)), &packSink{w: &got})
		if !errors.Is(err, test.kind) || test.kind == nil && got.String() != pack {
			t.Errorf("%s: %q, %v", name, got.String(), err)
		}
	}
}

func TestPrefixSetsAnswerAsAPlainSearchWould(t *testing.T) {
	names := []string{"refs/heads/a", "refs/heads/ab", "refs/tags/v1", "refs/tag", "refs/heads", "HEAD", "refs/heads/", "refs/pull/1/head", "\xff"}
	for _, prefixes := range [][]string{
		{"refs/heads/"}, {"refs/heads/a", "refs/heads/", "refs/heads/ab"}, {"refs/tags/", "refs/heads/ab"}, {""}, {"z"}, {"refs/pull/1", "refs/pull/10"}, {"refs/tags/v1", "refs/tags/v10"},
	} {
		set := newPrefixSet(prefixes)
		for _, n := range names {
			want := false
			for _, p := range prefixes {
				want = want || strings.HasPrefix(n, p)
			}
			if set.has([]byte(n)) != want {
				t.Errorf("%q among %q: not %v", n, prefixes, want)
			}
		}
	}
}

// FuzzServerTalk feeds hostile streams to each parser: no panic, no endless loop, nothing beyond the limits, and names that are
// safe to write into files.
func FuzzServerTalk(f *testing.F) {
	f.Add(packets("# service=git-upload-pack\n", "0000", oidA+" HEAD\x00symref=HEAD:refs/heads/a\n", oidB+" refs/tags/v^{}\n", "0000"))
	f.Add(packets("version 2\n", "ls-refs=unborn\n", "fetch=filter\n", "0000"))
	f.Add(packets("unborn HEAD symref-target:refs/heads/a\n", oidA+" refs/tags/a peeled:"+oidB+"\n", "0000"))
	f.Add(packets("acknowledgments\n", "ACK "+oidA+"\n", "0001", "packfile\n", "\x01PACK", "\x02x", "\x03y", "0000"))
	f.Add(append(packets("ACK "+oidA+" common\n", "NAK\n"), "PACK"...))
	f.Add([]byte("0003fff000040005"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		read := func() *pktReader { return newPktReader(bytes.NewReader(stream)) }
		greeted, listed := newRefList(prefixSet{all: true}, 5), newRefList(newPrefixSet([]string{"refs/tags/"}), 5)
		s, err := readGreeting(read(), greeted)
		if err == nil {
			greeted.advertisement(s, message{})
			fetchRequestV0(s.caps, FetchRequest{Wants: make([]storage.OID, 2), Filter: "tree:0", ThinPack: true}, "a")
		}
		if readLsRefs(read(), listed) == nil {
			listed.advertisement(&server{version: 2}, message{})
		}
		for _, l := range []*refList{greeted, listed} {
			if len(l.adv.Refs) > 5 {
				t.Errorf("%d refs", len(l.adv.Refs))
			}
			for _, r := range l.adv.Refs {
				if !strings.HasPrefix(r.Name, "refs/") || strings.ContainsAny(r.Name, "\x00\n\r\t ") {
					t.Errorf("the name %q", r.Name)
				}
			}
			if strings.ContainsAny(l.adv.Head, "\x00\n\r\t ") {
				t.Errorf("the head %q", l.adv.Head)
			}
		}
		for _, parse := range []func(*pktReader, *packSink) error{readPackV0, readPackV2} {
			sink := &packSink{w: io.Discard, limit: 100}
			if err := parse(read(), sink); err == nil && (sink.n == 0 || sink.n > 100) {
				t.Errorf("%d bytes of pack", sink.n)
			}
		}
	})
}
