package filter

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzCompileAndApply holds that every expression is refused, fails in a named way or selects repositories in the document's
// envelope, and that no error shows a secret nor any evaluation changes the document.
func FuzzCompileAndApply(f *testing.F) {
	var cases []published
	readJSON(f, "cases.json", &cases)
	for _, c := range cases {
		f.Add(c.Expression)
	}
	for _, expression := range []string{
		"@(name)", "[?contains(tags, tags[0])]", "sort_by(@, &description)", "[99999999999999999999]", "[1:2:9223372036854775807]",
		strings.Repeat("[@,@][]|", 200), strings.Repeat("!", MaxLength), strings.Repeat("[", MaxLength), "a" + strings.Repeat(".b", 900),
		"{a:b c:d}", "values(value[0])", "map(&to_string(@), value)", "max_by(value, &name).*", `"`, "'\\", "`\\",
	} {
		f.Add(expression)
	}
	const secret = "glrt-canary"
	entry := map[string]any{"name": "a", "description": nil, "runners_token": secret, "size": 1.0, "tags": []any{"x", []any{}}}
	f.Fuzz(func(t *testing.T, expression string) {
		filter, err := Compile(expression)
		if err != nil {
			return
		}
		defer filter.Wait()
		for envelope, document := range map[string]any{
			"": []any{entry, entry}, "value": map[string]any{"value": []any{entry}, "count": 1.0}, "values": map[string]any{"values": []any{}},
		} {
			before := copyLists(document)
			result, err := filter.Apply(t.Context(), document)
			if !reflect.DeepEqual(document, before) {
				t.Errorf("%s changed the document", expression)
			}
			if err != nil {
				known := errors.Is(err, ErrEvaluation) || errors.Is(err, ErrShape) || errors.Is(err, ErrTooSlow)
				if !known || strings.Contains(err.Error(), secret) && !strings.Contains(expression, secret) {
					t.Errorf("%s: %v", expression, err)
				}
				continue
			}
			if _, got, err := list(result); err != nil || got != envelope {
				t.Errorf("%s: envelope %q, %v; want %q", expression, got, err, envelope)
			}
		}
	})
}
