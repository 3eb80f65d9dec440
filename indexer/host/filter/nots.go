package filter

import (
	"fmt"
	"slices"
	"strings"
)

// looseNots warns of each ! before an && or || of the same brackets. JMESPath lets it negate only what follows it directly;
// Git Integration for Jira lets it negate everything up to the closing bracket. The tree does not tell, for it holds no brackets,
// so that the text is read, which is known to be an expression.
func looseNots(expression string) []string {
	var found []int
	open := [][]int{nil} // for each bracket that is open, the characters, counted from 1, at which a ! stands
	text := []rune(expression)
	for i := 0; i < len(text); i++ {
		nots := &open[len(open)-1]
		switch text[i] {
		case '\'', '"', '`':
			i = closing(text, i)
		case '(', '[', '{':
			open = append(open, nil)
		case ')', ']', '}':
			open = open[:max(len(open)-1, 1)]
		case ',':
			*nots = nil
		case '!':
			if !follows(text, i, '=') {
				*nots = append(*nots, i+1)
			}
		case '|', '&':
			if !follows(text, i, text[i]) {
				*nots = nil
				continue
			}
			i++
			found = append(found, *nots...)
			*nots = nil
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	places := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(found), "[]")), ", ")
	return []string{fmt.Sprintf("! at character %s negates only what follows it, where Git Integration for Jira negates all up to the closing "+
		"bracket; write (!a) && b or !(a && b)", places)}
}

func follows(text []rune, i int, r rune) bool { return i+1 < len(text) && text[i+1] == r }

// closing gives where the quoted text that begins at i ends. In single quotes, a backslash escapes nothing but the quote.
func closing(text []rune, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote; i++ {
		if text[i] == '\\' && (quote != '\'' || follows(text, i, quote)) {
			i++
		}
	}
	return i
}
