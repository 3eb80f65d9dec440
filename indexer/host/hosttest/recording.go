package hosttest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recording is a folder of recorded answers.
type recording struct {
	dir       string
	Exchanges []exchange `json:"exchanges"`
	Webhooks  []delivery `json:"webhooks"`
}

// exchange is a request and its answer.
type exchange struct {
	ID      string `json:"id"`
	Request struct {
		Method   string            `json:"method"`
		URL      string            `json:"url"`
		Headers  map[string]string `json:"headers"`
		Body     json.RawMessage   `json:"body"`
		BodyFile string            `json:"body_file"`
	} `json:"request"`
	Response struct {
		Status     int               `json:"status"`
		Headers    map[string]string `json:"headers"`
		BodyFile   string            `json:"body_file"`
		BodyText   string            `json:"body_text"`
		BodyPrefix string            `json:"body_prefix"`
	} `json:"response"`
	url *url.URL
	dir string // of its bodies
}

// delivery is a webhook's request.
type delivery struct {
	ID       string            `json:"id"`
	BodyFile string            `json:"body_file"`
	Headers  map[string]string `json:"headers"`
}

// load reads a folder, and the exchanges of more after its own.
func load(t testing.TB, dir string, more ...string) *recording {
	t.Helper()
	r := read(t, dir)
	for _, other := range more {
		r.Exchanges = append(r.Exchanges, read(t, other).Exchanges...)
	}
	return r
}

// read reads one folder.
func read(t testing.TB, dir string) *recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "exchanges.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{dir: dir}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	for i := range r.Exchanges {
		e := &r.Exchanges[i]
		if e.url, err = url.Parse(e.Request.URL); err != nil {
			t.Fatalf("%s: %s: %v", dir, e.ID, err)
		}
		e.dir = dir
	}
	return r
}

// file gives a body of a folder, exactly.
func file(t testing.TB, dir, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// exchange gives the one of an id.
func (r *recording) exchange(t testing.TB, id string) *exchange {
	t.Helper()
	for i := range r.Exchanges {
		if r.Exchanges[i].ID == id {
			return &r.Exchanges[i]
		}
	}
	t.Fatalf("%s: no exchange %s", r.dir, id)
	return nil
}

// isUsual tells whether an exchange is how the host answers when nothing is wrong.
func (e *exchange) isUsual() bool {
	return !strings.HasPrefix(e.ID, "error-") && !strings.HasPrefix(e.ID, "throttled") && !strings.HasSuffix(e.ID, "-rejected")
}

// wants gives the JSON that the request is to have; nil for none.
func (e *exchange) wants(t testing.TB) []byte {
	switch {
	case e.Request.BodyFile != "":
		return file(t, e.dir, e.Request.BodyFile)
	case len(e.Request.Body) > 0:
		return e.Request.Body
	}
	return nil
}

// header gives the header fields of a delivery.
func (d delivery) header() http.Header {
	h := http.Header{}
	for name, value := range d.Headers {
		h.Set(name, value)
	}
	return h
}
