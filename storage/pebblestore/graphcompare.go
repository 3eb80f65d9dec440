package pebblestore

import (
	"context"
	"slices"
	"strings"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// compare tells of branches how far they are from the default one, if there is one. What was found is kept for as long as no ref moves, so
// that thousands of branches cost their passes over the graph once.
func (g *repositoryGraph) compare(ctx context.Context, branches []storage.IssueRef) error {
	if g.defaultBranch == absent || len(branches) == 0 {
		return nil
	}
	nodes := make([]commitgraph.Node, len(branches))
	for i := range branches {
		nodes[i] = g.branch(branches[i].Name).node
	}
	wanted := slices.Sorted(slices.Values(nodes)) // so that those of one pass are of about one age, and it is short
	found := make(map[commitgraph.Node]commitgraph.Distance, len(wanted))
	for some := range slices.Chunk(slices.Compact(wanted), 64) {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.measure(some, found)
	}
	for i, n := range nodes {
		d := found[n]
		branches[i].Compared, branches[i].Ahead, branches[i].Behind = true, d.Ahead, d.Behind
	}
	return nil
}

// branch finds a branch that there is.
func (g *repositoryGraph) branch(name string) *namedTip {
	i, _ := slices.BinarySearchFunc(g.branches, name, func(t namedTip, name string) int { return strings.Compare(t.name, name) })
	return &g.branches[i]
}

// measure adds to found how far some tips are from the default branch. It takes a pass at a time, for others wait meanwhile.
func (g *repositoryGraph) measure(tips []commitgraph.Node, found map[commitgraph.Node]commitgraph.Distance) {
	g.comparing.Lock()
	defer g.comparing.Unlock()
	missing := slices.DeleteFunc(slices.Clone(tips), func(n commitgraph.Node) bool {
		_, isKnown := g.distances[n]
		return isKnown
	})
	for i, d := range g.graph.Distances(missing, g.defaultBranch) {
		g.distances[missing[i]] = d
	}
	for _, n := range tips {
		found[n] = g.distances[n]
	}
}
