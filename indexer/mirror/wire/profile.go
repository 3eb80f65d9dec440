package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Profile is how http and https servers are reached: whom to trust, and through which proxy. One transport is made for all
// repositories of a profile, so that they share connections.
type Profile struct {
	// CA holds certificates, in PEM form, that are trusted beside the system's. Empty adds none.
	CA []byte
	// Proxy chooses the proxy of a request, as http.ProxyFromEnvironment and the result of FixedProxy do. Nil is none.
	Proxy func(*http.Request) (*url.URL, error)
}

const (
	// idlePerHost is how many connections to one host are kept for the next requests: as many as are fetched from at a time.
	idlePerHost = 8
	idleTime    = 2 * time.Minute
	// pingAfter and pingWait find out an HTTP/2 connection that died in silence. Without them the next request would take it.
	pingAfter = 30 * time.Second
	pingWait  = 15 * time.Second
)

// NewTransport makes the transport of a profile. It speaks HTTP/2 where the server does. Limits of time are those of Options,
// so that one connection serves repositories with different ones.
func NewTransport(p Profile) (*http.Transport, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(p.CA) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("the system's certificates: %w", err)
		}
		if !roots.AppendCertsFromPEM(p.CA) {
			return nil, errors.New("holds no certificate in PEM form")
		}
		settings.RootCAs = roots
	}
	t := &http.Transport{
		TLSClientConfig:        settings,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait},
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTime,
		OnProxyConnectResponse: checkConnect,
	}
	if p.Proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) { return chosenProxy(p.Proxy, r) }
	}
	return t, nil
}

// FixedProxy sends every request through one proxy: http://host:port, https://host:port or socks5://host:port, without credentials.
// These are asked for at each request, so that a rotated file is seen; nil is none. The error of a URL does not repeat it.
func FixedProxy(at string, credentials func(context.Context) (Credentials, error)) (func(*http.Request) (*url.URL, error), error) {
	fixed, err := url.Parse(at)
	switch {
	case err != nil || fixed.Host == "":
		return nil, errors.New("is not the URL of a proxy: want one as http://proxy.example.com:3128")
	case fixed.Scheme != "http" && fixed.Scheme != "https" && fixed.Scheme != "socks5":
		return nil, errors.New("is not the URL of a proxy: want the scheme http, https or socks5")
	case fixed.User != nil:
		return nil, errors.New("holds credentials: give them beside it")
	}
	return func(r *http.Request) (*url.URL, error) {
		if credentials == nil {
			return fixed, nil
		}
		c, err := credentials(r.Context())
		if err != nil {
			e := problem(ErrAuth, "the proxy's credentials cannot be read")
			e.Err = err
			return nil, e
		}
		u := *fixed
		u.User = url.UserPassword(c.Username, c.Password)
		return &u, nil
	}, nil
}

// chosenProxy remembers the proxy's password as a secret of the operation. The error of net/http for a proxy in the environment
// that is not a URL would show it.
func chosenProxy(choose func(*http.Request) (*url.URL, error), r *http.Request) (*url.URL, error) {
	u, err := choose(r)
	var made *Error
	if errors.As(err, &made) {
		return nil, made
	}
	if err != nil {
		return nil, problem(ErrUnreachable, "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY) is not the URL of one: correct it")
	}
	if o, ok := r.Context().Value(operationKey{}).(*operation); ok && u != nil && u.User != nil {
		password, _ := u.User.Password()
		o.keepCredentials(Credentials{Username: u.User.Username(), Password: password})
	}
	return u, nil
}

// operationKey is where a request's context holds its operation: the transport is shared and chooses the proxy late.
type operationKey struct{}

func withOperation(o *operation) context.Context { return context.WithValue(o.ctx, operationKey{}, o) }

// checkConnect gives an error of a proxy that does not let a connection through.
func checkConnect(_ context.Context, proxy *url.URL, _ *http.Request, response *http.Response) error {
	status := response.StatusCode
	var e *Error
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusProxyAuthRequired && proxy.User == nil:
		e = problem(ErrAuth, "HTTP status 407: the proxy wants credentials: configure the user name and password of the proxy")
	case status == http.StatusProxyAuthRequired:
		e = problem(ErrAuth, "HTTP status 407: the proxy does not accept its user name and password: renew them")
	case status == http.StatusForbidden:
		e = problem(ErrAuth, "HTTP status 403 of the proxy: have it let the host through, or set proxy to none")
	default:
		e = problem(ErrUnreachable, "HTTP status %d of the proxy, which does not reach the server: look at its log", status)
	}
	e.Status = status
	return e
}
