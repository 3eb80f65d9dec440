package mirror

import (
	"bytes"
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
	fewAncestors = 4  // fewer are not worth a walk
	nearAncestry = 16 // commits, read at some 2 µs each
	farAncestry  = 1024
)

// haveMemory keeps what a search for haves found, for the next fetches. Nothing of it becomes wrong: the objects stay in the mirror.
type haveMemory struct {
	found  []storage.OID
	recent []storage.OID // what was fetched since, in turn
}

const (
	fewMoved   = 16 // refs that are fetched without a search
	mostRecent = 24 // objects fetched until the next search
)

// add remembers what was fetched.
func (m *haveMemory) add(fetched []packedRef) {
	if len(fetched) > fewMoved {
		m.found = nil
		return
	}
	for _, r := range fetched {
		if !r.oid.IsZero() {
			m.recent = append(m.recent, r.commit())
		}
	}
}

// haves chooses what to tell a server that we hold, the most telling first, of refs, those of our repository, of which
// moved are about to be fetched and head is the default branch.
//
// What the moved refs were says it all after a push that adds to them. A server that lost such a tip, since it was force-pushed
// away and collected, still has some of its ancestors: with few moved refs those follow, at first each, then in growing
// distance, so that no more is received twice than half of what was rewritten. New branches, and merges, are off the default
// branch, or off another ref, and off late ones more than off early ones: the default branch comes first of all, other
// branches and then everything else follow in the order of late names, which are those with the higher numbers.
//
// To go far back, and through all names, costs more than all else in fetching one commit. So it is done now and then only; what was
// fetched since stands between.
func (m *haveMemory) haves(objects *lookup, refs packedRefs, moved []Ref, head string) ([]storage.OID, error) {
	if refs.isEmpty() { // whatever there was is gone
		*m = haveMemory{}
		return nil, nil
	}
	isSearch := len(moved) > fewMoved || len(m.found) == 0 || len(m.recent) > mostRecent
	list, depth := haveList{named: map[storage.OID]bool{}, most: leastHaves}, nearAncestry
	if isSearch {
		list.most, depth = max(leastHaves, min(refs.count()/refsPerHave, mostHaves), min(len(moved), mostManyHaves)), farAncestry
	}
	isMoved, err := list.addMoved(objects, refs, moved, head, depth)
	if err != nil {
		return nil, err
	}
	if !isSearch {
		for _, oid := range slices.Backward(m.recent) {
			list.add(oid)
		}
		for _, oid := range m.found {
			list.add(oid)
		}
		return list.oids, nil
	}
	if err := list.addLatest(refs, isMoved); err != nil {
		return nil, err
	}
	m.found, m.recent = list.oids[:min(len(list.oids), mostHaves)], nil
	if len(moved) <= fewMoved {
		return list.oids[:min(len(list.oids), leastHaves)], nil
	}
	return list.oids, nil
}

// addMoved adds the default branch, what the moved refs were, and their ancestors.
func (l *haveList) addMoved(objects *lookup, refs packedRefs, moved []Ref, head string, depth int) (isMoved map[string]bool, err error) {
	if r, ok, err := refs.find(head); err != nil {
		return nil, err
	} else if ok {
		l.add(r.commit())
	}
	isMoved = make(map[string]bool, len(moved))
	var old []storage.OID
	for _, m := range moved {
		isMoved[m.Name] = true
		r, ok, err := refs.find(m.Name)
		if err != nil {
			return nil, err
		}
		if ok {
			old = append(old, r.commit())
		}
	}
	for _, oid := range old[:min(len(old), l.most/2)] {
		l.add(oid)
	}
	if len(old) > 0 && l.most/2/len(old) >= fewAncestors {
		for _, oid := range old {
			ancestors(objects, oid, depth, l.most/2/len(old), l.add)
		}
	}
	return isMoved, nil
}

// addLatest adds refs that did not move, as long as there is room: by their rank, and those with late names first.
func (l *haveList) addLatest(refs packedRefs, isMoved map[string]bool) error {
	heads, afterHeads := refs.seek(headsPrefix), refs.seek(headsEnd)
	tags, afterTags := refs.seek(tagsPrefix), refs.seek(tagsEnd)
	for _, rank := range [][]packedRefs{
		{refs[heads:afterHeads]}, {refs[tags:afterTags]}, {refs[:heads].body(), refs[afterHeads:tags], refs[afterTags:]},
	} {
		latest := latestNames{most: l.most - len(l.oids)}
		for _, part := range rank {
			latest.addAll(part, isMoved)
		}
		for _, line := range latest.lines {
			r, err := line.parse()
			if err != nil {
				return err
			}
			l.add(r.commit())
		}
	}
	return nil
}

// latestNames gathers the refs with the latest names, the last first.
type latestNames struct {
	most  int
	lines []packedLine
}

// addAll begins with the last refs, whose names tend to be late too, so that most of the others need no place.
func (n *latestNames) addAll(refs packedRefs, isMoved map[string]bool) {
	if n.most == 0 {
		return
	}
	for end := len(refs); end > 0; {
		end = refs.startOf(0, end-1)
		line, _, ok := refs[end:].cut()
		if !ok || isMoved[string(line.name())] {
			continue
		}
		if len(n.lines) == n.most {
			if compareNatural(line.name(), n.lines[n.most-1].name()) <= 0 {
				continue
			}
			n.lines = n.lines[:n.most-1]
		}
		at, _ := slices.BinarySearchFunc(n.lines, line, func(p, q packedLine) int { return -compareNatural(p.name(), q.name()) })
		n.lines = slices.Insert(n.lines, at, line)
	}
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

// The names of branches, and of tags, are all that are not before the beginning and before the end.
const (
	headsPrefix, headsEnd = "refs/heads/", "refs/heads0"
	tagsPrefix, tagsEnd   = "refs/tags/", "refs/tags0"
)

// rank puts branches first, then tags, then all else.
func rank(ref string) int {
	switch {
	case strings.HasPrefix(ref, headsPrefix):
		return 0
	case strings.HasPrefix(ref, tagsPrefix):
		return 1
	}
	return 2
}

// compareNatural orders names with numbers in them as people do: pull/9 before pull/10, 4.9 before 4.10.
func compareNatural(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		if !isDigit(a[0]) || !isDigit(b[0]) {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		var m, n []byte
		m, a = cutNumber(a)
		n, b = cutNumber(b)
		if c := cmp.Or(cmp.Compare(len(m), len(n)), bytes.Compare(m, n)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// cutNumber takes the digits that s begins with, without leading zeros.
func cutNumber(s []byte) (number, rest []byte) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return bytes.TrimLeft(s[:end], "0"), s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// ancestors calls add with n first-parent ancestors of a commit, or as many as a walk to a depth gives: at distances 1, 2, 3, 4, 6, 9, 13
// and so on.
func ancestors(objects *lookup, tip storage.OID, depth, n int, add func(storage.OID)) {
	next := 1
	for distance := 1; distance <= depth && n > 0; distance++ {
		if tip = objects.firstParent(tip); tip.IsZero() {
			return
		}
		if distance < next {
			continue
		}
		if !objects.exists(tip) {
			return
		}
		add(tip)
		n--
		next = max(next+1, next*3/2)
	}
}
