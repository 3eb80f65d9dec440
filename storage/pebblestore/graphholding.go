package pebblestore

import (
	"slices"

	"keytrail/storage/commitgraph"
)

// holding tells which refs hold an issue's commits, by their places in the graph.
type holding struct {
	branches []bool // one of the commits that the default branch lacks
	tags     []bool // any of them
}

// manyGroups is from how many groups on it is quicker to search the graph than to read which refs contain each of them.
const manyGroups = 64

// holding finds the refs that hold commits.
func (g *repositoryGraph) holding(linked []posting) (*holding, error) {
	h := &holding{branches: make([]bool, len(g.branches)), tags: make([]bool, len(g.tags))}
	all := g.grouped()
	nodes := make([]commitgraph.Node, len(linked))
	groups := make([]int32, len(linked))
	for i, p := range linked {
		var err error
		if nodes[i], err = g.node(p.ordinal); err != nil {
			return nil, err
		}
		groups[i] = all.Of(nodes[i])
	}
	slices.Sort(groups)
	if groups = slices.Compact(groups); len(groups) >= manyGroups {
		h.search(g, nodes)
		return h, nil
	}
	for _, tips := range all.TipsOfEach(groups) {
		branches, _ := slices.BinarySearch(tips, int32(len(g.branches)))
		for _, t := range tips[branches:] {
			h.tags[int(t)-len(g.branches)] = true
		}
		if !g.isMerged(tips) {
			for _, t := range tips[:branches] {
				h.branches[t] = true
			}
		}
	}
	return h, nil
}

// isMerged reports whether the default branch is among tips.
func (g *repositoryGraph) isMerged(tips []int32) bool {
	return g.defaultBranch != absent && slices.ContainsFunc(tips, func(t int32) bool { return g.tip(t).node == g.defaultBranch })
}

// search hands the commits on to all that descend from them.
func (h *holding) search(g *repositoryGraph, commits []commitgraph.Node) {
	contained := g.graph.ContainingAny(commits)
	for i, t := range g.tags {
		h.tags[i] = contained.At(t.node) != 0
	}
	if g.defaultBranch != absent {
		commits = slices.DeleteFunc(slices.Clone(commits), g.reachable(g.defaultBranch).Has)
		contained = g.graph.ContainingAny(commits)
	}
	for i, b := range g.branches {
		h.branches[i] = contained.At(b.node) != 0
	}
}
