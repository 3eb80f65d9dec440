package wire

import (
	"net"
	"net/url"
	"strings"
)

// remote is a parsed URL.
type remote struct {
	scheme      string   // http, https, ssh or git
	base        *url.URL // of http and https: without credentials and fragment
	place       place    // of ssh and git
	redacted    string   // for people: no credentials, and no query, where some hosts take tokens
	credentials Credentials
}

// place is where a repository is behind a stream.
type place struct {
	user    string // of ssh
	address string // host:port
	host    string // as the URL has it, with the port if that has one
	path    string
}

// parseRemote takes the URLs that git-fetch(1) does, but for local ones. It never shows what it cannot parse: a password
// may be anywhere in it.
func parseRemote(raw string) (remote, error) {
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok {
		return parseSCP(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return unsupported("the URL cannot be parsed (special characters in a password must be percent-encoded)")
	}
	if u.Host == "" {
		return unsupported("the URL names no host")
	}
	switch u.Scheme {
	case "http", "https":
		return httpRemote(u), nil
	case "ssh", "git+ssh", "ssh+git":
		return sshRemote(u)
	case "git":
		return gitRemote(u)
	}
	return unsupported("the scheme " + printable(scheme) + " is not supported")
}

func unsupported(text string) (remote, error) {
	e := problem(ErrUnsupported, "%s: use https://host/path, ssh://user@host/path, user@host:path or git://host/path", text)
	e.Op = "remote"
	return remote{}, e
}

func httpRemote(u *url.URL) remote {
	r := remote{scheme: u.Scheme, base: u}
	if u.User != nil {
		r.credentials.Username = u.User.Username()
		r.credentials.Password, _ = u.User.Password()
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	r.redacted = redacted(u)
	return r
}

const (
	sshPort = "22"
	gitPort = "9418"
)

// sshRemote takes ssh://[user@]host[:port]/path; /~user/path is below that user's home.
func sshRemote(u *url.URL) (remote, error) {
	if _, has := u.User.Password(); has {
		return unsupported("a password in an ssh URL is not used (keys are)")
	}
	p := place{user: u.User.Username(), host: u.Host, path: u.Path}
	if strings.HasPrefix(p.path, "/~") {
		p.path = p.path[1:]
	}
	return streamRemote("ssh", p, u, sshPort)
}

// gitRemote takes git://host[:port]/path.
func gitRemote(u *url.URL) (remote, error) {
	if u.User != nil {
		return unsupported("git:// knows no users")
	}
	return streamRemote("git", place{host: u.Host, path: u.Path}, u, gitPort)
}

func streamRemote(scheme string, p place, u *url.URL, port string) (remote, error) {
	if u.Port() != "" {
		port = u.Port()
	}
	if err := checkPath(p.path); err != "" {
		return unsupported(err)
	}
	p.address = net.JoinHostPort(u.Hostname(), port)
	shown := url.URL{Scheme: scheme, Host: u.Host, Path: u.Path}
	if p.user != "" {
		shown.User = url.User(p.user)
	}
	return remote{scheme: scheme, place: p, redacted: shown.String()}, nil
}

// parseSCP takes [user@]host:path, where a path without a slash at its beginning is below the user's home. The host may stand in
// brackets, with a port after it if it is no IPv6 address: [host:2222]:path, [::1]:path.
func parseSCP(raw string) (remote, error) {
	user, rest, hasUser := strings.Cut(raw, "@")
	if !hasUser {
		user, rest = "", raw
	}
	var host, path string
	var ok bool
	if inner, isBracketed := strings.CutPrefix(rest, "["); isBracketed {
		host, path, ok = strings.Cut(inner, "]:")
	} else {
		host, path, ok = strings.Cut(rest, ":")
	}
	switch {
	case !ok || host == "" || host[0] == '-' || strings.ContainsAny(host, "/\\ "):
		return unsupported("the URL has no scheme, and is not user@host:path")
	case strings.ContainsAny(user, ":/"):
		return unsupported("the URL cannot be parsed, or holds a password")
	case checkPath(path) != "":
		return unsupported(checkPath(path))
	}
	address := net.JoinHostPort(host, sshPort)
	if name, port, err := net.SplitHostPort(host); err == nil {
		address = net.JoinHostPort(name, port)
	}
	return remote{scheme: "ssh", place: place{user: user, host: host, address: address, path: path}, redacted: raw}, nil
}

// HostOf gives host:port of the server behind a URL, in one form for one server; "" for what is no URL of a server.
func HostOf(raw string) string {
	r, err := parseRemote(raw)
	switch {
	case err != nil:
		return ""
	case r.base != nil:
		_, address, _ := strings.Cut(origin(r.base), "://")
		return address
	}
	return strings.ToLower(r.place.address)
}

// checkPath says what is wrong with the path of a repository that is named in a command or a packet; "" if nothing.
func checkPath(path string) string {
	switch {
	case path == "" || path == "/":
		return "the URL names no path"
	case strings.HasPrefix(path, "-"):
		return "the path begins like an option"
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "the path holds control characters"
	}
	return ""
}

// redacted is a URL of http or https for people.
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
