package filter

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCompileRefusesWhatCannotWorkAndNamesThePlace(t *testing.T) {
	for _, c := range []struct{ name, expression, want string }{
		{"too long", "[?name == '" + strings.Repeat("é", MaxLength) + "']", "2013 characters; at most 2000"},
		{"empty", "", "is blank: leave the key out"},
		{"blank", " \n", "is blank: leave the key out"},
		{"one equals sign", "[?name == 'a=b' || name = 'x']", "at character 25, \"= 'x']\": SyntaxError: Expected tRbracket, received: tUnknown; write == to compare"},
		{"three equals signs", "[?name === 'x']", "write == with two signs"},
		{"and", "[?name == 'x' and archived]", "at character 15, \"and archived]\""},
		{"and, the way out", "[?name == 'x' AND archived]", "write && for and"},
		{"or", "[?fork or archived]", "write || for or"},
		{"not", "[?not archived]", "write ! for not, as !archived"},
		{"not as a function", "[?not(archived)]", `calls "not", which is not a function of JMESPath; write ! for not`},
		{"not after and", "[?fork && not starts_with(name, 'a')]", "write ! for not"},
		{"a word that only ends with not", "[?is_not 1]", "received: tNumber"},
		{"one ampersand", "[?fork & archived]", "write && for and"},
		{"unequal of another language", "[?name <> 'x']", "write != for what differs"},
		{"typographic quotes", "[?name == “x”]", `at character 11, "“x”]"`},
		{"typographic quotes, the way out", "[?name == ‘x’]", "straight single quotes, as 'text'"},
		{"unclosed quote, the way out", "[?name == it's]", "a quote is not closed: text stands in single quotes"},
		{"cut short", "[?name == 'a'", "at character 14, its end"},
		{"stray bracket after letters of two bytes", "[?name == 'éé')]", `at character 15, ")]"`},
		{"escaped pipe of a published page", `[?contains(name, 'git') \| contains(name, 'app')]`, "at character 25"},
		{"escaped pipe, the way out", `[?a \| b]`, "write || for or"},
		{"unclosed quote", "[?name == 'a]", "Unclosed delimiter"},
		{"text in backticks", "[?'a`' == name && name == `pay`]", "at character 27: between backticks stands JSON, which \"pay\" is not; " +
			"write text in single quotes without backticks, as 'pay'"},
		{"text in quotes in backticks", "[?name == `'it\\`s'`]", "as 'it`s'"},
		{"a number that is none", "[?size > `1x`]", "at character 10"},
		{"a word of another language", "[?archived == `False`]", "write `false`"},
		{"nothing in backticks", "[?name == ``]", "write '' for a text that is empty"},
		{"an object without quotes", "[?owner == `{id: 1}`]", "in double quotes"},
		{"good before bad", "[?a == `\"x\"` && b == `1` && c == `y`]", "at character 34"},
		{"huge number", "[99999999999999999999]", "at character 2"},
		{"unknown function", "[?matches(name, 'x')]", `calls "matches", which is not a function of JMESPath; there are abs, avg`},
		{"call of a literal", "@(name)", "not a function"},
		{"too few arguments", "[?contains(name)]", "contains() with 1 arguments; it takes 2"},
		{"no argument at all", "not_null()", "it takes one or more"},
		{"copies of copies", strings.Repeat("[@, @][] | ", 30) + "@", "more than 64 copies"},
		{"strings of strings", "to_string(to_string(to_string(@)))", "more than 64 copies"},
		{"glue of the document's own", "join(name, [name, name])", "glue that is not a literal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Compile(c.expression); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestCompileTakesTheLongestFilterAllowed(t *testing.T) {
	if _, err := Compile("[?name == '" + strings.Repeat("é", MaxLength-13) + "']"); err != nil {
		t.Fatal(err)
	}
}

func TestEveryFunctionOfJMESPathIsKnownToTheLibrary(t *testing.T) {
	for name, arguments := range functions() {
		f, err := Compile(name + "(" + strings.Repeat("'a',", max(arguments, 1)-1) + "'a')")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.evaluate(nil); err != nil && strings.Contains(err.Error(), "unknown function") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoListOfRepositoriesIsAnErrorThatSaysWhatItIs(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"value[?name == 'a']", "it gives null"},
		{"{value: value[?name == 'a']}", `under "value" it gives null`},
		{"length(@)", "it gives a number"},
		{"[0].name", "it gives a string"},
		{"length(@) > `1`", "it gives true or false"},
		{"[0]", `an object with the keys ("archived", "full_name", "name", "permissions", "size")`},
		{"{value: {value: @}}", `under "value" it gives an object; the host's answer may have no such list, or the filter wraps it twice`},
		{"&name", "it gives an expression"},
		{"[?name == 'billing-api'].name", "entry 1 of its list is a string, not a repository; leave out what follows [?...]"},
		{"[@, @]", "entry 1 of its list is a list"},
	} {
		t.Run(c.expression, func(t *testing.T) {
			f, err := Compile(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			var document any
			readJSON(t, "github.json", &document)
			for _, entry := range document.([]any) {
				for key := range entry.(map[string]any) {
					if !slices.Contains([]string{"archived", "full_name", "name", "permissions", "size"}, key) {
						delete(entry.(map[string]any), key)
					}
				}
			}
			if result, err := f.Apply(t.Context(), document); !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, %v; want an error with %q", result, err, c.want)
			}
		})
	}
}

func TestAFilterThatMatchesNothingGivesAnEmptyListAndNoError(t *testing.T) {
	result := apply(t, "{value: value[?name == 'none']}", documentWith(t, "azure-devops"))
	if diff := cmp.Diff(map[string]any{"value": []any{}}, result); diff != "" {
		t.Error(diff)
	}
}

func TestEvaluationErrorsHoldNothingOfTheDocument(t *testing.T) {
	const secret = "glrt-canary"
	entry := map[string]any{"name": "a", "description": nil, "runners_token": secret, "tags": []any{map[string]any{}}}
	document := []any{entry, entry}
	for expression, want := range map[string]string{
		"[?contains(description, 'x')]":              "wants array or string and was given something else",
		"[?starts_with(@, 'x')]":                     "wants string",
		"[?starts_with(description, runners_token)]": "wants string",
		"[?join(',', @)]":                            "wants array[string]",
		"[?contains(tags, tags[0])]":                 "cannot work on",
		"[?sort_by(@, &name)]":                       "wants array",
		"sort_by(@, &description)":                   "must be number",
		"[::0]":                                      "step cannot be 0",
		"[1:5:9223372036854775807]":                  "",
	} {
		f, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Apply(t.Context(), document)
		if want == "" && err == nil {
			continue
		}
		if !errors.Is(err, ErrEvaluation) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestAFilterThatSortsLeavesTheDocumentAsItIs(t *testing.T) {
	document := documentWith(t, "azure-devops", "zeta", "alpha")
	before := copyLists(document)
	result := apply(t, "{value: reverse(sort_by(value, &name))}", document)
	if !reflect.DeepEqual(document, before) {
		t.Error("the document is reordered")
	}
	if diff := cmp.Diff([]string{"zeta", "legacy web", "infra", "billing-api", "alpha"}, names(t, result)); diff != "" {
		t.Error(diff)
	}
}

func TestAnEvaluationOverItsBudgetIsGivenUpAndTheNextWaitsForIt(t *testing.T) {
	f, err := Compile(longest())
	if err != nil {
		t.Fatal(err)
	}
	f.budget = 1
	if _, err := f.Apply(t.Context(), tenThousand(t)); !errors.Is(err, ErrTooSlow) || !strings.Contains(err.Error(), "10000 repositories") {
		t.Fatalf("got %v, want ErrTooSlow", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Apply(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an end with the context", err)
	}
	f.Wait()
	f.budget = Budget
	if _, err := f.Apply(t.Context(), tenThousand(t)[:10]); err != nil {
		t.Errorf("after the evaluation that was given up: %v", err)
	}
}

func TestATooLongListIsRefused(t *testing.T) {
	f, err := Compile("@")
	if err != nil {
		t.Fatal(err)
	}
	document := make([]any, MaxRepositories+1)
	for i := range document {
		document[i] = map[string]any(nil)
	}
	if _, err := f.Apply(t.Context(), document); err == nil || !strings.Contains(err.Error(), "split the integration") {
		t.Fatalf("got %v, want a refusal", err)
	}
}

func TestCompareTellsWhatIsSelectedLeftOutAndMadeUp(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []string
		want          Comparison
	}{
		{"nothing listed", nil, nil, Comparison{Selected: []string{}, LeftOut: []string{}, Made: []string{}}},
		{"sorted", []string{"c", "a", "b"}, []string{"c", "a"}, Comparison{Selected: []string{"a", "c"}, LeftOut: []string{"b"}, Made: []string{}}},
		{"none selected", []string{"b", "a"}, nil, Comparison{Selected: []string{}, LeftOut: []string{"a", "b"}, Made: []string{}}},
		{"the same name twice", []string{"a", "a"}, []string{"a"}, Comparison{Selected: []string{"a"}, LeftOut: []string{"a"}, Made: []string{}}},
		{"a name of the filter's own", []string{"a"}, []string{"x", "a"}, Comparison{Selected: []string{"a"}, LeftOut: []string{}, Made: []string{"x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Compare(c.before, c.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
