package issuekey

import (
	"bytes"
	"fmt"
	"strings"
)

// Canonical reads one whole key that somebody asks for, in any case and with space around it, and gives its canonical form. Project
// lists do not matter: a key that they leave out is well formed, though no text yields it. The error says what a key looks like.
func (r *Rules) Canonical(s string) (string, error) {
	text := []byte(strings.TrimSpace(s))
	hyphen := bytes.IndexByte(text, '-')
	if hyphen < 0 {
		return "", malformed(s, "it has no hyphen")
	}
	switch m, no := r.query.match(text, hyphen); {
	case no != accepted:
		return "", malformed(s, r.query.reason(no, ""))
	case m.Start > 0 || m.End < len(text):
		return "", malformed(s, "there is more than a key")
	default:
		return string(r.AppendKey(nil, text, m)), nil
	}
}

func malformed(s, reason string) error {
	return fmt.Errorf("%.60q is not an issue key: %s; a key is a project key, a hyphen and a number, such as ABC-123", s, reason)
}
