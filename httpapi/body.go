package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// readJSON reads the body of a request into v, which describes all fields there may be.
func readJSON(w *response, r *http.Request, v any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return problemf(unsupportedMediaType, "the body must be JSON: send the header \"Content-Type: application/json\"")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bodyProblem(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problemf(badBody, "something follows the JSON object: send one object only")
	}
	w.limitBody(0)
	return nil
}

// bodyProblem says what is wrong with a body in the words of its sender.
func bodyProblem(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problemf(bodyTooLarge, "the body is larger than %d bytes: ask in several requests", maxBodyBytes)
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if t.Field == "" {
			return problemf(badBody, "the body is a JSON %s: send an object", t.Value)
		}
		return problemf(badBody, "field %s cannot hold this JSON %s: see openapi.yaml", quote(t.Field), t.Value)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problemf(badBody, "unknown field %.60s: see openapi.yaml for those there are", field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return problemf(badBody, "the body is no JSON: %v at byte %d", s, s.Offset)
	}
	return problemf(badBody, "the body ends too early or cannot be read: send one JSON object")
}
