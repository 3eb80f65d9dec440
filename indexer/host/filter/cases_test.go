package filter

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published is an expression from the documentation of Git Integration for Jira, with what it selects of a document to which
// addedNames were added, as another implementation of JMESPath told.
type published struct {
	Document, Host, Expression, Outcome string
	Selects                             []string
}

func addedNames() []string {
	return []string{
		"git-app", "app-test", "firstword", "firstword secondword", "Slap", "Test substring search-phrase", "example test2 lab", "repo1name",
	}
}

func TestEveryPublishedExpressionDoesWhatItsDocumentationSays(t *testing.T) {
	var cases []published
	readJSON(t, "cases.json", &cases)
	if len(cases) < 42 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Document+" "+c.Expression, func(t *testing.T) {
			f, err := Compile(c.Expression)
			if c.Outcome == "syntax-error" {
				if err == nil || !strings.Contains(err.Error(), "at character ") {
					t.Fatalf("got %v, want an error that names the place", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			result, err := f.Apply(t.Context(), documentWith(t, c.Document, addedNames()...))
			if c.Outcome == "evaluation-error" {
				if !errors.Is(err, ErrEvaluation) || !strings.Contains(err.Error(), "write not_null") || len(f.Warnings()) == 0 {
					t.Fatalf("got %v, %v; want an evaluation error with the way out, and a warning", err, f.Warnings())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Selects, names(t, result)); diff != "" {
				t.Errorf("selected (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFilterKeepsTheEnvelopeOfEveryHost(t *testing.T) {
	for document, envelope := range map[string]string{
		"azure-devops": "value", "bitbucket": "values", "codecommit": "repositories", "github-app": "repositories",
		"github": "", "gitlab": "", "gitea": "", "gerrit": "", "tracked-folder": "",
	} {
		shapes := []string{"[?contains(to_string(@), 'billing')]"}
		if envelope != "" {
			inner := envelope + shapes[0]
			shapes = []string{inner, "{" + envelope + ": " + inner + "}", "{value: " + inner + "}", "{values: " + inner + "}"}
		}
		for _, expression := range shapes {
			t.Run(document+" "+expression, func(t *testing.T) {
				result := apply(t, expression, documentWith(t, document))
				if _, got, err := list(result); err != nil || got != envelope {
					t.Fatalf("envelope %q, %v; want %q", got, err, envelope)
				}
				if n := len(names(t, result)); n == 0 {
					t.Error("nothing is selected")
				}
			})
		}
	}
}

// TestFiltersOfErrorBodiesAreErrors: an answer that is no list never becomes an empty one.
func TestFiltersOfErrorBodiesAreErrors(t *testing.T) {
	var cases []published
	readJSON(t, "cases.json", &cases)
	for _, c := range cases {
		f, err := Compile(c.Expression)
		if err != nil {
			continue
		}
		for _, body := range []any{map[string]any{"message": "Bad credentials"}, nil, "<html>", 1.5, true} {
			if result, err := f.Apply(t.Context(), body); err == nil {
				t.Errorf("%s of %v gives %v", c.Expression, body, result)
			}
		}
	}
}

func apply(t *testing.T, expression string, document any) any {
	t.Helper()
	f, err := Compile(expression)
	if err != nil {
		t.Fatal(err)
	}
	result, err := f.Apply(t.Context(), document)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// documentWith reads the document that a host answers, and adds copies of its first repository that have other names.
func documentWith(t *testing.T, document string, added ...string) any {
	t.Helper()
	var d any
	readJSON(t, document+".json", &d)
	entries, envelope, err := list(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range added {
		entry := copyLists(entries[0]).(map[string]any)
		entry["name"] = name
		entries = append(entries, entry)
	}
	if envelope == "" {
		return entries
	}
	d.(map[string]any)[envelope] = entries
	return d
}

func names(t *testing.T, document any) []string {
	t.Helper()
	entries, _, err := list(document)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, entry := range entries {
		name, ok := entry.(map[string]any)["name"]
		if !ok {
			name = entry.(map[string]any)["repositoryName"]
		}
		found = append(found, name.(string))
	}
	return found
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
