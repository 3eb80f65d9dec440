package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/storage"
)

// defaultLimit is how many items a page holds when the request does not say.
const defaultLimit = 50

// params is the query of a request, checked: each parameter is known, given once, and not empty.
type params url.Values

// queryOf reads the query of a request. A parameter that is not known is refused rather than ignored, so that a
// misspelt filter cannot pass for no filter.
func queryOf(r *http.Request, known ...string) (params, error) {
	return queryWith(r, nil, known...)
}

// queryWith is queryOf, where some of the parameters may be given several times.
func queryWith(r *http.Request, repeatable []string, known ...string) (params, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemf(badParameter, "the query of the address is malformed: write parameters as name=value, joined by &, with special characters as %%XX")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name): // of which the repeatable are some
			return nil, problemf(unknownParameter, "unknown parameter %s: %s", quote(name), offer(known))
		case len(given) > 1 && !slices.Contains(repeatable, name):
			return nil, problemf(badParameter, "parameter %q is given %d times: give it once", name, len(given))
		case slices.Contains(given, ""):
			return nil, problemf(badParameter, "parameter %q is empty: give it a value or leave it out", name)
		}
	}
	return params(values), nil
}

func offer(known []string) string {
	if len(known) == 0 {
		return "this route knows none"
	}
	return "this route knows " + strings.Join(known, ", ")
}

// text gives the value of a parameter; empty when it is not given.
func (p params) text(name string) string { return url.Values(p).Get(name) }

// flag reads a parameter that is true or false.
func (p params) flag(name string, unsaid bool) (bool, error) {
	text, err := p.oneOf(name, "true", "false")
	if err != nil || text == "" {
		return unsaid, err
	}
	return text == "true", nil
}

// limit reads how many items a page may hold.
func (p params) limit() (int, error) {
	text := p.text("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > storage.MaxLimit {
		return 0, problemf(badParameter, "limit %s: want a number from 1 to %d", quote(text), storage.MaxLimit)
	}
	return n, nil
}

// time reads an instant, or a day, which stands for its first instant in UTC. It is the zero time when not given.
func (p params) time(name string) (time.Time, error) {
	text := p.text(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, problemf(badParameter, "%s %s: want a time as 2024-10-25T00:33:01Z or a day as 2024-10-25 (a + is written %%2B)",
		name, quote(text))
}

// oneOf reads a parameter that has a few possible values; empty when it is not given.
func (p params) oneOf(name string, values ...string) (string, error) {
	text := p.text(name)
	if text != "" && !slices.Contains(values, text) {
		return "", problemf(badParameter, "%s %s: want one of %s", name, quote(text), strings.Join(values, ", "))
	}
	return text, nil
}
