package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// answer answers 200 with a JSON value.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any) {
	body := s.buffers.take()
	defer s.buffers.put(body)
	*body = appendValue(*body, v)
	s.answerTagged(w, r, "application/json", *body)
}

// buffers keeps the memory of answers for later ones.
type buffers struct{ pool sync.Pool }

// keptBuffer is the largest buffer that is kept, in bytes: larger answers are rare.
const keptBuffer = 256 << 10

// take gives an empty buffer.
func (p *buffers) take() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// put takes a buffer back. Nobody may hold on to what is in it.
func (p *buffers) put(b *[]byte) {
	if cap(*b) <= keptBuffer {
		*b = (*b)[:0]
		p.pool.Put(b)
	}
}

// tagger makes entity tags: a hash of 128 bits with a key of its own. Nobody who does not know the key can write a commit such
// that two answers have one tag; a client that comes back after a restart is sent its answer once more. SHA-256 would take as long
// as all else that a large answer needs.
type tagger [2]maphash.Seed

func newTagger() tagger { return tagger{maphash.MakeSeed(), maphash.MakeSeed()} }

// of gives the strong entity tag of a body.
func (t *tagger) of(body []byte) string {
	var sum [16]byte
	for i, seed := range t {
		binary.LittleEndian.PutUint64(sum[8*i:], maphash.Bytes(seed, body))
	}
	return string(append(base64.RawURLEncoding.AppendEncode([]byte{'"'}, sum[:]), '"'))
}

// answerTagged answers 200 with a body and its entity tag, or 304 when the client has just that.
func (s *Server) answerTagged(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	tag := s.tags.of(body)
	setFields(w.Header(), "Etag", tag, "Cache-Control", "private, no-cache")
	if r.Method != http.MethodPost && matches(r.Header["If-None-Match"], tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, contentType, body)
}

// setFields sets fields of a header: names in their canonical form, and values, in turn.
func setFields(h http.Header, fields ...string) {
	for i := 0; i < len(fields); i += 2 {
		h[fields[i]] = fields[i+1 : i+2 : i+2]
	}
}

// matches compares as RFC 9110 section 13.1.2 has it: weak tags equal strong ones.
func matches(fields []string, tag string) bool {
	for _, field := range fields {
		for candidate := range strings.SplitSeq(field, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}

// writeBody writes a whole answer. That the client went away is not the handler's business.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	setFields(w.Header(), "Content-Type", contentType, "Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
