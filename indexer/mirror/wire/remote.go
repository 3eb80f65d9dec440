package wire

import (
	"net/url"
	"strings"
)

// remote is a parsed URL.
type remote struct {
	base        *url.URL // without credentials and fragment
	redacted    string   // also without query
	credentials Credentials
}

// parseRemote never shows what it cannot parse: a password may be anywhere in it.
func parseRemote(raw string) (remote, error) {
	refuse := func(text string) (remote, error) {
		e := problem(ErrUnsupported, "%s: use https://host/path or http://host/path", text)
		e.Op = "remote"
		return remote{}, e
	}
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok {
		return refuse("the URL has no scheme (user@host:path is not fetched over this transport, nor is a local path)")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return refuse("the URL cannot be parsed (special characters in a password must be percent-encoded)")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return refuse("the scheme " + printable(scheme) + " is not supported")
	}
	if u.Host == "" {
		return refuse("the URL names no host")
	}
	var r remote
	if u.User != nil {
		r.credentials.Username = u.User.Username()
		r.credentials.Password, _ = u.User.Password()
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	r.base, r.redacted = u, redacted(u)
	return r, nil
}

// redacted is a URL for people: no credentials, and no query, where some hosts take tokens.
func redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// origin is what credentials belong to (RFC 6454), with the port written out.
func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
