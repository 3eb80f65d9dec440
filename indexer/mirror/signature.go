package mirror

import (
	"bytes"
	"math"
	"strings"
)

// cutSignature cuts the value of an author or committer header, "Ada <ada@example.com> 1600000000 +0200", into who and when:
// "Ada <ada@example.com" and " 1600000000 +0200". As git does, it looks for the time behind the last >, so that names with odd
// characters do no harm.
func cutSignature(value []byte) (who, when []byte) {
	if i := bytes.IndexByte(value, 0); i >= 0 {
		value = value[:i]
	}
	start := bytes.IndexByte(value, '<')
	if start < 0 {
		return value, nil
	}
	end := bytes.IndexByte(value[start:], '>')
	if end < 0 {
		return value, nil
	}
	who, when = value[:start+end], value[start+end+1:]
	for {
		i := bytes.IndexByte(when, '>')
		if i < 0 {
			return who, when
		}
		when = when[i+1:]
	}
}

// cutPerson gives the name and the address of who, either of which may be missing.
func cutPerson(who string) (name, email string) {
	name, email, _ = strings.Cut(who, "<")
	return strings.TrimSpace(name), strings.TrimSpace(email)
}

// parseDate reads seconds since 1970 and a zone, in minutes. What is missing is zero. Times beyond 64 bits become the furthest one;
// git shows such ones as 1970.
func parseDate(when []byte) (seconds int64, offset int16) {
	when = trimSpaces(when)
	var zone []byte
	if i := bytes.IndexByte(when, ' '); i >= 0 {
		when, zone = when[:i], when[i+1:]
	}
	seconds = clampInt(when, math.MinInt64, math.MaxInt64)
	// The zone is hours and minutes written together: +0530. Absurd ones are kept as far as they fit: +051800, which
	// is in real histories, is 518 hours.
	hhmm := clampInt(trimSpaces(zone), math.MinInt32, math.MaxInt32)
	return seconds, int16(min(max(hhmm/100*60+hhmm%100, math.MinInt16), math.MaxInt16))
}

// trimSpaces drops the spaces that s begins with.
func trimSpaces(s []byte) []byte {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// clampInt reads the number that s begins with, with a sign or without; 0 if there is none.
func clampInt(s []byte, lowest, highest int64) int64 {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	n := uint64(0)
	for _, c := range s {
		if c < '0' || c > '9' {
			break
		}
		if n > math.MaxUint64/10-1 { // beyond every bound
			n = math.MaxUint64
			continue
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n > uint64(-lowest):
		return lowest
	case negative:
		return -int64(n)
	case n > uint64(highest):
		return highest
	}
	return int64(n)
}
