package pebblestore

import (
	"cmp"
	"slices"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// refNames are the short names of the refs that contain the commits of a group. They are shared by all answers.
type refNames struct {
	branches, tags []string
	firstTag       string // of tags; see storage.Hit
	inDefault      bool   // the default branch is among those that contain them
}

func (n *refNames) tell(h *storage.Hit) {
	h.Branches, h.Tags, h.FirstTag, h.InDefault = n.branches, n.tags, n.firstTag, n.inDefault
}

// group groups the commits by the refs that contain them, the branches before the tags. The caller holds g.mu.
func (g *repositoryGraph) group() {
	if g.groups != nil {
		return
	}
	tips := make([]commitgraph.Node, 0, len(g.branches)+len(g.tags))
	for _, t := range slices.Concat(g.branches, g.tags) {
		tips = append(tips, t.node)
	}
	g.groups = g.graph.Group(tips)
}

// tip gives the branch or tag at a place among those that commits are grouped by.
func (g *repositoryGraph) tip(place int32) *namedTip {
	if int(place) < len(g.branches) {
		return &g.branches[place]
	}
	return &g.tags[int(place)-len(g.branches)]
}

// grouped gives the groups of the commits.
func (g *repositoryGraph) grouped() *commitgraph.Groups {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.group()
	return g.groups
}

// maxNames is how many names of refs a graph keeps for all groups.
const maxNames = 1 << 18

// namesOf gives the branches and tags that contain each of some commits.
func (g *repositoryGraph) namesOf(commits []ordinal) ([]*refNames, error) {
	names := make([]*refNames, len(commits))
	var missing []int32
	groups := make([]int32, len(commits))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.group()
	for i, o := range commits {
		n, err := g.node(o)
		if err != nil {
			return nil, err
		}
		groups[i] = g.groups.Of(n)
		if g.names[groups[i]] == nil {
			missing = append(missing, groups[i])
		}
	}
	for i, tips := range g.groups.TipsOfEach(missing) {
		g.names[missing[i]] = g.name(tips)
		g.named += 1 + len(tips)
	}
	for i, group := range groups {
		names[i] = g.names[group]
	}
	if g.named > maxNames {
		clear(g.names)
		g.named = 0
	}
	return names, nil
}

// name names tips, which are ascending.
func (g *repositoryGraph) name(tips []int32) *refNames {
	branches, _ := slices.BinarySearch(tips, int32(len(g.branches)))
	n := &refNames{
		branches:  slices.Grow([]string(nil), branches),
		tags:      slices.Grow([]string(nil), len(tips)-branches),
		inDefault: g.isMerged(tips),
	}
	for _, t := range tips[:branches] {
		n.branches = append(n.branches, g.branches[t].name)
	}
	var first *namedTip
	for _, t := range tips[branches:] {
		tag := g.tip(t)
		n.tags = append(n.tags, tag.name)
		if first == nil || tag.compareReleased(first) < 0 {
			first = tag
		}
	}
	if first != nil {
		n.firstTag = first.name
	}
	return n
}

// compareReleased orders tags as they were released: by the committer dates of their commits, then by name.
func (t *namedTip) compareReleased(u *namedTip) int {
	if t.seconds != u.seconds {
		return cmp.Compare(t.seconds, u.seconds)
	}
	return cmp.Compare(t.name, u.name)
}
