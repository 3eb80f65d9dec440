package mirror

import (
	"math"
	"strings"

	"keytrail/storage"
)

// parseSignature reads the value of an author or committer header: "Ada <ada@example.com> 1600000000 +0200". As git does,
// it looks for the time behind the last >, so that names with odd characters do no harm. What is missing is
// zero. Times beyond 64 bits become the furthest one; git shows such ones as 1970.
func parseSignature(value string, d decoder) storage.Signature {
	value, _, _ = strings.Cut(value, "\x00")
	var s storage.Signature
	name, rest, bracketed := strings.Cut(value, "<")
	s.Name = d.decode(strings.TrimSpace(name))
	if !bracketed {
		return s
	}
	email, _, _ := strings.Cut(rest, ">")
	s.Email = d.decode(strings.TrimSpace(email))
	_, date, _ := cutLast(rest, '>')
	date = strings.TrimLeft(date, " ")
	seconds, zone, _ := strings.Cut(date, " ")
	s.Seconds = clampInt(seconds, math.MinInt64, math.MaxInt64)
	// The zone is hours and minutes written together: +0530. Absurd ones are kept as far as they fit: +051800, which
	// is in real histories, is 518 hours.
	hhmm := clampInt(strings.TrimLeft(zone, " "), math.MinInt32, math.MaxInt32)
	s.Offset = int16(min(max(hhmm/100*60+hhmm%100, math.MinInt16), math.MaxInt16))
	return s
}

// cutLast is strings.Cut at the last separator.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// clampInt reads the number that s begins with, with a sign or without; 0 if there is none.
func clampInt(s string, lowest, highest int64) int64 {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	var n int64
	for i := 0; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		digit := int64(s[i] - '0')
		switch {
		case negative && n < (lowest+digit)/10:
			return lowest
		case negative:
			n = n*10 - digit
		case n > (highest-digit)/10:
			return highest
		default:
			n = n*10 + digit
		}
	}
	return n
}
