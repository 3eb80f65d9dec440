package wire

import (
	"bytes"
	"strings"

	"keytrail/storage"
)

// readGreeting reads what upload-pack says first. Version 2 lists capabilities, one a line. Versions 0 and 1 list refs, the
// first with the capabilities behind a NUL; version 1 differs only in its line "version 1" (gitprotocol-pack.txt). Over
// HTTP a "# service=" section comes before; it is optional, as servers of version 2 may leave it out (gitprotocol-http.txt).
func readGreeting(p *pktReader, list *refList) (*server, error) {
	kind, line, err := p.text()
	if err == nil && kind == pktData && bytes.HasPrefix(line, []byte("# service=")) {
		if kind, _, err = p.text(); err == nil && kind == pktFlush {
			kind, line, err = p.text()
		}
	}
	s := &server{caps: capabilities{}}
	switch {
	case err != nil:
		return nil, cut(err)
	case kind == pktFlush:
		return s, nil // JGit greets so for a repository without refs
	case kind != pktData:
		return nil, problem(ErrProtocol, "the greeting begins with the marker %04x", kind)
	case string(line) == "version 2":
		s.version = 2
		return s, readCapabilities(p, s.caps)
	case string(line) == "version 1":
		s.version = 1
		if kind, line, err = p.text(); err != nil {
			return nil, cut(err)
		}
	}
	if err := readRefs(p, kind, line, s.caps, list); err != nil {
		return nil, err
	}
	s.shallow = list.shallow
	return s, nil
}

func readCapabilities(p *pktReader, caps capabilities) error {
	for {
		kind, line, err := p.text()
		switch {
		case err != nil:
			return cut(err)
		case kind == pktData:
			caps.add(string(line))
			continue
		case kind != pktFlush:
			return problem(ErrProtocol, "a marker %04x among the capabilities", kind)
		}
		if !caps.has("ls-refs") || !caps.has("fetch") {
			return problem(ErrProtocol, "the server speaks version 2 without ls-refs or fetch")
		}
		return caps.checkObjectFormat()
	}
}

// readRefs reads the refs of versions 0 and 1, beginning with a line at hand.
func readRefs(p *pktReader, kind pktKind, line []byte, caps capabilities, list *refList) error {
	line, words, _ := bytes.Cut(line, []byte{0})
	for w := range strings.FieldsSeq(string(words)) {
		caps.add(w)
	}
	if err := caps.checkObjectFormat(); err != nil {
		return err
	}
	for _, symref := range caps["symref"] {
		if target, ok := strings.CutPrefix(symref, "HEAD:"); ok && isRefName([]byte(target)) {
			list.adv.Head = target
		}
	}
	for kind == pktData {
		if err := readRef(line, list); err != nil {
			return err
		}
		var err error
		if kind, line, err = p.text(); err != nil {
			return cut(err)
		}
	}
	if kind != pktFlush {
		return problem(ErrProtocol, "a marker %04x among the refs", kind)
	}
	return nil
}

// readRef takes one line: a ref, what the tag before it peels to ("refs/tags/v1^{}"), the place-holder of an empty repository
// ("capabilities^{}"), or a commit at which a shallow repository ends ("shallow <oid>").
func readRef(line []byte, list *refList) error {
	if boundary, ok := bytes.CutPrefix(line, []byte("shallow ")); ok {
		oid, _, err := parseOID(boundary)
		if err != nil {
			return err
		}
		return list.cutAt(oid)
	}
	oid, rest, err := parseOID(line)
	if err != nil {
		return err
	}
	name, ok := bytes.CutPrefix(rest, []byte(" "))
	if !ok {
		return problem(ErrProtocol, "want a ref, have %.80q", line)
	}
	if len(name) == 0 {
		return problem(ErrProtocol, "a ref without a name")
	}
	if !isRefName(name) {
		list.refuse(name)
		return nil
	}
	if tag, ok := bytes.CutSuffix(name, []byte("^{}")); ok {
		if !oid.IsZero() {
			list.peel(tag, oid)
		}
		return nil
	}
	return list.add(name, oid, storage.OID{})
}

// fetchRequestV0 is the request of versions 0 and 1: capabilities ride on the first want; the filter stands after the last.
func fetchRequestV0(caps capabilities, r FetchRequest, agent string) []byte {
	list := []string{
		caps.ifOffered("multi_ack_detailed", "multi_ack"), // Azure DevOps demands one of them
		caps.ifOffered("side-band-64k", "side-band"),
		caps.ifOffered("ofs-delta"),
		caps.ifOffered("no-progress"),
	}
	if r.ThinPack {
		list = append(list, caps.ifOffered("thin-pack"))
	}
	if r.Filter != "" {
		list = append(list, "filter")
	}
	if caps.has("object-format") {
		list = append(list, "object-format=sha1")
	}
	if caps.has("agent") {
		list = append(list, "agent="+agent)
	}
	var p pktWriter
	p.Grow(50*(len(r.Wants)+len(r.Haves)) + 512)
	for i, oid := range r.Wants {
		if i == 0 {
			p.line("want ", oid.String(), " ", words(list...), "\n")
			continue
		}
		p.line("want ", oid.String(), "\n")
	}
	for _, oid := range r.Shallow {
		p.line("shallow ", oid.String(), "\n")
	}
	if r.Filter != "" {
		p.line("filter ", r.Filter, "\n")
	}
	p.marker(pktFlush)
	for _, oid := range r.Haves {
		p.line("have ", oid.String(), "\n")
	}
	p.line("done\n")
	return p.Bytes()
}

// readPackV0 reads the answer of versions 0 and 1: acknowledgments of haves, which one-shot fetches have no use for, then the pack,
// framed by a side band or bare. A pkt-line cannot begin with "PACK", nor a side band with a letter, so that it needs no
// knowledge of which acknowledgment is the last: servers differ there.
func readPackV0(p *pktReader, pack *packSink) error {
	for first := true; ; first = false {
		bare, err := p.startsWith("PACK")
		if err != nil {
			return err
		}
		if bare {
			return pack.bare(p)
		}
		kind, line, err := p.next()
		switch {
		case err != nil && first:
			return silent(err)
		case err != nil:
			return cut(err)
		case kind != pktData:
			return problem(ErrProtocol, "a marker %04x before the pack", kind)
		case bytes.HasPrefix(line, []byte("ACK ")), bytes.HasPrefix(line, []byte("NAK")),
			bytes.HasPrefix(line, []byte("shallow ")), bytes.HasPrefix(line, []byte("unshallow ")):
			if err := pack.heard(line); err != nil {
				return err
			}
			continue
		case bytes.HasPrefix(line, []byte("ERR ")):
			return remoteError(string(line[4:]))
		}
		return pack.sideband(p, line)
	}
}
