package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of a configuration. It names the place and what is right there, and never holds a secret.
type Error struct {
	File         string // empty when the fault is not of a file's text
	Line, Column int    // from 1; 0 when unknown
	Key          string // path of the key, as "integrations[2].filter"; empty for the file as a whole
	Problem      string
}

// Error gives "FILE:LINE:COLUMN: KEY: PROBLEM", less what is unknown.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// faults gathers errors.
type faults []*Error

// join gives all faults as one error in the order of the file, or nil when there are none.
func (f faults) join() error {
	slices.SortStableFunc(f, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(f))
	for i, e := range f {
		errs[i] = e
	}
	return errors.Join(errs...)
}
