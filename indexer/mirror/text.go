package mirror

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// decoder makes text of one commit UTF-8.
type decoder struct{ declared encoding.Encoding } // nil: none, UTF-8, or not known

// newDecoder takes the value of an encoding header. Names are looked up as registered with IANA, where ISO-8859-1 is
// what it says, then as browsers understand them, who know more names.
func newDecoder(header []byte) decoder {
	if len(header) == 0 {
		return decoder{}
	}
	name := strings.TrimSpace(string(header))
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8":
		return decoder{}
	}
	if e, err := ianaindex.IANA.Encoding(name); err == nil && e != nil {
		return decoder{e}
	}
	if e, err := htmlindex.Get(name); err == nil {
		return decoder{e}
	}
	return decoder{}
}

// isPlain reports whether decode would give b as it is.
func (d decoder) isPlain(b []byte) bool { return d.declared == nil && utf8.Valid(b) }

// decode reads s in the declared encoding if there is one and s is valid in it, else as UTF-8 if it is that, else as
// Latin-1, in which every byte is a character.
func (d decoder) decode(s string) string {
	if d.declared != nil {
		if text, err := d.declared.NewDecoder().String(s); err == nil && !strings.ContainsRune(text, utf8.RuneError) {
			return text
		}
	}
	if utf8.ValidString(s) {
		return s
	}
	return latin1(s)
}

func latin1(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
