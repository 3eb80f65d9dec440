package filter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jmespath/go-jmespath"
)

// kind is the kind of a node: one of the library's AST constants, whose type it does not export.
type kind int

const (
	kindEmpty        = kind(jmespath.ASTEmpty)
	kindComparator   = kind(jmespath.ASTComparator)
	kindFunction     = kind(jmespath.ASTFunctionExpression)
	kindField        = kind(jmespath.ASTField)
	kindFilter       = kind(jmespath.ASTFilterProjection)
	kindFlatten      = kind(jmespath.ASTFlatten)
	kindCurrent      = kind(jmespath.ASTCurrentNode)
	kindIndex        = kind(jmespath.ASTIndexExpression)
	kindLiteral      = kind(jmespath.ASTLiteral)
	kindHash         = kind(jmespath.ASTMultiSelectHash)
	kindList         = kind(jmespath.ASTMultiSelectList)
	kindOr           = kind(jmespath.ASTOrExpression)
	kindAnd          = kind(jmespath.ASTAndExpression)
	kindNot          = kind(jmespath.ASTNotExpression)
	kindPipe         = kind(jmespath.ASTPipe)
	kindProjection   = kind(jmespath.ASTProjection)
	kindSub          = kind(jmespath.ASTSubexpression)
	kindValueProject = kind(jmespath.ASTValueProjection)
)

// node is a part of a parsed expression.
type node struct {
	kind     kind
	text     string // name of a field or function, text of a string literal, number of a comparator
	children []node
}

// parse reads an expression into its tree.
func parse(expression string) (tree node, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the filter is not JMESPath: its parser gives up; check brackets and quotes")
		}
	}()
	ast, err := jmespath.NewParser().Parse(expression)
	if err != nil {
		return node{}, locate(expression, err)
	}
	return nodeOf(reflect.ValueOf(ast)), nil
}

// nodeOf reads a node of the library, which exports the type of its trees but no field; a test holds their names.
func nodeOf(ast reflect.Value) node {
	n := node{kind: kind(ast.FieldByName("nodeType").Int())}
	switch value := ast.FieldByName("value").Elem(); value.Kind() {
	case reflect.String:
		n.text = value.String()
	case reflect.Int:
		n.text = fmt.Sprint(value.Int())
	}
	children := ast.FieldByName("children")
	for i := range children.Len() {
		n.children = append(n.children, nodeOf(children.Index(i)))
	}
	return n
}

// locate adds to an error of the parser where in the expression it is.
func locate(expression string, err error) error {
	var syntax jmespath.SyntaxError
	if !errors.As(err, &syntax) {
		if problem := literalProblem(expression); problem != "" {
			return errors.New("the filter is not JMESPath " + problem)
		}
		return fmt.Errorf("the filter is not JMESPath: %w; check brackets and quotes", err)
	}
	offset := min(max(syntax.Offset, 0), len(expression))
	for offset > 0 && offset < len(expression) && !utf8.RuneStart(expression[offset]) {
		offset-- // the parser counts in bytes
	}
	rest, at := []rune(expression[offset:]), "its end"
	if len(rest) > 0 {
		at = fmt.Sprintf("%q", string(rest[:min(len(rest), 20)]))
	}
	isUnclosed := strings.Contains(err.Error(), "Unclosed delimiter")
	return fmt.Errorf("the filter is not JMESPath at character %d, %s: %w%s", utf8.RuneCountInString(expression[:offset])+1, at, err,
		hint(expression[:offset], string(rest), isUnclosed))
}

// walk calls visit for n and everything below it.
func (n node) walk(visit func(node)) {
	visit(n)
	for _, child := range n.children {
		child.walk(visit)
	}
}

// calls reports whether the expression calls a function.
func (n node) calls(function string) bool {
	found := false
	n.walk(func(n node) { found = found || n.kind == kindFunction && n.text == function })
	return found
}

// is reports whether n is of one of the kinds.
func (n node) is(kinds ...kind) bool { return slices.Contains(kinds, n.kind) }
