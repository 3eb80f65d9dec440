package filter

import (
	"encoding/json"
	"fmt"
	"strings"
)

// literalProblem tells of the first text between backticks that is not JSON, of which the library's parser gives neither place nor way
// out. Empty: there is none.
func literalProblem(expression string) string {
	text := []rune(expression)
	for i := 0; i < len(text); i++ {
		quote := text[i]
		if quote != '\'' && quote != '"' && quote != '`' {
			continue
		}
		begin := i
		i = min(closing(text, i), len(text))
		if quote != '`' {
			continue
		}
		literal := strings.ReplaceAll(string(text[begin+1:i]), "\\`", "`")
		if !json.Valid([]byte(literal)) {
			return fmt.Sprintf("at character %d: between backticks stands JSON, which %.60q is not; write %s", begin+1, literal, insteadOf(literal))
		}
	}
	return ""
}

// insteadOf gives what was probably meant by a literal that is not JSON.
func insteadOf(literal string) string {
	word := strings.TrimSpace(literal)
	switch lower := strings.ToLower(word); {
	case word == "":
		return "'' for a text that is empty"
	case lower == "true" || lower == "false" || lower == "null":
		return "`" + lower + "`"
	case strings.ContainsAny(word[:1], "{["):
		return "the keys and texts in it in double quotes, as `{\"a\": [\"b\"]}`"
	}
	return fmt.Sprintf("text in single quotes without backticks, as '%.60s'", strings.ReplaceAll(strings.Trim(word, `'"`), "'", `\'`))
}
