package host

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of failure. Every error of a host that is not the caller's own (a cancelled context) is one of them to errors.Is.
var (
	ErrAuth        = errors.New("not authorised")          // 401, 403, 407, a login page instead of an answer
	ErrGone        = errors.New("not there")               // 404, 410
	ErrThrottled   = errors.New("too many requests")       // see Error.Until
	ErrRefused     = errors.New("refused")                 // the host understood, and does not do it; see Error.Said
	ErrServer      = errors.New("host failed")             // 5xx
	ErrUnreachable = errors.New("host not reached")        // name resolution, connection, TLS, a time limit
	ErrAnswer      = errors.New("answer not understood")   // not JSON, cut short, or not what the host documents
	ErrTooLarge    = errors.New("larger than allowed")     // an answer, its depth, or the number of pages
	ErrOrigin      = errors.New("leads to another origin") // a redirect, a link to the next page, a clone URL
	ErrShape       = errors.New("not a list of the host's repositories")
	ErrConfig      = errors.New("configuration")           // New cannot make the host
	ErrSignature   = errors.New("webhook not authentic")   // wrong, missing or doubled signature, or no secret to check it by
	ErrUnsupported = errors.New("the host cannot do this") // for what it has no API
)

// Error is a failed operation of a host. Its text names the thing and the way out, and holds no secret.
type Error struct {
	Kind   error     // one of the Err variables
	Op     string    // what was done, as "GET https://api.example.com/user/repos"; without query
	Status int       // of HTTP, when that was the reason, else 0
	Until  time.Time // when to ask again, of ErrThrottled
	Said   string    // the host's own words, one line, without secrets; empty when it said nothing
	Text   string    // what happened and the way out
	Err    error     // the cause, if there is one
}

func (e *Error) Error() string {
	parts := make([]string, 0, 4)
	for _, part := range []string{e.Op, e.Text} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Said != "" {
		parts = append(parts, fmt.Sprintf("the host says %q", e.Said))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if len(parts) == 0 {
		return e.Kind.Error()
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	list := []error{e.Kind}
	if e.Err != nil {
		list = append(list, e.Err)
	}
	return list
}

// Problem makes an Error of a kind.
func Problem(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}
