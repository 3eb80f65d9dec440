package filter

import (
	"strings"
	"testing"
)

func TestEveryTrapIsWarnedOfWithWhatToWriteInstead(t *testing.T) {
	const (
		pipe    = "write || between conditions"
		lists   = "write | to apply the right side"
		not     = "write (!a) && b or !(a && b)"
		dotted  = "write !(a.b)"
		equal   = "write !(a == b) or a != b"
		exclude = "write &&"
		null    = "not_null("
		quotes  = "in single quotes"
	)
	for _, c := range []struct {
		expression string
		want       []string // a part of each warning
	}{
		{"[?contains(name, 'a') | contains(name, 'b')]", []string{pipe}},
		{"[?name == 'a' && archived == `false` | name == 'b']", []string{pipe}},
		{"value[?starts_with(name, 'a') | ends_with(name, 'b')] | {value: @}", []string{pipe}},
		{"[?!contains(name, 'a') | contains(name, 'b')]", []string{pipe}},
		{"[?name | contains(@, 'a')]", nil},
		{"repositories[] | [?contains(name, 'a')]", nil},

		{"repositories[] || [?contains(name, 'a')]", []string{lists}},
		{"value[?name == 'a'] || {value: @}", []string{lists}},
		{"value[?name == 'a'] | @ || {value: @}", nil},
		{"(value || values)[?name == 'a']", nil},

		{"[?!archived && contains(name, 'a')]", []string{"! at character 3 negates only"}},
		{"[?!archived && contains(name, 'a') || fork]", []string{not}},
		{"[?!archived && (!fork || x)]", []string{"! at character 3, 17 negates only"}},
		{"[?contains(name, 'a') && !archived]", nil},
		{"[?(!archived) && fork]", nil},
		{"[?!(archived || fork)]", nil},
		{"[?name == 'a'].{a: !archived, b: fork && size}", nil},
		{"[? name == '!a && b' && fork]", nil},
		{"[? \"!a && b\" && fork]", nil},
		{"[? name == `\"!a && \\` b\"` && fork]", nil},
		{`[? name == 'it\'s !a && b' && fork]`, nil},
		{"[? name != 'a' && fork]", nil},

		{"[?!project.archived]", []string{dotted}},
		{"[?!tags[?x]]", []string{dotted}},
		{"[?!(project.archived)]", nil},
		{"[?!name == 'a']", []string{equal}},

		{"[?(!contains(name, 'a')) || (!contains(name, 'b'))]", []string{exclude}},
		{"[?name != 'a' || name != 'b' || name != 'c']", []string{exclude}},
		{"[?(!(name == 'a')) || (!(name == 'b'))]", []string{exclude}},
		{"[?name == 'a' || name == 'b']", nil},
		{"[?name != 'a' || fork]", nil},
		{"[?(!contains(name, 'a')) || (!contains(path, 'b'))]", nil},

		{"[?contains(description, 'a')]", []string{null}},
		{"[?contains(project.description, 'a')]", []string{"write project.description && contains(project.description, ...)"}},
		{"[?fork && contains(description, 'a')]", []string{null}},
		{"[?!(description) || contains(description, 'a')]", []string{not, null}},
		{"[?description && contains(description, 'a')]", nil},
		{"[?description != null && fork && contains(description, 'a')]", nil},
		{"[?contains(not_null(description, ''), 'a')]", nil},

		{"[?contains(name, \"git\")]", []string{quotes}},
		{"[?starts_with(name, git)]", []string{quotes}},
	} {
		t.Run(c.expression, func(t *testing.T) {
			f, err := Compile(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Warnings()) != len(c.want) {
				t.Fatalf("got %q, want %q", f.Warnings(), c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(f.Warnings()[i], want) {
					t.Errorf("got %q, want %q", f.Warnings()[i], want)
				}
			}
		})
	}
}

// TestPublishedTrapsAreWarnedOf holds that no other published expression gets a warning.
func TestPublishedTrapsAreWarnedOf(t *testing.T) {
	var cases []published
	readJSON(t, "cases.json", &cases)
	for _, c := range cases {
		f, err := Compile(c.Expression)
		if err != nil {
			continue
		}
		trap := c.Outcome == "evaluation-error" || strings.Contains(c.Expression, "] || ") || strings.Contains(c.Expression, ")) || (!")
		if trap != (len(f.Warnings()) == 1) {
			t.Errorf("%s: %q", c.Expression, f.Warnings())
		}
	}
}
