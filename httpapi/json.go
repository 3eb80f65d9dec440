package httpapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"keytrail/storage"
)

// appender is an answer that writes itself. Commits do: they are most of what is asked for, and encoding/json takes
// four times as long for them. What they write is, byte for byte, what encoding/json writes of the struct; a test holds them to it.
type appender interface {
	appendJSON(b []byte) []byte
}

// encode writes a value as JSON, with a newline at its end. Every value that the package answers with can be encoded.
func encode(v any) []byte { return appendValue(nil, v) }

// appendValue is encode, behind what b holds.
func appendValue(b []byte, v any) []byte {
	if a, ok := v.(appender); ok {
		return append(a.appendJSON(b), '\n')
	}
	buffer := bytes.NewBuffer(b)
	e := json.NewEncoder(buffer)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return buffer.Bytes()
}

// appendInner writes a value that is part of another.
func appendInner(b []byte, v any) []byte {
	b = appendValue(b, v)
	return b[:len(b)-1]
}

func (c Commits) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"key":`...), string(c.Key))
	b = append(b, `,"commits":[`...)
	for i := range c.Commits {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.Commits[i].appendJSON(b)
	}
	b = append(b, ']')
	if c.Next != "" {
		b = appendString(append(b, `,"next":`...), c.Next)
	}
	return append(b, '}')
}

func (c *Commit) appendJSON(b []byte) []byte {
	b = appendOID(append(b, `{"sha":`...), c.SHA)
	b = strconv.AppendUint(append(b, `,"repository":{"id":`...), uint64(c.Repository.ID), 10)
	b = appendString(append(b, `,"name":`...), c.Repository.Name)
	b = c.Author.appendJSON(append(b, `},"author":`...))
	b = c.Committer.appendJSON(append(b, `,"committer":`...))
	b = appendString(append(b, `,"message":`...), c.Message)
	b = appendList(append(b, `,"parents":`...), c.Parents, appendOID)
	b = strconv.AppendBool(append(b, `,"merge":`...), c.Merge)
	b = appendList(append(b, `,"keys":`...), c.Keys, appendString)
	if c.Branches != nil {
		b = appendList(append(b, `,"branches":`...), c.Branches, appendString)
	}
	if c.Tags != nil {
		b = appendList(append(b, `,"tags":`...), c.Tags, appendString)
	}
	if c.FirstTag != "" {
		b = appendString(append(b, `,"first_tag":`...), c.FirstTag)
	}
	if c.InDefault != nil {
		b = strconv.AppendBool(append(b, `,"in_default":`...), *c.InDefault)
	}
	b = append(b, `,"notes":`...)
	if len(c.Notes) == 0 {
		b = append(b, "{}"...)
	} else {
		b = appendInner(b, c.Notes)
	}
	if c.URL != "" {
		b = appendString(append(b, `,"url":`...), c.URL)
	}
	if c.Decided != nil {
		b = appendInner(append(b, `,"decided":`...), c.Decided)
	}
	if c.Files != nil {
		b = appendInner(append(b, `,"files":`...), c.Files)
	}
	if c.FilesTruncated {
		b = append(b, `,"files_truncated":true`...)
	}
	if c.FilesError != "" {
		b = appendString(append(b, `,"files_error":`...), c.FilesError)
	}
	return append(b, '}')
}

func (p *Person) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"name":`...), p.Name)
	b = appendString(append(b, `,"email":`...), p.Email)
	b = p.Date.AppendFormat(append(b, `,"date":"`...), time.RFC3339Nano)
	return append(b, `"}`...)
}

// appendList writes a list, which is [] when there is none.
func appendList[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, v)
	}
	return append(b, ']')
}

func appendOID(b []byte, o storage.OID) []byte {
	return append(hex.AppendEncode(append(b, '"'), o[:]), '"')
}

// appendString writes a string of RFC 8259 section 7. Escaped are quotes, backslashes and control characters, and U+2028 and U+2029, which
// end a line of JavaScript; what is no UTF-8 becomes U+FFFD.
func appendString[S ~string](b []byte, s S) []byte {
	b = append(b, '"')
	for {
		n := plainLength(string(s))
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		b, n = appendOdd(b, string(s))
		s = s[n:]
	}
}

// plainLength tells how many bytes at the front of a text stand for themselves. It looks at eight bytes at a time: such texts
// are most of an answer, and most of them are names of a dozen bytes, whose last eight are looked at together.
func plainLength(s string) int {
	n := 0
	for n+8 <= len(s) && isPlain(word(s[n:])) {
		n += 8
	}
	if len(s)-n < 8 && len(s) >= 8 && isPlain(word(s[len(s)-8:])) {
		return len(s)
	}
	for ; n < len(s); n++ {
		if c := s[n]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

// word reads eight bytes. The compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// isPlain reports whether all eight bytes stand for themselves: none has its high bit, is below 0x20, a quote or a backslash.
// Subtracting sets the high bit of the lowest byte that is one of these, if there is one; what a borrow does to those
// above it does not matter then.
func isPlain(w uint64) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	quote, backslash := w^ones*'"', w^ones*'\\'
	return (w|(w-ones*0x20)|(quote-ones)|(backslash-ones))&highs == 0
}

// appendOdd writes the first character of a text, which may need an escape, and tells how many bytes of the text it is.
func appendOdd(b []byte, s string) ([]byte, int) {
	const digits = "0123456789abcdef"
	switch c := s[0]; {
	case c == '"', c == '\\':
		return append(b, '\\', c), 1
	case c == '\b':
		return append(b, `\b`...), 1
	case c == '\f':
		return append(b, `\f`...), 1
	case c == '\n':
		return append(b, `\n`...), 1
	case c == '\r':
		return append(b, `\r`...), 1
	case c == '\t':
		return append(b, `\t`...), 1
	case c < 0x20:
		return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15]), 1
	}
	switch r, n := utf8.DecodeRuneInString(s); {
	case r == utf8.RuneError && n == 1:
		return append(b, `\ufffd`...), 1
	case r == '\u2028', r == '\u2029':
		return append(b, '\\', 'u', '2', '0', '2', digits[r&15]), n
	default:
		return append(b, s[:n]...), n
	}
}
