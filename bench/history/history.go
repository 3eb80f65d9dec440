// Package history makes git histories for measurements, tests and the demo: any number of commits with merges,
// branches, tags, pull refs, notes and messages that name issue keys the way people do.
//
// A history is a function of its Options: the same options give the same object ids on every machine, since every
// choice is drawn from a seeded generator and nothing reads a clock, an environment or the order of a map. It is
// written as a git-fast-import(1) stream, commit by commit, so that memory does not grow with the number of commits:
//
//	sum, err := history.Create(ctx, "shop.git", history.Demo(), nil)
//
// Summary says what the history holds, counted while it was written.
package history

import "io"

// Write writes the history as a fast-import stream that ends with "done" and says what it wrote. It fails on
// options out of range, before the first byte, and with w's first error.
func Write(w io.Writer, o Options) (Summary, error) {
	return write(w, o, func(int) {})
}

// progressStep is how many commits lie between two calls of a progress function.
const progressStep = 10_000

func write(w io.Writer, o Options, progress func(commits int)) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	g := newGraph(o, newStream(w))
	for mark := 1; mark <= o.Commits; mark++ {
		if err := g.step(mark); err != nil {
			return Summary{}, err
		}
		if mark%progressStep == 0 {
			progress(mark)
		}
	}
	if err := g.finish(); err != nil {
		return Summary{}, err
	}
	return g.sum, nil
}
