package history

import (
	"strings"
	"testing"
)

func TestEveryAuthorHasADifferentNameAndAPlainMailAddress(t *testing.T) {
	names := map[string]bool{}
	for n := range 3 * len(givenNames) * len(familyNames) {
		p := author(n)
		if names[p.name] {
			t.Fatalf("author %d is %s, as one before", n, p.name)
		}
		names[p.name] = true
		if !strings.HasSuffix(p.mail, "@example.com") || strings.ContainsFunc(p.mail, func(r rune) bool { return r > 126 || r <= ' ' }) {
			t.Fatalf("author %d has the mail address %q", n, p.mail)
		}
	}
}
