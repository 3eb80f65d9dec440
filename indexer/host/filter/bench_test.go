package filter

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkApply is a short and a longest filter on the list of a host with ten thousand repositories.
func BenchmarkApply(b *testing.B) {
	for name, expression := range map[string]string{
		"short":   "[?starts_with(name, 'pay') && !archived]",
		"longest": longest(),
		"sorted":  "sort_by([?!contains(name, 'pay')], &name)",
	} {
		b.Run(name, func(b *testing.B) {
			f, err := Compile(expression)
			if err != nil {
				b.Fatal(err)
			}
			document := tenThousand(b)
			for b.Loop() {
				if _, err := f.Apply(b.Context(), document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// longest is a filter that fills what is allowed with conditions none of which holds.
func longest() string {
	conditions := []string{}
	for i := range (MaxLength - 3) / len("contains(name, 'x00')||") {
		conditions = append(conditions, fmt.Sprintf("contains(name, 'x%02d')", i))
	}
	return "[?" + strings.Join(conditions, "||") + "]"
}

func tenThousand(tb testing.TB) []any {
	var github []any
	readJSON(tb, "github.json", &github)
	document := make([]any, 10_000)
	for i := range document {
		entry := copyLists(github[i%len(github)]).(map[string]any)
		entry["name"] = fmt.Sprintf("service-%05d", i)
		document[i] = entry
	}
	return document
}
