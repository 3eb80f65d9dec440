package mirror

import (
	"strings"
	"unicode/utf8"

	"keytrail/storage"
)

// commitArena is memory for the parts of many commits: they come from a few large blocks instead of several small ones each. A block
// stays as long as one of its parts is in use, and no part of one is used again: the garbage collector frees it.
type commitArena struct {
	text    strings.Builder // written to up to its capacity, then replaced
	people  [128]person     // some of those in text, by personSlot
	parents []storage.OID
	keys    []storage.IssueKey

	expectText, expectCommits int // of the commits to come, for the size of blocks
}

// Sizes of blocks, at the most, unless one part needs more.
const (
	textBlock   = 256 << 10 // bytes
	commitBlock = 1024      // parents, keys
)

// expect tells how much is to come: bytes of content, and commits.
func (a *commitArena) expect(content, commits int) {
	a.expectText, a.expectCommits = min(content, textBlock), min(commits, commitBlock)
}

// keepText copies text, which is UTF-8.
func (a *commitArena) keepText(b []byte) string {
	if len(b) > a.text.Cap()-a.text.Len() {
		a.text = strings.Builder{}
		a.text.Grow(max(len(b), a.expectText))
		clear(a.people[:]) // they are all that would keep the old block
	}
	start := a.text.Len()
	a.text.Write(b)
	return a.text.String()[start:]
}

// person is the part of a signature that says who: "Ada <ada@example.com", and its parts.
type person struct {
	who, name, email string
}

// keepPerson is keepText for a person, and refuses one that is not UTF-8. It often finds it in the present block: who wrote a commit
// is likely to have written another one nearby.
func (a *commitArena) keepPerson(who []byte) (p person, ok bool) {
	if len(who) == 0 {
		return person{}, true
	}
	slot := &a.people[personSlot(who)%len(a.people)]
	if slot.who != string(who) {
		if !utf8.Valid(who) {
			return person{}, false
		}
		text := a.keepText(who)
		name, email := cutPerson(text)
		*slot = person{text, name, email}
	}
	return *slot, true
}

// personSlot is a number that different people seldom have in common.
func personSlot(who []byte) int {
	n := len(who)
	return 61*n + 31*int(who[0]) + 7*int(who[n/4]) + 3*int(who[n/2]) + int(who[n-1-n/4])
}

// keepParents copies parents.
func (a *commitArena) keepParents(parents []storage.OID) []storage.OID {
	n := len(parents)
	if n == 0 {
		return nil
	}
	if n > cap(a.parents)-len(a.parents) {
		a.parents = make([]storage.OID, 0, max(n, a.expectCommits))
	}
	a.parents = append(a.parents, parents...)
	return a.parents[len(a.parents)-n : len(a.parents) : len(a.parents)]
}

// findKeys gives the keys of a message.
func (a *commitArena) findKeys(find FindKeys, message string) []storage.IssueKey {
	const room = 4 // for more keys than that in one message, the block is copied
	if cap(a.keys)-len(a.keys) < room {
		a.keys = make([]storage.IssueKey, 0, max(room, a.expectCommits))
	}
	start := len(a.keys)
	a.keys = find(a.keys, message)
	if len(a.keys) == start {
		return nil
	}
	return a.keys[start:len(a.keys):len(a.keys)]
}
