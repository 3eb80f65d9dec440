package hostapi

import (
	"encoding/base64"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

const redacted = "[redacted]"

// secrets are texts that must not be shown: all that authorises a request, in the forms in which a host may say it back.
type secrets []string

// leastSecret is how long a text is at least, in bytes, to be taken for a secret: taking shorter ones out would take errors apart.
const leastSecret = 4

// addedSecrets are those in the header fields that authorising added to a request. Whatever is added is one, so that no host can forget
// to say so.
func addedSecrets(before, after http.Header) secrets {
	var found secrets
	for name, values := range after {
		if slices.Equal(before[name], values) {
			continue
		}
		for _, value := range values {
			found.keep(value)
			scheme, rest, ok := strings.Cut(value, " ")
			if !ok {
				continue
			}
			found.keep(rest)
			decoded, err := base64.StdEncoding.DecodeString(rest)
			if err == nil && strings.EqualFold(scheme, "Basic") {
				username, password, _ := strings.Cut(string(decoded), ":")
				found.keep(password)
				if password == "" {
					found.keep(username)
				}
			}
		}
	}
	// Longer ones first: a part of one may be another.
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

// keep adds a secret in all its forms.
func (s *secrets) keep(secret string) {
	quoted := strconv.Quote(secret)
	for _, form := range []string{
		secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if len(form) >= leastSecret && !slices.Contains(*s, form) {
			*s = append(*s, form)
		}
	}
}

// redact takes the secrets out of a text.
func (s secrets) redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}

// clean takes the secrets out of an error's text. What errors.Is and errors.As find stays.
func (s secrets) clean(err error) error {
	if err == nil || s.redact(err.Error()) == err.Error() {
		return err
	}
	var made *host.Error
	if !errors.As(err, &made) {
		return &redactedError{s.redact(err.Error()), err}
	}
	clean := *made
	clean.Text, clean.Said = s.redact(made.Text), s.redact(made.Said)
	if made.Err != nil {
		clean.Err = &redactedError{s.redact(made.Err.Error()), made.Err}
	}
	return &clean
}

// redactedError shows another error without secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

// Unwrap gives the error to errors.Is and errors.As. Its own text may hold secrets.
func (e *redactedError) Unwrap() error { return e.err }
