// Package reference says, slowly and plainly, which issue keys a git repository's commits name. It is written from
// the description of the grammar alone and shares no code with what it checks: answers of keytrail are held against it.
package reference

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Keys gives the different issue keys of a message or note, in order of appearance, by the default grammar: a
// project key, a hyphen, a number. A text that is not UTF-8 is read as Latin-1.
func Keys(text []byte) []string {
	runes := decode(text)
	var keys []string
	for i, r := range runes {
		if r != '-' {
			continue
		}
		project, ok := projectBefore(runes[:i])
		if !ok || slices.Contains([]string{"UTF", "SHA", "ISO", "CVE", "RFC"}, project) {
			continue
		}
		number, ok := numberAfter(runes[i+1:])
		if !ok {
			continue
		}
		if k := project + "-" + number; !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func decode(text []byte) []rune {
	if utf8.Valid(text) {
		return []rune(string(text))
	}
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return runes
}

// projectBefore takes the longest run of A-Z, 0-9 and _ at the end, without its leading underscores.
func projectBefore(left []rune) (string, bool) {
	start := len(left)
	for start > 0 && (isUpper(left[start-1]) || isDigit(left[start-1]) || left[start-1] == '_') {
		start--
	}
	for start < len(left) && left[start] == '_' {
		start++
	}
	run := left[start:]
	if len(run) < 2 || !isUpper(run[0]) {
		return "", false
	}
	if start > 0 && glues(left[start-1]) {
		return "", false
	}
	return string(run), true
}

// numberAfter takes 1 to 10 digits, the first not 0, that end where no digit or letter follows.
func numberAfter(right []rune) (string, bool) {
	end := 0
	for end < len(right) && isDigit(right[end]) {
		end++
	}
	if end == 0 || end > 10 || right[0] == '0' {
		return "", false
	}
	if end < len(right) && glues(right[end]) {
		return "", false
	}
	return string(right[:end]), true
}

func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }
func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// glues reports whether a key beside r is part of a longer word. Scripts without case do not glue.
func glues(r rune) bool { return unicode.In(r, unicode.Nd, unicode.Lu, unicode.Ll, unicode.Lt) }
