package pebblestore

import (
	"cmp"
	"slices"
	"strings"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// advanceGraph readies the graph of the version that the change makes, from the one that is kept of the version before, so
// that the first answer after a push does not read the whole repository again. It comes before the commit: who asks at that
// instant finds a graph of whichever version it sees. Of a change that is large, or without a graph of the version before,
// nothing is kept. The function that it returns takes it back.
func (c *change) advanceGraph() (goBack func()) {
	cache := &c.store.graphs
	last := cache.get(c.rec.ID, c.rec.Version-1)
	if last == nil || c.advance.Reset || c.in.isMany() || c.base < last.first || int(c.base-last.first) < len(last.nodes) {
		return func() {}
	}
	next := newGraph(c.rec.Version)
	next.graph, next.first, next.nodes = last.graph.Extended(), last.first, last.nodes
	next.branches, next.tags = last.branches, last.tags
	if len(next.nodes) == 0 {
		next.first = c.base
	}
	if !c.extend(next) || !c.retip(next) {
		return func() {}
	}
	cache.advance(c.rec.ID, last, next)
	return func() { cache.goBack(c.rec.ID, last) }
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
			tip := namedTip{name: name, node: n}
			if tip.oid, tip.seconds, err = c.commitOf(t.now.commit); err != nil {
				return false
			}
			tips = append(tips, tip)
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

// commitOf gives the object id and the committer date of a commit that a tip leads to.
func (c *change) commitOf(o ordinal) (storage.OID, int64, error) {
	if o >= c.base {
		i := int(o - c.base)
		return *c.in.oid(i), c.in.seconds.get(i), nil
	}
	m, _, err := readMember(c.store.db, c.rec.ID, o)
	return m.oid, m.seconds, err
}
