package hostapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"keytrail/indexer/host"
)

// unknownWait is for a limit that does not say when it ends; GitHub asks for at least a minute.
const unknownWait = time.Minute

// judge makes an error of what is no answer to the question, and remembers what the host asks to wait, also with a good answer.
func (c *Client) judge(a Answer, s secrets) error {
	now := time.Now()
	if a.Status < http.StatusBadRequest {
		c.gate.close(pause(a.Header, now))
	}
	e := &host.Error{Status: a.Status}
	if a.Status >= http.StatusMultipleChoices {
		// Redacted before it is shortened: half a secret would not be found any more.
		e.Said = printable(s.redact(a.said()))
	}
	if until, is := c.throttled(a, now); is {
		c.gate.close(until)
		e.Kind, e.Until = host.ErrThrottled, until
		e.Text = "HTTP status " + strconv.Itoa(a.Status) + ": the host limits requests: it is asked again at " + until.UTC().Format(time.RFC3339)
		return e
	}
	switch {
	case a.isPage() && a.Status < http.StatusMultipleChoices:
		e.Kind, e.Text = host.ErrAuth, "the host answers with a web page, maybe a login: check the url and renew the token"
		return e
	case a.Status < http.StatusMultipleChoices:
		return nil
	}
	status := a.Status
	if c.options.Means != nil && status >= http.StatusBadRequest {
		status = c.options.Means(a)
	}
	var text string
	text, e.Kind = meaning(status)
	e.Text = "HTTP status " + strconv.Itoa(a.Status) + ": " + text
	return e
}

// meaning gives a status its kind and tells an operator the way out.
func meaning(status int) (text string, kind error) {
	switch {
	case status == http.StatusUnauthorized:
		return "the host does not accept the token, or user name and password: renew them", host.ErrAuth
	case status == http.StatusProxyAuthRequired:
		return "the proxy wants credentials, or others than it was sent: configure its user name and password", host.ErrAuth
	case status == http.StatusForbidden:
		return "the account may not do this: grant the token the rights for it", host.ErrAuth
	case status == http.StatusNotFound, status == http.StatusGone:
		return "there is no such thing, or the account may not see it: check the url, the name and the account's rights", host.ErrGone
	case status >= 500, status == http.StatusRequestTimeout:
		return "the host failed: look at its log if this stays", host.ErrServer
	case status < 400:
		return "the answer is none: check the url of the integration", host.ErrAnswer
	}
	return "the host does not take the request", host.ErrRefused
}

// throttled tells whether an answer is a limit of requests, and when it ends.
func (c *Client) throttled(a Answer, now time.Time) (time.Time, bool) {
	if a.Status < http.StatusBadRequest {
		return time.Time{}, false
	}
	is := a.Status == http.StatusTooManyRequests ||
		a.Header.Get("Retry-After") != "" && (a.Status == http.StatusForbidden || a.Status == http.StatusServiceUnavailable)
	var until time.Time
	if c.options.Throttled != nil && !is {
		until, is = c.options.Throttled(a)
	}
	if !is {
		return time.Time{}, false
	}
	for _, told := range []time.Time{until, pause(a.Header, now)} {
		if told.After(now) {
			return told, true
		}
	}
	return now.Add(unknownWait), true
}

// pause is until when a host asks to wait; not after now when it does not. Retry-After goes before a used up limit.
func pause(h http.Header, now time.Time) time.Time {
	if value := h.Get("Retry-After"); value != "" {
		return retryAfter(value, h, now)
	}
	for _, prefix := range [...]string{"X-RateLimit-", "RateLimit-"} {
		if h.Get(prefix+"Remaining") != "0" {
			continue
		}
		if reset, err := strconv.ParseInt(h.Get(prefix+"Reset"), 10, 64); err == nil {
			return clockReset(reset, h, now)
		}
	}
	return time.Time{}
}

// clockReset reads the end of a limit: seconds since 1970 on the host's clock.
func clockReset(reset int64, h http.Header, now time.Time) time.Time {
	return now.Add(time.Unix(reset, 0).Sub(hostTime(h, now)))
}

// retryAfter reads the header's seconds or date (RFC 9110, section 10.2.3).
func retryAfter(value string, h http.Header, now time.Time) time.Time {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	if until, err := http.ParseTime(value); err == nil {
		return now.Add(until.Sub(hostTime(h, now)))
	}
	return time.Time{}
}

// hostTime is the host's clock, against which its times are meant.
func hostTime(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// printable shortens a host's text to one line without control characters.
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
