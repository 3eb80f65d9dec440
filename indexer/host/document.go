package host

import (
	"strconv"
	"strings"
)

// envelopes are the keys under which hosts wrap a list. A filter written for one host's envelope is understood for all.
var envelopes = [...]string{"value", "repositories", "values", "data"}

// Elements gives the objects of a list: an array, or an object that wraps one as Azure DevOps (value), a GitHub App (repositories),
// Bitbucket (values) or Gitea's search (data) do. Anything else is ErrShape; so is null, which a filter gives that matches no key.
func Elements(document any) ([]Object, error) {
	if wrapper, ok := document.(map[string]any); ok {
		for _, key := range envelopes {
			if list, ok := wrapper[key].([]any); ok {
				document = list
				break
			}
		}
	}
	list, ok := document.([]any)
	if !ok {
		return nil, Problem(ErrShape, "found %s instead of an array of repositories, bare or in the host's own envelope: "+
			"check the filter against the host's JSON", shape(document))
	}
	objects := make([]Object, len(list))
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, Problem(ErrShape, "element %d of the list is %s instead of a repository: let the filter keep whole objects, as [?archived]",
				i, shape(element))
		}
		objects[i] = object
	}
	return objects, nil
}

// Repositories reads the repositories of a document, each by a function of the host's. One that cannot be read fails them all.
func Repositories(document any, read func(Object) (Repository, error)) ([]Repository, error) {
	elements, err := Elements(document)
	if err != nil {
		return nil, err
	}
	repositories := make([]Repository, len(elements))
	for i, o := range elements {
		if repositories[i], err = read(o); err != nil {
			return nil, err
		}
	}
	return repositories, nil
}

// shape names a JSON value's type for people.
func shape(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	case map[string]any:
		if _, isError := v["message"]; isError {
			return "an object with a message, maybe an error"
		}
		return "an object"
	}
	return "no JSON"
}

// Object is a JSON object of a document. Its methods take a path of keys with dots between them, as "project.name", and give the zero
// value where there is nothing of the type.
type Object map[string]any

// at follows a path.
func (o Object) at(path string) any {
	var v any = map[string]any(o)
	for key := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

// String gives a text.
func (o Object) String(path string) string {
	s, _ := o.at(path).(string)
	return s
}

// ID gives an identity, which some hosts have as a number.
func (o Object) ID(path string) string {
	switch v := o.at(path).(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// Bool tells whether something is true.
func (o Object) Bool(path string) bool {
	b, _ := o.at(path).(bool)
	return b
}

// Has tells whether something is there and not null.
func (o Object) Has(path string) bool { return o.at(path) != nil }

// List gives the objects of an array; what is no object is left out.
func (o Object) List(path string) []Object {
	list, _ := o.at(path).([]any)
	objects := make([]Object, 0, len(list))
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}
