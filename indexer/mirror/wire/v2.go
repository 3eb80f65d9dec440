package wire

import (
	"bytes"

	"keytrail/storage"
)

// command begins a request of version 2: the command, capabilities that hold for it, then the delimiter (gitprotocol-v2.txt).
func command(p *pktWriter, name string, caps capabilities, agent string) {
	p.line("command=", name, "\n")
	if caps.has("agent") {
		p.line("agent=", agent, "\n")
	}
	if caps.has("object-format") {
		p.line("object-format=sha1\n")
	}
	p.marker(pktDelim)
}

// lsRefsRequest asks for HEAD and the refs kept, with symbolic targets and peeled tags.
func lsRefsRequest(caps capabilities, keep prefixSet, agent string) []byte {
	var p pktWriter
	command(&p, "ls-refs", caps, agent)
	p.line("peel\n")
	p.line("symrefs\n")
	if caps.lists("ls-refs", "unborn") {
		p.line("unborn\n")
	}
	if prefixes := keep.sent(); len(prefixes) > 0 {
		p.line("ref-prefix HEAD\n")
		for _, prefix := range prefixes {
			p.line("ref-prefix ", prefix, "\n")
		}
	}
	p.marker(pktFlush)
	return p.Bytes()
}

// readLsRefs reads "<oid> <name> [symref-target:<name>] [peeled:<oid>]" lines up to the flush.
func readLsRefs(p *pktReader, list *refList) error {
	for first := true; ; first = false {
		kind, line, err := p.text()
		switch {
		case err != nil && first:
			return silent(err)
		case err != nil:
			return cut(err)
		case kind == pktFlush:
			return nil
		case kind != pktData:
			return problem(ErrProtocol, "a marker %04x among the refs", kind)
		}
		if err := readLsRef(line, list); err != nil {
			return err
		}
	}
}

// readLsRef reads one of the lines.
func readLsRef(line []byte, list *refList) error {
	var oid, peeled storage.OID
	rest, unborn := bytes.CutPrefix(line, []byte("unborn"))
	if !unborn {
		var err error
		if oid, rest, err = parseOID(line); err != nil {
			return err
		}
	}
	rest, ok := bytes.CutPrefix(rest, []byte(" "))
	if !ok {
		return problem(ErrProtocol, "want a ref, have %.80q", line)
	}
	name, attributes, _ := bytes.Cut(rest, []byte(" "))
	if len(name) == 0 {
		return problem(ErrProtocol, "a ref without a name")
	}
	if !isRefName(name) {
		list.refuse(name)
		return nil
	}
	for len(attributes) > 0 {
		var a []byte
		a, attributes, _ = bytes.Cut(attributes, []byte(" "))
		if target, ok := bytes.CutPrefix(a, []byte("symref-target:")); ok && string(name) == "HEAD" && isRefName(target) {
			list.adv.Head = string(target)
		}
		if tag, ok := bytes.CutPrefix(a, []byte("peeled:")); ok {
			var err error
			if peeled, _, err = parseOID(tag); err != nil {
				return err
			}
		}
	}
	if unborn {
		return nil
	}
	return list.add(name, oid, peeled)
}

// fetchRequestV2 asks for a pack in one shot: with "done" the server does not negotiate.
func fetchRequestV2(caps capabilities, r FetchRequest, agent string) []byte {
	var p pktWriter
	p.Grow(50*(len(r.Wants)+len(r.Haves)) + 512)
	command(&p, "fetch", caps, agent)
	if r.ThinPack {
		p.line("thin-pack\n")
	}
	p.line("no-progress\n")
	p.line("ofs-delta\n")
	if r.Filter != "" {
		p.line("filter ", r.Filter, "\n")
	}
	for _, oid := range r.Shallow {
		p.line("shallow ", oid.String(), "\n")
	}
	for _, oid := range r.Wants {
		p.line("want ", oid.String(), "\n")
	}
	for _, oid := range r.Haves {
		p.line("have ", oid.String(), "\n")
	}
	p.line("done\n")
	p.marker(pktFlush)
	return p.Bytes()
}

// readPackV2 reads the sections of a fetch's answer. Those before the pack are not asked for but may come: shallow-info does,
// from a shallow repository.
func readPackV2(p *pktReader, pack *packSink) error {
	for first := true; ; first = false {
		kind, line, err := p.text()
		switch {
		case err != nil && first:
			return silent(err)
		case err != nil:
			return cut(err)
		case kind != pktData:
			return problem(ErrProtocol, "a marker %04x instead of a section", kind)
		}
		switch string(line) {
		case "packfile":
			return pack.sideband(p, nil)
		case "shallow-info":
			pack.shallow = nil
			if err := readSection(p, pack.boundary); err != nil {
				return err
			}
		case "acknowledgments", "wanted-refs":
			if err := readSection(p, pack.heard); err != nil {
				return err
			}
		default:
			// Errors met before the pack come on side band 3, without a section.
			if len(line) > 0 && (line[0] == bandFatal || line[0] == bandProgress) {
				return pack.sideband(p, line)
			}
			return problem(ErrProtocol, "want a section of the answer, have %.80q", line)
		}
	}
}

// readSection reads lines up to the delimiter that another section follows.
func readSection(p *pktReader, use func(line []byte) error) error {
	for {
		kind, line, err := p.text()
		switch {
		case err != nil:
			return cut(err)
		case kind == pktDelim:
			return nil
		case kind != pktData:
			return problem(ErrServer, "the answer ends without a pack: look at the server's log")
		}
		if err := use(line); err != nil {
			return err
		}
	}
}

// boundary takes a line of the section shallow-info: "shallow <oid>", or "unshallow <oid>" of what is cut no more.
func (s *packSink) boundary(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte("shallow "))
	if !ok {
		return nil
	}
	oid, _, err := parseOID(rest)
	if len(s.shallow) == defaultMaxRefs {
		return problem(ErrTooLarge, "its history is cut at more than %d commits: deepen the server's repository", defaultMaxRefs)
	}
	s.shallow = append(s.shallow, oid)
	return err
}
