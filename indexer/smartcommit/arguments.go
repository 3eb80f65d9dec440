package smartcommit

import (
	"strings"
	"unicode"
)

// Time reads the text of the command time: a duration in Jira's own notation, as "1w 2d 4h 30m" or "1.5h", and the text behind it. How
// long a day and a week are is for Jira to say. ok is false without a duration.
func Time(text string) (spent, comment string, ok bool) {
	var parts []string
	rest := text
	for {
		word, behind := rest, ""
		if i := strings.IndexFunc(rest, unicode.IsSpace); i >= 0 {
			word, behind = rest[:i], strings.TrimLeftFunc(rest[i:], unicode.IsSpace)
		}
		spans, ok := spans(strings.ToLower(word))
		if !ok {
			break
		}
		parts, rest = append(parts, spans...), behind
	}
	return strings.Join(parts, " "), rest, len(parts) > 0
}

// spans reads one word of a duration, as "4h" or "4h30m".
func spans(word string) (found []string, ok bool) {
	for word != "" {
		digits := strings.TrimLeft(word, "0123456789")
		whole := len(word) - len(digits)
		if whole == 0 || whole > 6 {
			return nil, false
		}
		if fraction, isDecimal := strings.CutPrefix(digits, "."); isDecimal {
			digits = strings.TrimLeft(fraction, "0123456789")
			if n := len(fraction) - len(digits); n == 0 || n > 6 {
				return nil, false
			}
		}
		if digits == "" || !strings.ContainsRune("wdhm", rune(digits[0])) {
			return nil, false
		}
		end := len(word) - len(digits) + 1
		found, word = append(found, word[:end]), word[end:]
	}
	return found, len(found) > 0
}

// Named reads the text of a transition: its name and the comment behind it.
func Named(text string) (name, comment string) {
	i := strings.IndexFunc(text, unicode.IsSpace)
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// Hyphenated writes the name of a transition or a status as a command does: lower case, its letters joined by hyphens where anything
// else stands between them.
func Hyphenated(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	return strings.Join(words, "-")
}
