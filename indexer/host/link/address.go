package link

import (
	"errors"
	"net/url"
	"strings"
)

// Errors of an address that pages are to stand under. They do not repeat it, since it may hold a password.
var (
	errNoAddress   = errors.New("is not an address that begins with http:// or https:// and a host")
	errHost        = errors.New(`has a host of other characters than a-z, 0-9, ".", "-" and "_"; write its ASCII form (xn--)`)
	errUser        = errors.New("holds a user name or password; leave them out")
	errDotSegments = errors.New(`has a "." or ".." in its path; write the path that is meant`)
	errMore        = errors.New("has a query or a fragment; a repository's page is meant")
)

// parsePage reads the address of a repository's or a server's page. A user name in it is dropped, as hosts put the caller's
// there. The result has no slash at its end.
func parsePage(address string) (page string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errNoAddress
	}
	u.User = nil
	if err := checkOrigin(u); err != nil {
		return "", err
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return "", errMore
	case hasDotSegment(path):
		return "", errDotSegments
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// checkOrigin reports an address that does not say plainly which web server is meant. The characters of a host are few, as
// browsers and net/url do not read the others alike.
func checkOrigin(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errNoAddress
	case u.User != nil:
		return errUser
	case escape(u.Host, alphanumeric+".-_:[]") != u.Host:
		return errHost
	}
	return nil
}

const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	unreserved   = alphanumeric + "-._~"                   // RFC 3986, section 2.3
	legal        = unreserved + ":/?#[]@!$&'()*+,;=" + "%" // and section 2.2, with the sign of an encoded byte
)

// escape percent-encodes every byte of s that keep does not hold.
func escape(s, keep string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// hasDotSegment reports whether a browser would resolve a segment of the path as "." or "..": it does so with the dots
// encoded too (https://url.spec.whatwg.org/#double-dot-path-segment).
func hasDotSegment(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}
