package mirror

import (
	"crypto/sha256"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"keytrail/storage"
)

// lookBuilder makes a Look of refs as a repository has them.
type lookBuilder struct {
	specs Refspecs
	look  Look
}

// add takes one ref under the repository's own name.
func (b *lookBuilder) add(name string, oid storage.OID) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return b.specs.names(name, func(string) {
			b.refuse(name, "its name is not UTF-8 or holds control characters: rename it")
		})
	}
	return b.specs.names(name, func(name string) {
		b.look.Refs = append(b.look.Refs, Ref{Name: name, OID: oid})
	})
}

// refuse leaves a ref out, once.
func (b *lookBuilder) refuse(name, reason string) {
	refused := RefusedRef{name, reason}
	if n := len(b.look.Refused); n == 0 || b.look.Refused[n-1] != refused {
		b.look.Refused = append(b.look.Refused, refused)
	}
}

// finish sorts the refs. Of several that are mapped to one name the first added stays.
func (b *lookBuilder) finish() *Look {
	byName := func(r, s Ref) int { return strings.Compare(r.Name, s.Name) }
	if !slices.IsSortedFunc(b.look.Refs, byName) {
		slices.SortStableFunc(b.look.Refs, byName)
	}
	b.look.Refs = slices.CompactFunc(b.look.Refs, func(kept, r Ref) bool {
		if kept.Name == r.Name && kept.OID != r.OID {
			b.refuse(r.Name, "the refspecs map several refs to this name: give one of them another")
		}
		return kept.Name == r.Name
	})
	b.look.Count = len(b.look.Refs)
	return &b.look
}

// sum gives a look the digest of its refs.
func (l *Look) sum() {
	h := sha256.New()
	h.Write([]byte(l.Head))
	line := make([]byte, 0, 256)
	for _, r := range l.Refs {
		line = append(line[:0], 0)
		line = append(line, r.Name...)
		line = append(line, 0)
		line = append(line, r.OID[:]...)
		h.Write(line)
	}
	h.Sum(l.Digest[:0])
}
