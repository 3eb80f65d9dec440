package filter

import (
	"fmt"
	"slices"
)

// traps finds what in a tree probably means something else than it says.
func (n node) traps() []string {
	var found []string
	n.find(kindEmpty, false, nil, func(warning string) {
		if !slices.Contains(found, warning) {
			found = append(found, warning)
		}
	})
	return found
}

// find reports the traps in n and below. parent is the kind of the node above. inCondition: n is part of what a [?...] tests.
// certain are the fields that are known not to be null there.
func (n node) find(parent kind, inCondition bool, certain []string, report func(string)) {
	switch n.kind {
	case kindPipe:
		n.pipe(inCondition, report)
	case kindOr:
		if parent != kindOr {
			n.or(inCondition, report)
		}
	case kindFunction:
		n.call(certain, report)
	case kindSub, kindFilter, kindFlatten, kindValueProject:
		if n.children[0].kind == kindNot {
			report("! takes only the name that follows it, so that !a.b is (!a).b, which is null; write !(a.b)")
		}
	case kindComparator:
		if n.children[0].kind == kindNot {
			report("! takes only what follows it directly, so that !a == b is (!a) == b; write !(a == b) or a != b")
		}
	}
	for i, child := range n.children {
		below := certain
		if n.kind == kindAnd && i == 1 {
			below = append(slices.Clone(certain), n.children[0].tested()...)
		}
		isCondition := inCondition
		if n.kind == kindFilter {
			isCondition = i == 2
		}
		child.find(n.kind, isCondition, below, report)
	}
}

// pipe reports a | whose left side is true or false, so that the right side looks for fields in that.
func (n node) pipe(inCondition bool, report func(string)) {
	usesCurrent := false
	n.children[1].walk(func(n node) { usesCurrent = usesCurrent || n.kind == kindCurrent })
	if inCondition && n.children[0].isBoolean() && !usesCurrent {
		report("| inside [?...] is not or: its right side is applied to the true or false of its left side, and fails or matches nothing; " +
			"write || between conditions")
	}
}

// or reports a || that stands for | between lists, and conditions that together let nearly everything through.
func (n node) or(inCondition bool, report func(string)) {
	if !inCondition && n.children[0].isList() {
		report("|| between lists gives the whole left one unless it is empty, so that nothing is filtered by the right one; write | to apply the right side " +
			"to the left")
	}
	if !inCondition {
		return
	}
	excluded := map[string]int{}
	for _, operand := range n.operands() {
		field, ok := operand.excludes()
		if !ok {
			return
		}
		excluded[field]++
	}
	for field, times := range excluded {
		if times > 1 {
			report(fmt.Sprintf("|| between exclusions by %s leaves out only what all of them exclude; to leave out what any of them excludes, write &&", field))
		}
	}
}

// operands are those of a chain of the same operator.
func (n node) operands() []node {
	var all []node
	for _, child := range n.children {
		if child.kind == n.kind {
			all = append(all, child.operands()...)
		} else {
			all = append(all, child)
		}
	}
	return all
}

// excludes gives the field by whose text the condition n leaves something out.
func (n node) excludes() (field string, ok bool) {
	switch {
	case n.kind == kindNot && n.children[0].isMatch(), n.kind == kindNot && n.children[0].kind == kindComparator:
		field = n.children[0].children[0].path()
	case n.kind == kindComparator && n.text == notEqual() && n.children[1].kind == kindLiteral:
		field = n.children[0].path()
	}
	return field, field != ""
}

// notEqual is the library's number of the comparator !=, which it does not export.
func notEqual() string {
	tree, _ := parse("a != b")
	return tree.text
}

// call reports functions that fail on null, and names where text was meant.
func (n node) call(certain []string, report func(string)) {
	if !n.isMatch() {
		return
	}
	field := n.children[0].path()
	if slices.Contains(nullable(), field) && !slices.Contains(certain, field) {
		report(fmt.Sprintf("%s(%s, ...) fails for the whole list where one repository has no %s; write %s && %[1]s(%[2]s, ...) or %[1]s(not_null(%[2]s, ''), ...)",
			n.text, field, field, field))
	}
	if text := n.children[1]; text.kind == kindField {
		report(fmt.Sprintf("%s(..., %s) looks for what the field %[2]s holds; write '%[2]s' in single quotes to look for the text", n.text, text.text))
	}
}

// nullable are the fields in which hosts send null or nothing for some repositories.
func nullable() []string {
	return []string{
		"description", "homepage", "language", "license.key", "license.name", "license.spdx_id", "mirror_url", "default_branch",
		"defaultBranch", "project.description", "owner.name", "repositoryDescription",
	}
}

// tested gives the nullable fields that cannot be null where the condition n holds.
func (n node) tested() []string {
	if n.is(kindNot, kindOr) {
		return nil
	}
	if path := n.path(); slices.Contains(nullable(), path) {
		return []string{path}
	}
	var fields []string
	for _, child := range n.children {
		fields = append(fields, child.tested()...)
	}
	return fields
}

// path gives a name as a.b.c, or nothing where n is something else.
func (n node) path() string {
	switch {
	case n.kind == kindField:
		return n.text
	case n.kind == kindSub && n.children[1].kind == kindField:
		if before := n.children[0].path(); before != "" {
			return before + "." + n.children[1].text
		}
	}
	return ""
}

// isMatch reports whether n is a function that looks for text.
func (n node) isMatch() bool {
	return n.kind == kindFunction && slices.Contains([]string{"contains", "starts_with", "ends_with"}, n.text)
}

// isBoolean reports whether n gives true or false.
func (n node) isBoolean() bool {
	if n.is(kindOr, kindAnd) {
		return n.children[0].isBoolean() && n.children[1].isBoolean()
	}
	return n.is(kindComparator, kindNot) || n.isMatch()
}

// isList reports whether n gives a list by what it is.
func (n node) isList() bool {
	return n.is(kindFilter, kindProjection, kindValueProject, kindFlatten) || n.kind == kindPipe && n.children[1].isList()
}
