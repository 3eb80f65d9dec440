package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSaid is how much of a refusal's text is read, in bytes. It is more than is shown, and than any secret.
const maxSaid = 8 << 10

// refusal makes an error of a response that is not 200, with what the server says of it in plain text.
func (o *operation) refusal(response *http.Response, body io.Reader) error {
	wait := retryAfter(response.Header)
	text, kind := meaning(response.StatusCode, response.Header.Get("Retry-After") != "", o.anonymous())
	text = fmt.Sprintf("HTTP status %d: %s", response.StatusCode, text)
	if kind == ErrThrottled && wait > 0 {
		text += fmt.Sprintf(" (the server asks to wait %v)", wait)
	}
	if t, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); t == "text/plain" {
		// Best effort: the status has said what counts.
		said, _ := io.ReadAll(io.LimitReader(body, maxSaid))
		if len(said) > 0 {
			// Redacted before it is shortened: half a secret would not be found any more.
			text += fmt.Sprintf("; the server says %q", printable(o.redact(string(said))))
		}
	}
	e := problem(kind, "%s", text)
	e.Status, e.RetryAfter = response.StatusCode, wait
	return e
}

// meaning gives a status its kind and tells an operator the way out.
func meaning(status int, retryAfter, anonymous bool) (text string, kind error) {
	switch {
	case status == http.StatusTooManyRequests, retryAfter && (status == http.StatusServiceUnavailable || status == http.StatusForbidden):
		return "the server limits requests: it is asked again later", ErrThrottled
	case status == http.StatusUnauthorized && anonymous:
		return "the server wants credentials: configure a user name and a password or token", ErrAuth
	case status == http.StatusUnauthorized:
		return "the server does not accept the user name and password or token: renew them", ErrAuth
	case status == http.StatusForbidden:
		return "the account may not read this repository: grant it read access", ErrAuth
	case status == http.StatusProxyAuthRequired:
		return "the proxy wants credentials, or others than it was sent: configure its user name and password", ErrAuth
	case status == http.StatusNotFound && anonymous:
		return "there is no such repository, or it is hidden from anonymous readers: check the URL, or configure credentials", ErrNotFound
	case status == http.StatusNotFound, status == http.StatusGone:
		return "there is no such repository, or the account may not see it: check the URL and the account's rights", ErrNotFound
	case status >= 500, status == http.StatusRequestTimeout:
		return "the server failed: it is tried again later; look at its log if this stays", ErrServer
	}
	return "the server does not take the request: check that the URL is that of a git repository", ErrProtocol
}

// retryAfter reads the header's seconds or date (RFC 9110, section 10.2.3), a date against the server's own clock.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, until.Sub(now).Round(time.Second))
}

// checkType refuses what is not the git protocol before it is parsed.
func checkType(header, want string) error {
	have, _, _ := mime.ParseMediaType(header)
	switch {
	case have == want:
		return nil
	case have == "text/html", have == "application/xhtml+xml":
		return problem(ErrProtocol, "the server answers with a web page, maybe a login: check the URL and the credentials")
	case have == "text/plain" && want == advertisementType:
		return problem(ErrProtocol, "the server speaks only the dumb HTTP protocol, or not git: set up git http-backend there")
	}
	return problem(ErrProtocol, "the server answers with the content type %q instead of %s: check that the URL is that of a git repository",
		printable(header), want)
}

// unreachable makes an error of a request that got no response, unless it is one already.
func unreachable(err error) error {
	var (
		proxy       *net.OpError
		made        *Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		authority   x509.UnknownAuthorityError
		timeout     net.Error
	)
	e := problem(ErrUnreachable, "no connection: check that the server runs and that firewall and proxy let it be reached")
	e.Err = err
	switch text := err.Error(); {
	case errors.As(err, &made):
		return made
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "malformed MIME"):
		// The text holds what the server sent, so that it must pass through redaction.
		return problem(ErrProtocol, "the answer is not HTTP: %s", printable(text))
	case errors.As(err, &proxy) && proxy.Op == "socks connect" && refusesCredentials(text):
		e.Kind, e.Text = ErrAuth, "the proxy does not take the user name and password, or wants some: configure those of the proxy"
	case errors.As(err, &proxy) && (proxy.Op == "proxyconnect" || proxy.Op == "socks connect"):
		e.Text = "no connection through the proxy: check the proxy's URL, and that it may reach the server"
	case errors.As(err, &dns):
		e.Text = "the host name is not resolved: check the URL and the DNS"
	case errors.As(err, &authority):
		e.Text = "TLS: the server's certificate is signed by an unknown authority: configure that authority's certificate (ca)"
	case errors.As(err, &certificate):
		e.Text = "TLS: the server's certificate is not valid for it: renew the certificate or correct the URL"
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(text, "tls:"),
		strings.Contains(text, "HTTP response to HTTPS client"):
		e.Text = "TLS: no agreement with the server: check that the URL's port speaks https"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Text = "the server closed the connection before it answered: look at its log"
	case errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, context.Canceled):
		e.Text = "no connection in time: check that firewall and proxy let the server be reached"
	}
	return e
}

// refusesCredentials tells that a SOCKS proxy (RFC 1928, 1929) takes no client without credentials, or not with these. The texts are
// all that net/http gives.
func refusesCredentials(text string) bool {
	return strings.Contains(text, "no acceptable authentication methods") || strings.Contains(text, "username/password")
}
