package filter

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// envelopes are the keys under which hosts list repositories: Azure DevOps, GitHub App and CodeCommit, Bitbucket, Gitea's search.
func envelopes() []string { return []string{"value", "repositories", "values", "data"} }

// list gives the entries that a document lists, all of them objects, and the key under which it does so, empty for a bare list.
func list(document any) (entries []any, envelope string, err error) {
	switch d := document.(type) {
	case []any:
		return d, "", checkEntries(d)
	case map[string]any:
		for _, key := range envelopes() {
			inner, ok := d[key]
			if !ok {
				continue
			}
			entries, ok := inner.([]any)
			if !ok {
				return nil, "", fmt.Errorf("%w: under %q it gives %s; the host's answer may have no such list, or the filter "+
					"wraps it twice", ErrShape, key, kindOf(inner))
			}
			return entries, key, checkEntries(entries)
		}
		return nil, "", fmt.Errorf("%w: it gives an object with the keys %s; wrap the list as the host does, such as {value: value[?...]}",
			ErrShape, someKeys(d))
	case nil:
		return nil, "", fmt.Errorf("%w: it gives null, so it looks for a list where the host's answer has none; "+
			"begin it as the host's answer begins, such as [?...], value[?...] or repositories[?...]", ErrShape)
	}
	return nil, "", fmt.Errorf("%w: it gives %s; end it with the list itself, such as [?...]", ErrShape, kindOf(document))
}

// checkEntries refuses a list of anything but objects.
func checkEntries(entries []any) error {
	for i, entry := range entries {
		if _, ok := entry.(map[string]any); !ok {
			return fmt.Errorf("%w: entry %d of its list is %s, not a repository; leave out what follows [?...], or flatten lists of lists with []",
				ErrShape, i+1, kindOf(entry))
		}
	}
	return nil
}

// wrap puts what a filter gave into an envelope.
func wrap(result any, envelope string) (any, error) {
	entries, _, err := list(result)
	if err != nil {
		return nil, err
	}
	if envelope == "" {
		return entries, nil
	}
	return map[string]any{envelope: entries}, nil
}

// kindOf names the kind of a JSON value.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "an expression"
}

// someKeys names keys of an object, as many as an error can show.
func someKeys(object map[string]any) string {
	const shown = 5
	keys := slices.Sorted(maps.Keys(object))
	for i, key := range keys {
		keys[i] = fmt.Sprintf("%.40q", key)
	}
	if len(keys) > shown {
		keys = append(keys[:shown], "...")
	}
	return "(" + strings.Join(keys, ", ") + ")"
}

// copyLists copies a document but for what cannot be changed in place.
func copyLists(value any) any {
	switch v := value.(type) {
	case []any:
		entries := make([]any, len(v))
		for i, entry := range v {
			entries[i] = copyLists(entry)
		}
		return entries
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, entry := range v {
			object[key] = copyLists(entry)
		}
		return object
	}
	return value
}
