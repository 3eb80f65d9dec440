package config_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"keytrail/daemon/config"
)

// unknown is a key that no schema has, nor one near it.
const unknown = "no_schema_has_this"

// schemaKeys asks the schema itself which keys it knows: below each that is found, an unknown one is written, and the fault lists
// those that are known there. Entries of lists are written without a number, as integrations.name.
func schemaKeys(t *testing.T) []string {
	t.Helper()
	var all []string
	ways := []func(string) string{ // to write the unknown key below a key
		func(key string) string { return fmt.Sprintf("{%s: {%s: 0}}", key, unknown) },
		func(key string) string { return fmt.Sprintf("{%s: [{%s: 0}]}", key, unknown) },
	}
	sections := map[string][]string{"": {fmt.Sprintf("{%s: 0}", unknown)}} // with documents that hold the unknown key in them
	for len(sections) > 0 {
		next := map[string][]string{}
		for section, documents := range sections {
			for _, document := range documents {
				for _, key := range knownIn(document) {
					path := strings.TrimPrefix(section+"."+key, ".")
					if !slices.Contains(all, path) {
						all = append(all, path)
					}
					for _, way := range ways {
						below := strings.Replace(document, fmt.Sprintf("{%s: 0}", unknown), way(key), 1)
						next[path] = append(next[path], below)
					}
				}
			}
		}
		sections = next
	}
	slices.Sort(all)
	return all
}

// knownIn gives the keys that are known where a document holds the unknown one, none where no key may stand.
func knownIn(document string) []string {
	_, err := config.Parse("k.yaml", []byte(document), config.Checks{})
	if err == nil {
		return nil
	}
	for line := range strings.Lines(err.Error()) {
		if _, list, ok := strings.Cut(line, unknown+": unknown key; known here: "); ok {
			return strings.Split(strings.TrimSpace(list), ", ")
		}
	}
	return nil
}

// exampleKeys gives the keys of the example, in the form of schemaKeys. A key that is commented out, as "# ca: FILE", is there too.
func exampleKeys(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../dist/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^( *)# ([a-z_]+: \S)`).ReplaceAll(text, []byte("$1$2"))
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	var gather func(path string, v any)
	gather = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				at := strings.TrimPrefix(path+"."+key, ".")
				keys[at] = true
				gather(at, inner)
			}
		case []any:
			for _, inner := range v {
				gather(path, inner)
			}
		}
	}
	gather("", document)
	return keys
}

func TestTheExampleHoldsEveryKey(t *testing.T) {
	schema, example := schemaKeys(t), exampleKeys(t)
	for _, probe := range []string{"listen", "auth.tokens.token", "integrations.webhook.secret", "repositories.proxy.password", "limits.memory"} {
		if !slices.Contains(schema, probe) {
			t.Fatalf("the schema was not read to its end, %s is not in %q", probe, schema)
		}
	}
	for _, key := range schema {
		places := []string{key}
		if section, bare, isBelow := strings.Cut(key, "."); isBelow { // what overrides a setting is the same as that
			if section != "integrations" && section != "repositories" {
				bare = key
			}
			places = append(places, bare, "integrations."+bare, "repositories."+bare)
		}
		if !slices.ContainsFunc(places, func(place string) bool { return example[place] }) {
			t.Errorf("%s is not in the example", key)
		}
	}
	if t.Failed() {
		t.Logf("the example has %q", slices.Sorted(maps.Keys(example)))
	}
}
