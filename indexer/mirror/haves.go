package mirror

import (
	"cmp"
	"slices"
	"strings"

	"keytrail/storage"
)

// How many haves a request names. One costs some 25 bytes, compressed, and a ref in the list that went before it some 60:
// with a have for every eighth ref, a request for one new commit costs a twentieth of the look. What a server sends for a
// want costs more than a have, so that many wants may have as many haves.
const (
	leastHaves    = 64
	mostHaves     = 256
	mostManyHaves = 2000 // beside as many wants
	refsPerHave   = 8
)

const (
	fewAncestors  = 4    // fewer are not worth a walk
	ancestryDepth = 1024 // commits, read at some 5 µs each
)

// haves chooses what to tell a server that we hold, the most telling first, of refs, those of our repository, of which
// moved are about to be fetched and head is the default branch.
//
// What the moved refs were says it all after a push that adds to them. A server that lost such a tip, since it was force-pushed
// away and collected, still has some of its ancestors: with few moved refs those follow, at first each, then in growing
// distance, so that no more is received twice than half of what was rewritten. New branches, and merges, are off the default
// branch, or off another ref, and off late ones more than off early ones: the default branch comes first of all, other
// branches and then everything else follow in the order of late names, which are those with the higher numbers.
func haves(o *objects, refs []packedRef, moved []Ref, head string) []storage.OID {
	list := haveList{named: map[storage.OID]bool{}}
	list.most = min(max(leastHaves, len(refs)/refsPerHave), mostHaves)
	list.most = max(list.most, min(len(moved), mostManyHaves))
	isMoved := make(map[string]bool, len(moved))
	for _, r := range moved {
		isMoved[r.Name] = true
	}
	var old []storage.OID
	var others []packedRef
	for _, r := range refs {
		if r.name == head {
			list.add(r.commit())
		}
		if isMoved[r.name] {
			old = append(old, r.commit())
		} else {
			others = append(others, r)
		}
	}
	for _, oid := range old[:min(len(old), list.most/2)] {
		list.add(oid)
	}
	if len(old) > 0 && list.most/2/len(old) >= fewAncestors {
		for _, oid := range old {
			ancestors(o, oid, list.most/2/len(old), list.add)
		}
	}
	if len(others) > list.most {
		slices.SortFunc(others, func(r, s packedRef) int {
			return cmp.Or(cmp.Compare(rank(r.name), rank(s.name)), -compareNatural(r.name, s.name))
		})
	}
	for _, r := range others {
		list.add(r.commit())
	}
	return list.oids
}

// haveList is haves in their order, each once, up to a number.
type haveList struct {
	oids  []storage.OID
	named map[storage.OID]bool
	most  int
}

func (l *haveList) add(oid storage.OID) {
	if len(l.oids) < l.most && !l.named[oid] {
		l.named[oid] = true
		l.oids = append(l.oids, oid)
	}
}

// commit is what a ref points at, behind a tag.
func (p packedRef) commit() storage.OID {
	if p.peeled.IsZero() {
		return p.oid
	}
	return p.peeled
}

// rank puts branches first, then tags, then all else.
func rank(ref string) int {
	switch {
	case strings.HasPrefix(ref, "refs/heads/"):
		return 0
	case strings.HasPrefix(ref, "refs/tags/"):
		return 1
	}
	return 2
}

// compareNatural orders names with numbers in them as people do: pull/9 before pull/10, 4.9 before 4.10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		if !isDigit(a[0]) || !isDigit(b[0]) {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		var m, n string
		m, a = cutNumber(a)
		n, b = cutNumber(b)
		if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// cutNumber takes the digits that s begins with, without leading zeros.
func cutNumber(s string) (number, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return strings.TrimLeft(s[:end], "0"), s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// ancestors calls add with n first-parent ancestors of a commit, or as many as are near: at distances 1, 2, 3, 4, 6, 9, 13
// and so on.
func ancestors(o *objects, tip storage.OID, n int, add func(storage.OID)) {
	next := 1
	for distance := 1; distance <= ancestryDepth && n > 0; distance++ {
		var err error
		if tip, err = o.firstParent(tip); err != nil || tip.IsZero() {
			return
		}
		if distance < next {
			continue
		}
		if !o.exists(tip) {
			return
		}
		add(tip)
		n--
		next = max(next+1, next*3/2)
	}
}
