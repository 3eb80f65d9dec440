package wire

import "strings"

// capabilities are the words a server greets with: "filter" is {"filter": [""]}, "symref=HEAD:refs/heads/main" is
// {"symref": ["HEAD:refs/heads/main"]}; a word may come again (gitprotocol-capabilities.txt, gitprotocol-v2.txt).
type capabilities map[string][]string

func (c capabilities) add(word string) {
	name, value, _ := strings.Cut(word, "=")
	if name != "" {
		c[name] = append(c[name], value)
	}
}

func (c capabilities) has(name string) bool { return len(c[name]) > 0 }

// lists reports whether the value of a capability holds a word: "fetch=shallow filter".
func (c capabilities) lists(name, word string) bool {
	for _, value := range c[name] {
		for w := range strings.FieldsSeq(value) {
			if w == word {
				return true
			}
		}
	}
	return false
}

// ifOffered gives the first of the names that the server has, "" if none.
func (c capabilities) ifOffered(names ...string) string {
	for _, n := range names {
		if c.has(n) {
			return n
		}
	}
	return ""
}

// checkObjectFormat refuses repositories whose objects are not named by SHA-1. No word means SHA-1.
func (c capabilities) checkObjectFormat() error {
	for _, f := range c["object-format"] {
		if f != "sha1" {
			return errObjectFormat()
		}
	}
	return nil
}

func errObjectFormat() error {
	return problem(ErrObjectFormat,
		"its objects are not named by SHA-1 but maybe by SHA-256: only SHA-1 repositories can be indexed, take it out of the selection")
}

// filter reports whether partial fetches are offered.
func (s *server) filter() bool {
	if s.version == 2 {
		return s.caps.lists("fetch", "filter")
	}
	return s.caps.has("filter")
}
