package host

import (
	"fmt"
	"unicode/utf8"

	"github.com/jmespath/go-jmespath"
)

// MaxFilter is the longest filter, in characters: the limit of Git Integration for Jira.
const MaxFilter = 2000

// CheckFilter reports a filter that is not a JMESPath expression (https://jmespath.org/specification.html) or too long.
func CheckFilter(filter string) error {
	if n := utf8.RuneCountInString(filter); n > MaxFilter {
		return fmt.Errorf("the filter has %d characters; at most %d are allowed", n, MaxFilter)
	}
	_, err := jmespath.Compile(filter)
	if err == nil {
		return nil
	}
	if syntax, ok := err.(jmespath.SyntaxError); ok {
		return fmt.Errorf("the filter is not JMESPath: %w\n%s", err, syntax.HighlightLocation())
	}
	return fmt.Errorf("the filter is not JMESPath: %w", err)
}
