package wire

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"keytrail/storage"
)

// maxPrefixes is how many prefixes are worth sending: a server compares each ref with each.
const maxPrefixes = 100

// prefixSet chooses refs by the beginning of their names.
type prefixSet struct {
	all    bool
	sorted []string // none is the beginning of another
}

// noRefs keeps nothing: for greetings of which only the capabilities matter.
var noRefs = prefixSet{}

func newPrefixSet(prefixes []string) prefixSet {
	sorted := slices.Sorted(slices.Values(prefixes))
	var s prefixSet
	for _, p := range sorted {
		if n := len(s.sorted); n == 0 || !strings.HasPrefix(p, s.sorted[n-1]) {
			s.sorted = append(s.sorted, p)
		}
	}
	s.all = len(sorted) == 0 || sorted[0] == ""
	return s
}

// sent is what of the set a server is asked for; nothing means all refs.
func (s prefixSet) sent() []string {
	if s.all || len(s.sorted) > maxPrefixes {
		return nil
	}
	return s.sorted
}

// has looks at one prefix only: as none begins another, that of a name is the last one not after it.
func (s prefixSet) has(name []byte) bool {
	if s.all {
		return true
	}
	i, found := slices.BinarySearchFunc(s.sorted, name, func(p string, name []byte) int {
		return strings.Compare(p, string(name))
	})
	return found || i > 0 && len(s.sorted[i-1]) <= len(name) && string(name[:len(s.sorted[i-1])]) == s.sorted[i-1]
}

// refList gathers an advertisement from parsed lines.
type refList struct {
	keep prefixSet
	max  int
	adv  Advertisement

	shallow []storage.OID
	refused []string        // names that cannot be a ref's, shortened
	names   strings.Builder // the present block of names
}

func newRefList(keep prefixSet, limit int) *refList { return &refList{keep: keep, max: limit} }

// add takes one ref. Its strings are copied.
func (l *refList) add(name []byte, oid, peeled storage.OID) error {
	if string(name) == "HEAD" {
		l.adv.HeadOID = oid
		return nil
	}
	if !bytes.HasPrefix(name, []byte("refs/")) || !l.keep.has(name) {
		return nil
	}
	if err := l.checkCount(len(l.adv.Refs) + 1); err != nil {
		return err
	}
	l.adv.Refs = append(l.adv.Refs, Ref{l.intern(name), oid, peeled})
	return nil
}

// checkCount refuses more refs than are allowed.
func (l *refList) checkCount(n int) error {
	if n > l.max {
		return problem(ErrTooLarge, "more than the allowed %d refs: fetch fewer refspecs or raise the limit", l.max)
	}
	return nil
}

// maxRefused is how many names that cannot be a ref's are told.
const maxRefused = 100

// refuse leaves out a ref for its name.
func (l *refList) refuse(name []byte) {
	if len(l.refused) < maxRefused && !bytes.HasSuffix(name, []byte("^{}")) {
		l.refused = append(l.refused, printable(string(name)))
	}
}

// cutAt takes one commit at which a shallow repository ends.
func (l *refList) cutAt(oid storage.OID) error {
	if len(l.shallow) == l.max {
		return problem(ErrTooLarge, "more than the allowed %d commits at which its history is cut: deepen the server's repository", l.max)
	}
	l.shallow = append(l.shallow, oid)
	return nil
}

// peel completes the tag that was just added; if it was not kept, nothing.
func (l *refList) peel(name []byte, peeled storage.OID) {
	if n := len(l.adv.Refs); n > 0 && l.adv.Refs[n-1].Name == string(name) {
		l.adv.Refs[n-1].Peeled = peeled
	}
}

// intern copies a name into the present block: some thousand names cost one allocation. A Builder never changes what it
// gave out.
func (l *refList) intern(name []byte) string {
	const block = 1 << 16
	if l.names.Cap()-l.names.Len() < len(name) {
		l.names = strings.Builder{}
		l.names.Grow(max(block, len(name)))
	}
	start := l.names.Len()
	l.names.Write(name)
	return l.names.String()[start:]
}

func (l *refList) advertisement(s *server, m message) *Advertisement {
	l.adv.Version, l.adv.Filter, l.adv.Digest = s.version, s.filter(), m.digest
	l.adv.Refused, l.adv.Room = l.refused, m.kept
	return &l.adv
}

// sameAgain is the advertisement of a server whose answer is one that the caller knows.
func (s *server) sameAgain(m message) *Advertisement {
	return &Advertisement{Version: s.version, Filter: s.filter(), Digest: m.digest, Room: m.kept, IsSame: true}
}

// parseOID decodes the object id at the beginning of a line and gives what follows it.
func parseOID(line []byte) (oid storage.OID, rest []byte, err error) {
	const digits = 2 * len(oid)
	if len(line) < digits {
		return oid, nil, problem(ErrProtocol, "want an object id, have %.80q", line)
	}
	if _, err := hex.Decode(oid[:], line[:digits]); err != nil {
		return oid, nil, problem(ErrProtocol, "want an object id, have %.80q", line)
	}
	rest = line[digits:]
	if len(rest) >= 24 && rest[0] != ' ' {
		if _, err := hex.Decode(make([]byte, 12), rest[:24]); err == nil {
			return oid, nil, errObjectFormat()
		}
	}
	return oid, rest, nil
}

// isRefName tells of what every server sends: not empty, and without what would break files and logs, which are spaces and
// control characters (git-check-ref-format(1)).
func isRefName(name []byte) bool {
	return len(name) > 0 && !slices.ContainsFunc(name, func(c byte) bool { return c <= ' ' || c == 0x7f })
}
