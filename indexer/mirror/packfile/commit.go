package packfile

import (
	"bytes"

	"keytrail/storage"
)

const hexLen = 2 * nameLen

// appendParents adds the parents that the content of a commit names (git-commit-tree(1): a tree, then the parents, then all
// else), and reports whether it begins as the content of a commit must.
func appendParents(parents []storage.OID, content []byte) ([]storage.OID, bool) {
	var oid storage.OID
	content, ok := cutName(&oid, content, "tree ")
	for ok && bytes.HasPrefix(content, []byte("parent ")) {
		if content, ok = cutName(&oid, content, "parent "); ok {
			parents = append(parents, oid)
		}
	}
	return parents, ok
}

// cutName reads a line that is a word and the name of an object, and gives what follows it.
func cutName(oid *storage.OID, content []byte, word string) (rest []byte, ok bool) {
	n := len(word) + hexLen
	if len(content) <= n || string(content[:len(word)]) != word || content[n] != '\n' {
		return content, false
	}
	hex := content[len(word):n]
	bad := byte(0)
	for i := range oid {
		high, low := hexDigit[hex[2*i]], hexDigit[hex[2*i+1]]
		bad |= high | low
		oid[i] = high<<4 | low
	}
	return content[n+1:], bad < 16
}

// hexDigit is the value of a hexadecimal digit, and 255 for other bytes.
var hexDigit = func() (values [256]byte) {
	for i := range values {
		values[i] = 255
	}
	for i := range byte(10) {
		values['0'+i] = i
	}
	for i := range byte(6) {
		values['a'+i], values['A'+i] = 10+i, 10+i
	}
	return values
}()
