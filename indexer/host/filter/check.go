package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxCopies is how many copies of the document an expression may make of it.
const maxCopies = 64

// atLeastOne is the number of arguments of a function that takes one or more.
const atLeastOne = -1

// functions are those of JMESPath (https://jmespath.org/specification.html#built-in-functions) with their numbers of arguments.
// The library tells of others only when it meets a repository, so that a misspelt name would pass on an empty list.
func functions() map[string]int {
	return map[string]int{
		"abs": 1, "avg": 1, "ceil": 1, "contains": 2, "ends_with": 2, "floor": 1, "join": 2, "keys": 1, "length": 1, "map": 2,
		"max": 1, "max_by": 2, "merge": atLeastOne, "min": 1, "min_by": 2, "not_null": atLeastOne, "reverse": 1, "sort": 1,
		"sort_by": 2, "starts_with": 2, "sum": 1, "to_array": 1, "to_number": 1, "to_string": 1, "type": 1, "values": 1,
	}
}

// check refuses an expression that can never be evaluated, or whose evaluation could outgrow the machine.
func (n node) check() error {
	known := functions()
	var problem error
	n.walk(func(n node) {
		if problem == nil {
			problem = n.checkAlone(known)
		}
	})
	if problem != nil {
		return problem
	}
	if copies := n.copies(); copies > maxCopies {
		return fmt.Errorf("the filter may make more than %d copies of the host's list out of it: use fewer [a, b], {a: b} and to_string() "+
			"one after the other", maxCopies)
	}
	return nil
}

// checkAlone refuses a call of a function that cannot work, or whose cost cannot be told.
func (n node) checkAlone(known map[string]int) error {
	if n.kind != kindFunction {
		return nil
	}
	arguments, ok := known[n.text]
	switch given := len(n.children); {
	case !ok && spellings()[strings.ToLower(n.text)] != "":
		return fmt.Errorf("the filter calls %q, which is not a function of JMESPath; write %s for %s", n.text,
			spellings()[strings.ToLower(n.text)], strings.ToLower(n.text))
	case !ok:
		return fmt.Errorf("the filter calls %q, which is not a function of JMESPath; there are %s", n.text,
			strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	case arguments == atLeastOne && given == 0:
		return fmt.Errorf("the filter calls %s() without arguments; it takes one or more", n.text)
	case arguments != atLeastOne && arguments != given:
		return fmt.Errorf("the filter calls %s() with %d arguments; it takes %d", n.text, given, arguments)
	case n.text == "join" && !n.children[0].is(kindLiteral):
		return errors.New("the filter calls join() with glue that is not a literal; write it in single quotes")
	}
	return nil
}

// copies is an upper bound of how many times what n is given may be contained in what it gives, or in what it makes on
// the way. Only multi-selects repeat it, and what they make may be repeated by the next in a chain. to_string makes up to
// six characters of one.
func (n node) copies() int {
	sum, product, most := 0, 1, 1
	for _, child := range n.children {
		c := child.copies()
		sum, product, most = sum+c, min(product*c, maxCopies+1), max(most, c)
	}
	switch {
	case n.is(kindHash, kindList):
		return min(sum, maxCopies+1)
	case n.kind == kindFunction && n.text == "to_string":
		return min(6*most, maxCopies+1)
	case n.is(kindPipe, kindSub, kindIndex, kindFilter, kindProjection, kindValueProject, kindFunction):
		return product
	}
	return most
}
