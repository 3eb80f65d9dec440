package packfile

import (
	"encoding/binary"

	"keytrail/storage"
)

const hexLen = 2 * nameLen

// appendParents adds the parents that the content of a commit names (git-commit-tree(1): a tree, then the parents, then all
// else). It gives what follows them, and reports whether the content begins as that of a commit must.
func appendParents(parents []storage.OID, content []byte) (_ []storage.OID, rest []byte, ok bool) {
	const tree, parent = "tree ", "parent "
	var oid storage.OID
	rest, ok = cutName(&oid, content, tree)
	for ok && len(rest) >= len(parent) && string(rest[:len(parent)]) == parent {
		if rest, ok = cutName(&oid, rest, parent); ok {
			parents = append(parents, oid)
		}
	}
	return parents, rest, ok
}

// cutName reads a line that is a word and the name of an object, and gives what follows it.
func cutName(oid *storage.OID, content []byte, word string) (rest []byte, ok bool) {
	n := len(word) + hexLen
	if len(content) <= n || string(content[:len(word)]) != word || content[n] != '\n' {
		return content, false
	}
	hex := content[len(word):n]
	bad := uint64(0)
	for i := 0; i < nameLen; i += 4 {
		four, wrong := unhex(binary.BigEndian.Uint64(hex[2*i:]))
		binary.BigEndian.PutUint32(oid[i:], four)
		bad |= wrong
	}
	return content[n+1:], bad == 0
}

// unhex reads eight hexadecimal digits at once, each in a byte of its own; bad is zero if they are such.
//
// A digit c is 0x30 to 0x39, a letter 0x41 to 0x46 or 0x61 to 0x66. In both the low four bits are the value, for letters but for
// a nine to be added, and bit 6 tells which it is.
func unhex(digits uint64) (value uint32, bad uint64) {
	const each = 0x0101010101010101
	letters := digits >> 6 & each // 1 in the bytes of letters
	lower := digits | letters<<5  // in lower case
	// Adding to bytes below 0x80 carries nothing from one to the next: the top bit tells which are at least so large.
	isLow := (lower &^ (0x80 * each)) + (0x80-0x30)*each - letters*(0x61-0x30)  // top bit: at least '0', or 'a'
	isHigh := (lower &^ (0x80 * each)) + (0x80-0x3a)*each - letters*(0x67-0x3a) // top bit: above '9', or 'f'
	bad = (digits | ^isLow | isHigh) & (0x80 * each)
	nibbles := lower&(0x0f*each) + letters*9
	nibbles = (nibbles | nibbles>>4) & 0x00ff00ff00ff00ff
	nibbles = (nibbles | nibbles>>8) & 0x0000ffff0000ffff
	return uint32(nibbles | nibbles>>16), bad
}
