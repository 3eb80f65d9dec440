package issuekey

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"unicode"
)

// grammarVersion counts the changes to this package that make it find other keys in the same text.
const grammarVersion = 1

// Fingerprint gives 16 hexadecimal digits that differ between rules that find different keys, so that an index can tell that it was
// made by other rules. The order of lists, the case of project keys and the steps of an alias chain do not matter to it. The version
// of Unicode that Go has does, since it decides which letters have case.
func (r *Rules) Fingerprint() string { return r.fingerprint }

func (r *Rules) hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %t %t %t\n", grammarVersion, unicode.Version, r.preset, r.message.anyCase, r.name.anyCase, r.onlyListed)
	for _, key := range slices.Sorted(maps.Keys(r.projects)) {
		p := r.projects[key]
		fmt.Fprintf(h, "%s %t %t %s\n", key, p.denied, p.listed, p.becomes)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
