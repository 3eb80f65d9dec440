package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// The kinds of failure. Every error of a Client that is not the caller's own (a cancelled context, a failing pack writer) is
// one of them to errors.Is.
var (
	ErrAuth          = errors.New("not authorised")        // 401, 403, 407; credentials that cannot be read
	ErrNotFound      = errors.New("no such repository")    // 404, 410, or the server's word
	ErrThrottled     = errors.New("too many requests")     // 429, or 503 and 403 with Retry-After; see Error.RetryAfter
	ErrUnreachable   = errors.New("server not reached")    // name resolution, connection, TLS; Options.Connect
	ErrServer        = errors.New("server failed")         // 5xx, or a fatal error reported in the protocol
	ErrStalled       = errors.New("stalled")               // no byte for Options.Stall
	ErrTimeout       = errors.New("took too long")         // longer than Options.Total
	ErrTruncated     = errors.New("truncated answer")      // the connection ended within an answer
	ErrProtocol      = errors.New("not the git protocol")  // malformed packets, a web page, an empty answer
	ErrTooLarge      = errors.New("larger than allowed")   // one of the Max options
	ErrFilterRefused = errors.New("filter refused")        // ask again with the next weaker filter
	ErrWantRefused   = errors.New("object not offered")    // a wanted object is gone: list the refs again
	ErrRedirect      = errors.New("redirect refused")      // to another origin, downwards, or too many
	ErrHostKey       = errors.New("host key not trusted")  // of ssh: unknown, changed or revoked
	ErrObjectFormat  = errors.New("object format unknown") // a SHA-256 repository
	ErrUnsupported   = errors.New("URL not supported")     // scheme
)

// errSilent is the cause of an answer that ended before its first byte. It makes an ErrProtocol: servers that do not
// understand a request may just end.
var errSilent = errors.New("the server ended without an answer")

// Error is a failed operation of a Client. Its text holds the URL without credentials, what happened and the way out.
type Error struct {
	Kind       error         // one of the Err variables; nil when the caller's context or pack writer ended it
	Op         string        // what was done: "list refs of", "fetch from"
	URL        string        // redacted
	Status     int           // HTTP status when that was the reason, else 0
	RetryAfter time.Duration // how long the server asks to wait; 0 if it does not say
	Text       string        // what happened and the way out; no secrets
	Err        error         // the cause, if there is one
}

func (e *Error) Error() string {
	head := strings.TrimSpace(e.Op + " " + e.URL)
	parts := make([]string, 0, 3)
	if head != "" {
		parts = append(parts, head)
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var list []error
	if e.Kind != nil {
		list = append(list, e.Kind)
	}
	if e.Err != nil {
		list = append(list, e.Err)
	}
	return list
}

// problem makes an Error whose operation and URL finish adds.
func problem(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// remoteError is a fatal error in the server's own words, which are all there is to tell its kind by: git's, and those of
// known hosts.
func remoteError(message string) error {
	text := printable(message)
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(strings.ToLower(text), w) {
				return true
			}
		}
		return false
	}
	switch {
	case says("not our ref", "unadvertised object"), says("want ") && says(" not valid"):
		return problem(ErrWantRefused, "the server says %q: the refs moved, list them again", text)
	case says("repository not found", "not exported", "does not exist", "no such repository",
		"does not appear to be a git repository", "not a git repository", "could not be found"):
		return problem(ErrNotFound, "the server says %q: check the URL, and that the account may read it", text)
	case says("access denied", "permission denied", "not authorized", "not authorised", "unauthorized"):
		return problem(ErrAuth, "the server says %q: check the account's rights", text)
	}
	return problem(ErrServer, "the server says %q: look at its log", text)
}

// cut is the error of an answer that ended in the middle.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// silent is the error of an answer that ended before it began.
func silent(err error) error {
	if err == io.EOF {
		e := problem(ErrProtocol, "an empty answer: is this a git server?")
		e.Err = errSilent
		return e
	}
	return cut(err)
}

// finish completes an error of an operation: its kind if a lower layer gave none, operation and URL; and takes out secrets.
func (c *Client) finish(o *operation, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	switch ended := o.ctx.Err(); {
	case errors.As(err, &e) && e.Status != 0:
		// The server refused; that the text of its refusal then hung says less.
	case ended != nil && errors.As(context.Cause(o.ctx), &e):
	case ended != nil:
		e = &Error{Err: ended}
		if cause := context.Cause(o.ctx); !errors.Is(cause, ended) {
			e.Err = fmt.Errorf("%w: %w", ended, cause)
		}
	case errors.As(err, &e):
	case errors.Is(err, io.ErrUnexpectedEOF):
		e = problem(ErrTruncated, "the connection ended within the answer: it is tried again later")
	default:
		e = &Error{Err: err}
	}
	finished := *e
	finished.Op, finished.URL = o.name, c.redacted
	finished.Text = o.redact(finished.Text)
	if finished.Err != nil {
		if text := finished.Err.Error(); o.redact(text) != text {
			finished.Err = &redactedError{o.redact(text), finished.Err}
		}
	}
	return &finished
}

// printable shortens a server's text to one line without control characters.
func printable(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
