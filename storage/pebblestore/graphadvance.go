package pebblestore

import (
	"cmp"
	"slices"
	"strings"

	"keytrail/storage/commitgraph"
)

// advanceGraph brings the graph that is kept of a repository up to the change that was just made, so that the next answer
// does not read the whole repository again. Of a change that is large, or without a graph of the version before, nothing is kept.
func (c *change) advanceGraph(before uint64) {
	cache := &c.store.graphs
	old := cache.get(c.rec.ID, before)
	if old == nil || c.advance.Reset || c.in.isMany() || c.base < old.first || int(c.base-old.first) < len(old.nodes) {
		cache.drop(c.rec.ID)
		return
	}
	g := newGraph(c.rec.Version)
	g.graph, g.first, g.nodes = old.graph.Extended(), old.first, old.nodes
	g.branches, g.tags = old.branches, old.tags
	if len(g.nodes) == 0 {
		g.first = c.base
	}
	if c.extend(g) && c.retip(g) {
		cache.put(c.rec.ID, g)
	} else {
		cache.drop(c.rec.ID)
	}
}

// extend adds the commits that came to a graph, parents before children. It gives up on what does not fit.
func (c *change) extend(g *repositoryGraph) bool {
	if c.last < 0 {
		return true
	}
	var ends, among []uint32 // parents among those that came
	for i := range c.last + 1 {
		for _, p := range c.parentOrdinals(i, nil) {
			if p >= c.base && c.stays(i) {
				among = append(among, uint32(p-c.base))
			}
		}
		ends = append(ends, uint32(len(among)))
	}
	order, err := commitgraph.Order(ends, among)
	if err != nil {
		return false
	}
	for len(g.nodes) < int(c.base-g.first)+c.last+1 {
		g.nodes = append(g.nodes, absent)
	}
	inOrder := make([]int, c.last+1)
	for i := range inOrder {
		if order == nil {
			inOrder[i] = i
		} else {
			inOrder[order[i]] = i
		}
	}
	for _, i := range inOrder {
		if !c.stays(i) {
			continue
		}
		var parents []commitgraph.Node
		for _, p := range c.parentOrdinals(i, nil) {
			n, err := g.node(p)
			if err != nil {
				return false
			}
			parents = append(parents, n)
		}
		g.nodes[int(c.base-g.first)+i] = g.graph.Add(parents...)
	}
	return true
}

// retip moves the branches and tags of a graph.
func (c *change) retip(g *repositoryGraph) bool {
	for _, kind := range []struct {
		prefix string
		tips   *[]namedTip
	}{{branchPrefix, &g.branches}, {tagPrefix, &g.tags}} {
		moved := map[string]*tipWrite{}
		for i := range c.tips {
			if name, ok := strings.CutPrefix(c.tips[i].ref, kind.prefix); ok {
				moved[name] = &c.tips[i]
			}
		}
		if len(moved) == 0 {
			continue
		}
		tips := slices.DeleteFunc(slices.Clone(*kind.tips), func(t namedTip) bool { return moved[t.name] != nil })
		for name, t := range moved {
			if t.now.kind == tipNothing {
				continue
			}
			n, err := g.node(t.now.commit)
			if err != nil {
				return false
			}
			oid := t.now.oid
			if t.now.kind == tipTag {
				if oid, err = readOID(c.store.db, c.rec.ID, t.now.commit); err != nil {
					return false
				}
			}
			tips = append(tips, namedTip{name: name, oid: oid, node: n})
		}
		slices.SortFunc(tips, func(a, b namedTip) int { return cmp.Compare(a.name, b.name) })
		*kind.tips = tips
	}
	for _, b := range g.branches {
		if branchPrefix+b.name == c.rec.DefaultBranch {
			g.defaultBranch = b.node
		}
	}
	for _, t := range g.tags {
		if tagPrefix+t.name == c.rec.DefaultBranch {
			g.defaultBranch = t.node
		}
	}
	return true
}
