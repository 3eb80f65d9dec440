package wire

import (
	"net/http"
	"strings"
)

// authorize adds the credentials and header fields of this moment, for the configured origin only.
func (c *httpConn) authorize(request *http.Request) error {
	if origin(request.URL) != origin(c.t.remote.base) {
		return nil
	}
	cred, err := c.t.options.Credentials(c.o.ctx)
	if err != nil {
		return unreadable(err)
	}
	c.o.isAuthorized = c.o.isAuthorized || cred != Credentials{}
	c.o.keepCredentials(cred)
	switch {
	case hasControls(cred.Bearer):
		return problem(ErrAuth, "its token holds a line break or another control character: correct where it is kept")
	case cred.Bearer != "":
		request.Header.Set("Authorization", "Bearer "+cred.Bearer)
	case cred != Credentials{}:
		request.SetBasicAuth(cred.Username, cred.Password)
	}
	if c.t.options.Headers == nil {
		return nil
	}
	fields, err := c.t.options.Headers(c.o.ctx)
	if err != nil {
		return unreadable(err)
	}
	for name, values := range fields {
		for _, value := range values {
			c.o.isAuthorized = true
			c.o.keepSecret(value)
			if hasControls(value) {
				return problem(ErrAuth, "its header %s holds a line break or another control character: correct where it is kept", printable(name))
			}
		}
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return nil
}

// unreadable is the error of credentials that cannot be had.
func unreadable(err error) error {
	e := problem(ErrAuth, "its credentials cannot be read")
	e.Err = err
	return e
}

// hasControls tells of a secret that cannot stand in a header (RFC 9110, section 5.5). net/http would say so with the secret's place only.
func hasControls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
