package filter

import (
	"fmt"
	"strings"
	"unicode"
)

// spellings are what other languages write, with what JMESPath has for it.
func spellings() map[string]string {
	return map[string]string{"and": "&&", "or": "||", "not": "!"}
}

// hint says what was probably meant where the parser stopped, as a clause to add to its words; empty when there is no telling.
func hint(before, rest string, isUnclosed bool) string {
	words := strings.FieldsFunc(before, isNoLetter)
	next := strings.ToLower(leadingWord(rest))
	switch {
	case isUnclosed:
		return "; a quote is not closed: text stands in single quotes, as 'text', with a quote in it as \\'"
	case strings.HasPrefix(rest, `\|`):
		return "; write || for or"
	case strings.HasPrefix(rest, "=") && strings.HasSuffix(before, "=="):
		return "; write == with two signs"
	case strings.HasPrefix(rest, "="):
		return "; write == to compare"
	case strings.HasPrefix(rest, ">") && strings.HasSuffix(before, "<"):
		return "; write != for what differs"
	case strings.HasPrefix(rest, "&"):
		return "; write && for and"
	case rest != "" && strings.ContainsRune("“”„‘’‚«»", []rune(rest)[0]):
		return "; write text in straight single quotes, as 'text'"
	case spellings()[next] != "":
		return fmt.Sprintf("; write %s for %s", spellings()[next], next)
	case len(words) > 0 && strings.EqualFold(words[len(words)-1], "not"):
		return "; write ! for not, as !archived"
	}
	return ""
}

// leadingWord gives the letters that a text begins with.
func leadingWord(s string) string {
	if i := strings.IndexFunc(s, isNoLetter); i >= 0 {
		return s[:i]
	}
	return s
}

func isNoLetter(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
