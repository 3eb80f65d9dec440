package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Reach says how git hosts are reached and what is taken from them. An integration and a repository have the
// configuration's own where they do not override it.
type Reach struct {
	Objects Objects
	Fetch   Fetch
	CA      string // file of certificates in PEM form, trusted beside the system's; absolute, empty when not configured
	Proxy   Proxy
}

// Objects says which objects are transferred.
type Objects string

// The kinds of transfer.
const (
	ObjectsCommits Objects = "commits" // commits alone, where the server can
	ObjectsFull    Objects = "full"
)

// Fetch says what does the fetching.
type Fetch struct {
	Engine Engine
}

// Engine names an implementation of git's protocol.
type Engine string

// The engines.
const (
	EngineNative  Engine = "native"
	EngineLibgit2 Engine = "libgit2"
)

// Proxy says through which proxy http and https go. The zero value takes the one that the environment names.
type Proxy struct {
	None     bool   // `proxy: none` was written down: straight to the host
	URL      string // http, https or socks5, without credentials; empty for the environment's, or none
	Username string
	Password Secret
}

// Credentials are what a host knows us by, and we it.
type Credentials struct {
	Username         string
	Password         Secret
	Token            Secret
	Headers          []Header
	SSHKey           Secret
	SSHKeyPassphrase Secret
	KnownHosts       string // absolute path; empty when not configured
}

// Header is a field that is sent with each HTTP request to a host.
type Header struct {
	Name  string
	Value Secret
}

// fields are the keys of a Reach, which stand beside others.
func (r *Reach) fields(checks Checks) []field {
	return []field{
		{"objects", oneOf(&r.Objects, ObjectsCommits, ObjectsFull)},
		{"fetch", r.Fetch.read},
		{"ca", text(&r.CA, checkAbsolute, checks.CA)},
		{"proxy", r.Proxy.read},
	}
}

func (f *Fetch) read(v value) {
	v.mapping(field{"engine", oneOf(&f.Engine, EngineNative, EngineLibgit2)})
}

func (p *Proxy) read(v value) {
	*p = Proxy{}
	if s, ok := v.text(); ok {
		if p.None = s == "none"; !p.None && s != "environment" {
			v.fail("want none, environment, or a mapping with url")
		}
		return
	}
	found := v.mapping(
		field{"url", text(&p.URL, checkProxyURL)},
		field{"username", text(&p.Username)},
		field{"password", secret(&p.Password)},
	)
	v.require(found, "url")
	_, hasUsername := found["username"]
	if _, hasPassword := found["password"]; hasUsername != hasPassword {
		v.fail("has one of username and password: write both, or none")
	}
}

// checkProxyURL accepts a proxy's address. No error repeats it if it may hold a password.
func checkProxyURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("want the URL of a proxy, as http://proxy.example.com:3128")
	case u.User != nil:
		return errors.New("holds credentials: take them out and write username, and password: {env: NAME} or {file: PATH}")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return fmt.Errorf("%q: want the scheme http, https or socks5", origin(s))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has more than a host and a port: take it out", u.Scheme+"://"+u.Host)
	}
	return nil
}

// fields are the keys of Credentials, which stand beside others.
func (c *Credentials) fields() []field {
	return []field{
		{"username", text(&c.Username)},
		{"password", secret(&c.Password)},
		{"token", secret(&c.Token)},
		{"headers", c.readHeaders},
		{"ssh_key", secret(&c.SSHKey)},
		{"ssh_key_passphrase", secret(&c.SSHKeyPassphrase)},
		{"known_hosts", text(&c.KnownHosts, checkAbsolute)},
	}
}

func (c *Credentials) readHeaders(v value) {
	names := make(unique)
	for _, e := range v.entries() {
		h := Header{Name: e.key}
		if err := checkHeader(e.key); err != nil {
			v.d.fail(e.keyNode, v.path, err.Error())
			continue
		}
		if err := names.check(http.CanonicalHeaderKey(e.key)); err != nil {
			v.d.fail(e.keyNode, v.path, err.Error())
		}
		secret(&h.Value)(e.value)
		c.Headers = append(c.Headers, h)
	}
}

// ownHeaders are what the protocol sets itself, or what belongs to a connection rather than a request (RFC 9110, section 7.6.1).
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Git-Protocol", "Host",
	"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// checkHeader accepts the name of a header field (RFC 9110, section 5.1) that may be added.
func checkHeader(name string) error {
	const marks = "!#$%&'*+-.^_`|~"
	for _, c := range name {
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && !strings.ContainsRune(marks, c) {
			return errors.New("want names of header fields, as X-Api-Key")
		}
	}
	if slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)) {
		return fmt.Errorf("%s is set by keytrail itself: take it out", name)
	}
	return nil
}

// hasHeader tells whether a field is among the headers.
func (c *Credentials) hasHeader(name string) bool {
	return slices.ContainsFunc(c.Headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// check holds the credentials found for http against each other: one that is never used is a mistake. at is where they stand.
func (c *Credentials) check(at value, found map[string]value) {
	has := func(key string) bool { _, ok := found[key]; return ok }
	hasUsername, hasPassword, hasToken := has("username"), has("password"), has("token")
	switch {
	case hasPassword && hasToken:
		at.fail("has a password and a token: write one of them")
	case hasPassword && !hasUsername:
		at.fail("has a password and no username: write the username that goes with it")
	case hasToken && hasUsername:
		at.fail("has a username and a token: take the username out, or write the token as password")
	case hasUsername && !hasPassword:
		at.fail("has a username and no password: write the password that goes with it")
	case c.hasHeader("Authorization") && (hasPassword || hasToken):
		at.fail("has a header Authorization beside a password or token: write one of them")
	}
}

// look calls visit with every secret of c and the key that it stands at.
func (c *Credentials) look(at string, visit func(path string, s Secret)) {
	visit(at+"password", c.Password)
	visit(at+"token", c.Token)
	for _, h := range c.Headers {
		visit(at+"headers."+h.Name, h.Value)
	}
	visit(at+"ssh_key", c.SSHKey)
	visit(at+"ssh_key_passphrase", c.SSHKeyPassphrase)
}
