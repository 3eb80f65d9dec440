package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Parse reads a configuration from data. name stands for the file in errors. All faults are reported, joined; each is an
// [*Error].
func Parse(name string, data []byte, checks Checks) (*Config, error) {
	d := &decoder{file: name, checks: checks}
	c := Default()
	if root, ok := d.parse(data); ok && root != nil {
		c.read(value{d: d, node: root})
	}
	if err := d.faults.join(); err != nil {
		return nil, err
	}
	return c, nil
}

// decoder gathers the faults of one file.
type decoder struct {
	file   string
	checks Checks
	faults faults
}

// parse gives the root of the only document in data, nil when that is empty, or false after a fault.
func (d *decoder) parse(data []byte) (root ast.Node, ok bool) {
	if len(data) > maxFile {
		d.faults = append(d.faults, &Error{File: d.file, Problem: fmt.Sprintf("is over %d MiB", maxFile>>20)})
		return nil, false
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		d.syntax(err)
		return nil, false
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			value{d: d, node: doc.Body}.fail("a second document: write one")
			return nil, false
		}
		root = doc.Body
	}
	return root, true
}

// syntax records an error of the parser without the excerpt of the source that it carries.
func (d *decoder) syntax(err error) {
	e := &Error{File: d.file, Problem: "is not YAML"}
	var at yaml.Error
	if errors.As(err, &at) {
		e.Problem = "is not YAML: " + at.GetMessage()
		if tok := at.GetToken(); tok != nil && tok.Position != nil {
			e.Line, e.Column = tok.Position.Line, tok.Position.Column
		}
	}
	d.faults = append(d.faults, e)
}

// value is a node of the file and the path of keys to it.
type value struct {
	d    *decoder
	node ast.Node
	path string
}

// fail records a fault of v.
func (v value) fail(format string, args ...any) {
	v.d.fail(v.node, v.path, fmt.Sprintf(format, args...))
}

// fail records a fault at node.
func (d *decoder) fail(node ast.Node, path, problem string) {
	// A block mapping's own token is the colon after its first key.
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	e := &Error{File: d.file, Key: path, Problem: problem}
	if tok := node.GetToken(); tok != nil && tok.Position != nil {
		e.Line, e.Column = tok.Position.Line, tok.Position.Column
	}
	d.faults = append(d.faults, e)
}

// empty reports whether nothing stands after the key.
func (v value) empty() bool { return v.node.Type() == ast.NullType }

// failKind records that v is not what is wanted. It says only of what kind v is: the text may be a misplaced secret.
func (v value) failKind(want string) {
	switch v.node.Type() {
	case ast.NullType:
		v.fail("is empty: want %s, or leave the key out", want)
	case ast.AnchorType, ast.AliasType, ast.TagType, ast.MergeKeyType:
		v.fail("want %s: YAML anchors, aliases and tags are not supported, write the value out", want)
	default:
		v.fail("want %s, have a %s", want, strings.ToLower(v.node.Type().YAMLName()))
	}
}

// field is a key of a mapping and what reads its value.
type field struct {
	key  string
	read func(value)
}

// mapping reads v by its fields and returns the values found. Keys that are not among the fields are faults.
func (v value) mapping(fields ...field) map[string]value {
	found, others := v.take(fields...)
	v.refuse(others, keysOfAll(fields), "here")
	return found
}

// take reads v by its fields, in the order given rather than the file's, and returns the values found, and the entries that are
// of no field. An empty v is a mapping without keys.
func (v value) take(fields ...field) (found map[string]value, others []entry) {
	entries := v.entries()
	found = make(map[string]value)
	for _, f := range fields {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.key == f.key })
		if i >= 0 {
			found[f.key] = entries[i].value
			f.read(entries[i].value)
			entries = slices.Delete(entries, i, i+1)
		}
	}
	return found, entries
}

// refuse records entries whose keys are not among those known in a place.
func (v value) refuse(entries []entry, known []string, place string) {
	for _, e := range entries {
		meant := ""
		if key, ok := nearest(e.key, known); ok {
			meant = fmt.Sprintf(", did you mean %s?", key)
		}
		v.d.fail(e.keyNode, e.path, fmt.Sprintf("unknown key%s; known %s: %s", meant, place, strings.Join(known, ", ")))
	}
}

func keysOfAll(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// entry is a key of a mapping with its value.
type entry struct {
	value
	key     string
	keyNode ast.Node
}

// entries gives the entries of a mapping in the order of the file; none after a fault.
func (v value) entries() []entry {
	if v.empty() {
		return nil
	}
	m, ok := v.node.(*ast.MappingNode)
	if !ok {
		v.failKind("a mapping of keys to values")
		return nil
	}
	entries := make([]entry, 0, len(m.Values))
	for _, pair := range m.Values {
		if pair.Key.IsMergeKey() {
			v.d.fail(pair.Key, v.path, "YAML merge keys are not supported: write the values out")
			continue
		}
		key := pair.Key.GetToken().Value
		at := value{d: v.d, node: pair.Value, path: strings.TrimPrefix(fmt.Sprintf("%s.%.60s", v.path, key), ".")}
		entries = append(entries, entry{value: at, key: key, keyNode: pair.Key})
	}
	return entries
}

// require records each of keys that is not in found, which v.mapping returned.
func (v value) require(found map[string]value, keys ...string) {
	for _, key := range keys {
		switch _, ok := found[key]; {
		case ok:
		case slices.Contains(ofSecrets, key):
			v.fail("%[1]s is missing: write %[1]s: {env: NAME} or {file: PATH}", key)
		default:
			v.fail("%s is missing", key)
		}
	}
}

// list reads each entry of the sequence v. An empty v is a sequence without entries.
func (v value) list(read func(value)) {
	if v.empty() {
		return
	}
	s, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.failKind("a list")
		return
	}
	for i, entry := range s.Values {
		read(value{d: v.d, node: entry, path: fmt.Sprintf("%s[%d]", v.path, i)})
	}
}
