package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckListen reports whether c may listen where it says: off loopback, who may ask must be written down. It is asked
// again after a command line has replaced Listen.
func (c *Config) CheckListen() error {
	if err := checkListen(c.Listen); err != nil {
		return err
	}
	if isLoopback(c.Listen) || c.Auth.None || len(c.Auth.Tokens) > 0 {
		return nil
	}
	return fmt.Errorf("%q is reachable from other machines and auth is not set: "+
		"list auth.tokens, or write `auth: none` to let anyone ask, or listen on 127.0.0.1", c.Listen)
}

// isLoopback reports whether the host:port address can be reached from this machine only. A name other than localhost may
// come to mean anything, and an empty host means every address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func checkListen(s string) error {
	_, port, err := net.SplitHostPort(s)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n > 65535 {
		return fmt.Errorf("%.60q: want host:port, as 127.0.0.1:8790", s)
	}
	return nil
}

// checkContextPath wants a path as web servers have it in front of an application's own.
func checkContextPath(s string) error {
	isForeign := func(c rune) bool {
		return !strings.ContainsRune("/._~-", c) && (c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c))
	}
	if len(s) > 255 || !strings.HasPrefix(s, "/") || s == "/" || path.Clean(s) != s || strings.ContainsFunc(s, isForeign) {
		return fmt.Errorf("%.60q: want a path that begins with a slash and ends without one, as /jira", s)
	}
	return nil
}

func checkAbsolute(s string) error {
	if !filepath.IsAbs(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%.60q: want an absolute path", s)
	}
	return nil
}

// checkName accepts what can stand in a URL's path and in a metric's label as it is.
func checkName(s string) error {
	for i, c := range s {
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("._-", c)) || i >= 63 {
			return fmt.Errorf("%.70q: want up to 63 letters, digits, dots, hyphens and underscores, "+
				"a letter or digit first", s)
		}
	}
	return nil
}

// checkTitle accepts what can be shown on one line.
func checkTitle(s string) error {
	if len(s) > 255 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.TrimSpace(s) != s {
		return fmt.Errorf("%.70q: want up to 255 bytes on one line, without spaces around", s)
	}
	return nil
}

// checkProject accepts the project keys that the grammar of issue keys can yield.
func checkProject(s string) error {
	ok := len(s) >= 2
	for i, c := range s {
		letter := 'A' <= c && c <= 'Z'
		ok = ok && (letter || i > 0 && (c == '_' || '0' <= c && c <= '9'))
	}
	if !ok {
		return fmt.Errorf("%.60q: want a project key: two or more of A to Z, 0 to 9 and _, a letter first", s)
	}
	return nil
}

// checkPattern accepts what package path matches names with.
func checkPattern(s string) error {
	const most = 255
	if _, err := path.Match(s, ""); err != nil || len(s) > most {
		return fmt.Errorf("%.60q: want a pattern of names up to %d bytes, as release/* or v[0-9]*", s, most)
	}
	return nil
}

// checkFilterLength bounds a JMESPath filter, which is compiled and run on every discovery.
func checkFilterLength(s string) error {
	const most = 2000
	if n := utf8.RuneCountInString(s); n > most {
		return fmt.Errorf("has %d characters: want at most %d", n, most)
	}
	return nil
}

// checkHostURL accepts the address of an account on a git host.
func checkHostURL(s string) error {
	u, err := parseURL(s)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q: want an http:// or https:// URL", origin(s))
	}
	return checkNoUser(u)
}

// CheckRepositoryURL accepts what a repository can be fetched from, a [Repository.URL]. No error repeats a password.
func CheckRepositoryURL(s string) error {
	if filepath.IsAbs(s) {
		return checkAbsolute(s)
	}
	if isSCP(s) {
		return nil
	}
	if !strings.Contains(s, "://") {
		return errors.New("want a URL, as https://git.example.com/a.git, or user@host:path, or an absolute path")
	}
	u, err := parseURL(s)
	if err != nil {
		return err
	}
	switch u.Scheme {
	case "http", "https":
		return checkNoUser(u)
	case "ssh", "git+ssh", "ssh+git":
		if _, ok := u.User.Password(); ok {
			return fmt.Errorf("%q holds a password: take it out and write ssh_key", origin(s))
		}
		return nil
	case "git", "file":
		if u.User != nil {
			return fmt.Errorf("%q holds a user: take it out, nothing there asks for one", origin(s))
		}
		return nil
	default:
		if err := checkNoUser(u); err != nil {
			return err
		}
		return fmt.Errorf("%w: %q: want the scheme https, http, ssh, git or file", ErrScheme, origin(s))
	}
}

// The errors of a URL that callers tell from others.
var (
	ErrScheme      = errors.New("the scheme is not supported") // of one that is right in all else
	ErrCredentials = errors.New("holds credentials")
)

// isSCP tells the short form of an ssh URL, [user@]host:path. An @ behind the colon would be that of user:password@host.
func isSCP(s string) bool {
	if strings.Contains(s, "://") || strings.ContainsFunc(s, unicode.IsControl) {
		return false
	}
	user, rest, ok := strings.Cut(s, "@")
	if !ok {
		user, rest = "", s
	}
	host, path, ok := strings.Cut(rest, ":")
	if inner, isBracketed := strings.CutPrefix(rest, "["); isBracketed {
		host, path, ok = strings.Cut(inner, "]:")
	}
	return ok && host != "" && path != "" && !strings.ContainsAny(user, ":/\\") && !strings.ContainsAny(host, "/\\ @") && !strings.Contains(path, "@")
}

// checkNoUser refuses a user in a URL of http or https: the host may take it for a token, and URLs are shown to people.
func checkNoUser(u *url.URL) error {
	if u.User != nil {
		return fmt.Errorf("%q %w: take them out and write username, and password: {env: NAME} or {file: PATH}",
			origin(u.String()), ErrCredentials)
	}
	return nil
}

// parseURL parses a URL without query and fragment. No error repeats s, which may hold a password in any place.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme == "":
		return nil, errors.New("is not a URL: want one as https://git.example.com/a")
	case u.Hostname() == "" && u.Scheme != "file":
		return nil, errors.New("names no host: want a URL as https://git.example.com/a") // which may stand in the path, after a password
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q has a query or a fragment: take it out", origin(s))
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		return nil, fmt.Errorf("%q: want three slashes, as file:///srv/git/a.git", origin(s))
	}
	return u, nil
}

// origin gives a URL as it may be shown: without user, query and fragment. A path is given as it is.
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// shown gives a checked repository URL as it may be shown.
func shown(s string) string {
	if isSCP(s) {
		return s
	}
	return origin(s)
}

// scheme gives the scheme of a checked repository URL, "" for a path.
func scheme(s string) string {
	if filepath.IsAbs(s) {
		return ""
	}
	before, _, _ := strings.Cut(s, "://")
	if before = strings.ToLower(before); isSCP(s) || strings.Contains(before, "ssh") {
		return "ssh"
	}
	return before
}
