package wire

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// keepSecret remembers what must not appear in errors: a server may say back what it was sent, in any of the forms in which it
// was sent or errors quote it.
func (o *operation) keepSecret(secret string) {
	quoted, plain := strconv.Quote(secret), printable(secret)
	quotedPlain := strconv.Quote(plain)
	for _, s := range []string{
		secret, plain, quoted[1 : len(quoted)-1], quotedPlain[1 : len(quotedPlain)-1],
		url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(),
		strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), html.EscapeString(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
		base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if s != "" && !slices.Contains(o.secrets, s) {
			o.secrets = append(o.secrets, s)
		}
	}
}

// leastPart is the length of the beginning of a secret that is taken for it where a text was cut.
const leastPart = 4

// redact takes the secrets out of a text, in whatever case: host names are made lower case. What a server says is shortened in
// errors, maybe in the middle of a secret, so that the beginning of one goes too where the text ends, or a quotation does.
func (o *operation) redact(text string) string {
	var clean []byte
	for i := 0; i < len(text); {
		longest := 0
		for _, s := range o.secrets {
			n := commonPrefix(text[i:], s)
			if n == len(s) || n >= leastPart && isCut(text[i+n:]) {
				longest = max(longest, n)
			}
		}
		if longest == 0 {
			clean = append(clean, text[i])
			i++
			continue
		}
		clean = append(clean, redactedCredentials...)
		i += longest
	}
	return string(clean)
}

// isCut reports whether a text may have been cut before what is left of it.
func isCut(rest string) bool {
	return rest == "" || rest[0] == '"' || rest[0] == '\\' || rest[0] >= 0x80 // the ellipsis, or what is left of a character
}

// commonPrefix is how many bytes two texts begin with alike but for the case of ASCII letters.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && lower(a[n]) == lower(b[n]) {
		n++
	}
	return n
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// redactedError shows another error without secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

// Unwrap gives the error to errors.Is and errors.As. Its own text may hold secrets.
func (e *redactedError) Unwrap() error { return e.err }
