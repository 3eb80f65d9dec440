package issuekey

import (
	"unicode"
	"unicode/utf8"
)

// longS and kelvin are the two letters outside ASCII that case folding makes an ASCII letter (Unicode CaseFolding.txt), and which
// [A-Z] therefore matches in expressions that ignore case.
const (
	longS  = '\u017f'
	kelvin = '\u212a'
)

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isLower(c | 0x20) }

func isCased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

// casedBefore refuses a project key that stands right after a cased letter of any script.
func casedBefore(text []byte) refusal {
	if r, _ := utf8.DecodeLastRune(text); isCased(r) {
		return projectGlued
	}
	return accepted
}

// casedAfter refuses a number that stands right before a cased letter of any script.
func casedAfter(text []byte) refusal {
	if r, _ := utf8.DecodeRune(text); isCased(r) {
		return numberGlued
	}
	return accepted
}

// foldingBefore refuses a project key after a letter that folds to an ASCII one.
func foldingBefore(text []byte) refusal {
	if r, _ := utf8.DecodeLastRune(text); r == longS || r == kelvin {
		return projectGlued
	}
	return accepted
}

// foldingAfter refuses a number before a letter that is, or folds to, an ASCII one.
func foldingAfter(text []byte) refusal {
	if r, _ := utf8.DecodeRune(text); r == longS || r == kelvin || r < utf8.RuneSelf && isLetter(byte(r)) {
		return numberGlued
	}
	return accepted
}

// lowerBefore is the \b of ASCII before a run of upper-case letters, digits and underscores, for which only lower-case letters remain.
func lowerBefore(text []byte) refusal {
	if n := len(text); n > 0 && isLower(text[n-1]) {
		return projectGlued
	}
	return accepted
}

// hyphenatedBefore refuses a project key that an upper-case letter and a hyphen precede.
func hyphenatedBefore(text []byte) refusal {
	if n := len(text); n > 1 && text[n-1] == '-' && isUpper(text[n-2]) {
		return hyphenated
	}
	return accepted
}
