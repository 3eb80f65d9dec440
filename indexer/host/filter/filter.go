// Package filter narrows the list of a host's repositories by a JMESPath expression (https://jmespath.org/specification.html),
// written as users of Git Integration for Jira write it: on the host's own JSON, in the host's own envelope.
//
// Compile reads an expression and refuses what could never work or never end. Apply evaluates it once on the whole merged
// list of a host, never page by page, and gives what is left in the envelope of that list. Whatever is no list of
// repositories is an error (ErrEvaluation, ErrShape, ErrTooSlow), so that a mistake is never read as "no repositories".
// Warnings tells of expressions that mean something else than they seem to. Compare sets the names before and after side
// by side, for a filter to be tried out.
//
//	f, err := filter.Compile("{value: value[?starts_with(name, 'pay')]}")
//	...
//	narrowed, err := f.Apply(ctx, document)
package filter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmespath/go-jmespath"
)

// MaxLength is the longest expression, in characters: the limit of Git Integration for Jira.
const MaxLength = 2000

// MaxRepositories is how many repositories a document may list.
const MaxRepositories = 1_000_000

// Budget is how long an evaluation may take for each thousand repositories begun.
const Budget = 100 * time.Millisecond

// The ways in which a filter fails on a document. None of them says anything about which repositories the host has: the last
// good selection stands.
var (
	// ErrEvaluation: JMESPath cannot be evaluated on the document, such as contains() of a field that is null.
	ErrEvaluation = errors.New("the filter cannot be evaluated")
	// ErrShape: what the filter gives is no list of repositories.
	ErrShape = errors.New("the filter does not give a list of repositories")
	// ErrTooSlow: the evaluation took longer than Budget.
	ErrTooSlow = errors.New("the filter takes too long")
)

// Filter is a compiled expression. It may be used by several goroutines; they take turns.
type Filter struct {
	query    *jmespath.JMESPath
	sorts    bool // sort_by reorders the list that it is given
	warnings []string
	budget   time.Duration
	running  chan struct{} // holds one token while an evaluation runs
}

// Compile reads an expression. Its errors name the place, counted in characters from 1, where there is one.
func Compile(expression string) (*Filter, error) {
	if n := utf8.RuneCountInString(expression); n > MaxLength {
		return nil, fmt.Errorf("the filter has %d characters; at most %d are allowed", n, MaxLength)
	}
	if strings.TrimSpace(expression) == "" {
		return nil, errors.New("the filter is blank: leave the key out to have all repositories")
	}
	tree, err := parse(expression)
	if err != nil {
		return nil, err
	}
	if err := tree.check(); err != nil {
		return nil, err
	}
	query, err := jmespath.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("the filter is not JMESPath: %w", err)
	}
	return &Filter{
		query: query, sorts: tree.calls("sort_by"), warnings: append(looseNots(expression), tree.traps()...),
		budget: Budget, running: make(chan struct{}, 1),
	}, nil
}

// Warnings says what in the expression probably does not do what was meant, and what to write instead.
func (f *Filter) Warnings() []string { return f.warnings }

// Apply evaluates the filter on the document that lists a host's repositories, as encoding/json decodes it into an any:
// a bare list of objects, or an object with such a list under "value", "repositories", "values" or "data". The result has
// the envelope of the document, whichever of these the expression gives, and shares the document's parts; the document
// itself stays as it is. An expression that matches nothing gives an empty list and no error.
//
// JMESPath cannot be interrupted. When the budget or ctx ends first, Apply returns at once and the evaluation runs to its end,
// which is near: Compile refuses expressions that multiply the document. The next Apply waits for it, and so does Wait.
func (f *Filter) Apply(ctx context.Context, document any) (any, error) {
	listed, envelope, _ := list(document) // a document of another shape is the expression's to judge
	if len(listed) > MaxRepositories {
		return nil, fmt.Errorf("a list of %d repositories is longer than a filter takes (%d); split the integration", len(listed), MaxRepositories)
	}
	if err := f.turn(ctx); err != nil {
		return nil, err
	}
	if f.sorts {
		document = copyLists(document)
	}
	type outcome struct {
		result any
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-f.running }()
		result, err := f.evaluate(document)
		done <- outcome{result, err}
	}()
	allowed := f.budget * time.Duration(1+len(listed)/1000)
	timer := time.NewTimer(allowed)
	defer timer.Stop()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		return wrap(o.result, envelope)
	case <-timer.C:
		return nil, fmt.Errorf("%w: more than %v for %d repositories; simplify it", ErrTooSlow, allowed, len(listed))
	case <-ctx.Done():
		return nil, fmt.Errorf("evaluate the filter: %w", ctx.Err())
	}
}

// turn waits until no evaluation runs, and takes the token.
func (f *Filter) turn(ctx context.Context) error {
	if ctx.Err() == nil {
		select {
		case f.running <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("wait for the filter's turn: %w", ctx.Err())
}

// Wait returns when no evaluation is running any more, as after an Apply that gave up.
func (f *Filter) Wait() {
	f.running <- struct{}{}
	<-f.running
}

// evaluate runs the expression. The library panics where contains() compares lists or objects, where merge() is given none, and
// at steps of slices that overflow.
func (f *Filter) evaluate(document any) (result any, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: a function in it was given what it cannot work on, such as contains() a list to look for; "+
				"compare text and numbers only", ErrEvaluation)
		}
	}()
	if result, err = f.query.Search(document); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrEvaluation, explain(err))
	}
	return result, nil
}

// explain puts an error of the library in words that hold nothing of the document: the library's own show the whole value
// that a function was given, and hosts list tokens among a repository's fields.
func explain(err error) string {
	const typesBegin = "[]jmespath.jpType{"
	if !strings.HasPrefix(err.Error(), "Invalid type for: ") {
		return err.Error()
	}
	wanted := "another type"
	if i := strings.LastIndex(err.Error(), typesBegin); i >= 0 {
		types := strings.TrimSuffix(err.Error()[i+len(typesBegin):], "}")
		wanted = strings.NewReplacer(`"`, "", ", ", " or ").Replace(types)
	}
	return fmt.Sprintf("a function wants %s and was given something else, most likely the null of a field that some repository "+
		"lacks; write not_null(FIELD, '') in place of FIELD, and || in place of a | between conditions", wanted)
}
