package hosttest

import (
	"io"
	"net/http"
	"strings"
)

// RoundTrip answers requests with JSON in place of a server.
type RoundTrip func(r *http.Request) (status int, body string)

// RoundTrip is that of http.RoundTripper.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}
