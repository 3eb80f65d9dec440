package hostapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"keytrail/indexer/host"
)

const (
	// maxDepth is how deep objects and arrays may lie in each other.
	maxDepth = 64
	// maxValues is how many values an answer may have: each takes some 50 bytes in memory, but maybe two in the answer.
	maxValues = 4 << 20
)

// Answer is what a host answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // decompressed, without Options.Prefix
}

// Decode reads the body's JSON. Keys that the value does not have are left out.
func (a Answer) Decode(into any) error {
	if err := checkSize(a.Body); err != nil {
		return err
	}
	err := json.Unmarshal(a.Body, into)
	if err == nil {
		return nil
	}
	e := host.Problem(host.ErrAnswer, "the answer is not the JSON that was expected: check the url of the integration")
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(a.Body)) {
		e.Text = "the answer's JSON is cut short: look at the host, or at a proxy before it, if this stays"
		e.Err = io.ErrUnexpectedEOF
	}
	return e
}

// Document reads the body's JSON as a document: nil, bool, float64, string, []any, map[string]any.
func (a Answer) Document() (any, error) {
	var document any
	err := a.Decode(&document)
	return document, err
}

// Ask sends a request and reads the answer's JSON as a T.
func Ask[T any](ctx context.Context, c *Client, r Request) (T, error) {
	var told, none T
	answer, err := c.Do(ctx, r)
	if err != nil {
		return none, err
	}
	if err := answer.Decode(&told); err != nil {
		return none, err
	}
	return told, nil
}

// isPage tells of a web page where JSON should be.
func (a Answer) isPage() bool {
	t, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return t == "text/html" || t == "application/xhtml+xml"
}

// checkSize refuses a JSON text that would take much more memory than it has bytes. It need not be valid.
func checkSize(text []byte) error {
	depth, values := measure(text)
	switch {
	case depth > maxDepth:
		return host.Problem(host.ErrTooLarge, "an answer's JSON is more than %d levels deep: look at the host", maxDepth)
	case values > maxValues:
		return host.Problem(host.ErrTooLarge, "an answer's JSON has more than %d values: let the host list less, by an organisation or api_path", maxValues)
	}
	return nil
}

// measure tells how deep the objects and arrays of a JSON text lie in each other, and how many values it has at most.
func measure(text []byte) (depth, values int) {
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			level++
			values++
			depth = max(depth, level)
		case c == '}', c == ']':
			level--
		case c == ',':
			values++
		}
	}
	return depth, values
}

// said gives the host's own words of a refusal: the messages in the JSON that hosts answer with, or a plain text.
func (a Answer) said() string {
	if a.isPage() || checkSize(a.Body) != nil {
		return ""
	}
	var document any
	if json.Unmarshal(a.Body, &document) != nil {
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
			return string(a.Body)
		}
		return ""
	}
	return strings.Join(messages(document), "; ")
}

// messages collects the texts of an error body. GitHub and Bitbucket have message beside or within errors[], GitLab message as text, array or
// object, or error and error_description, Jira errorMessages and errors{} by field.
func messages(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, messages(element)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, key := range [...]string{"message", "Message", "error", "error_description", "errorMessages", "errors", "base"} {
			inner, ok := v[key]
			if fields, isObject := inner.(map[string]any); isObject && key == "errors" {
				for _, field := range slices.Sorted(maps.Keys(fields)) {
					all = append(all, messages(fields[field])...)
				}
			} else if ok {
				all = append(all, messages(inner)...)
			}
		}
		return all
	}
	return nil
}
