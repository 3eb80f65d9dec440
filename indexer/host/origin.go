package host

import (
	"net/url"
	"strings"
)

// Origins are scheme, host and port (RFC 6454) of the servers that a host's credentials may be sent to.
type Origins []string

// Origin gives the origin of an http or https URL with the port written out; empty for anything else.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch {
	case scheme != "http" && scheme != "https":
		return ""
	case port == "" && scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// Clone gives a clone URL over http or https without the user name, fragment and query that it may hold. Its origin must be one of o,
// else it is ErrOrigin: whoever can write a clone URL into an answer must not be sent the credentials. Empty stays empty.
func (o Origins) Clone(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	at := Origin(raw)
	if at == "" {
		return "", Problem(ErrShape, "a clone URL is not one of http or https")
	}
	for _, allowed := range o {
		if Origin(allowed) == at {
			u, _ := url.Parse(raw) // Origin has parsed it
			u.User, u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = nil, "", "", "", false
			return u.String(), nil
		}
	}
	return "", Problem(ErrOrigin, "a clone URL is at %s, which is not the configured host's origin: "+
		"correct the url of the integration, or add %s to its origins if it is trusted", at, at)
}

// Web gives a URL of http or https, and nothing for any other: it becomes a link for people.
func Web(raw string) string {
	if Origin(raw) == "" {
		return ""
	}
	return raw
}
