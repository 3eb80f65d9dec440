package pebblestore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// repositoryGraph is one repository's commits and refs as of one version of it, for questions of containment.
type repositoryGraph struct {
	version  uint64
	graph    *commitgraph.Graph // may have commits that are not held any more: no tip reaches them
	first    ordinal            // of nodes
	nodes    []commitgraph.Node // by ordinal; absent for one that was not held
	branches []namedTip         // sorted by name
	tags     []namedTip
	// defaultBranch is the node of the default branch's tip; absent when there is none.
	defaultBranch commitgraph.Node

	mu     sync.Mutex
	groups *commitgraph.Groups                  // of the branches and, behind them, the tags; nil until asked for
	reach  map[commitgraph.Node]commitgraph.Set // what asked-for tips reach
	names  map[int32]*refNames                  // of the groups asked for
	named  int                                  // names in them
}

func newGraph(version uint64) *repositoryGraph {
	return &repositoryGraph{
		version: version, defaultBranch: absent,
		reach: map[commitgraph.Node]commitgraph.Set{}, names: map[int32]*refNames{},
	}
}

// absent stands for no node.
const absent commitgraph.Node = -1

// namedTip is a branch or tag on a commit.
type namedTip struct {
	name string
	oid  storage.OID
	node commitgraph.Node
}

// refNames are the short names of the refs that contain the commits of a group. They are shared by all answers.
type refNames struct{ branches, tags []string }

// graph gives the commit graph of a repository as the view sees it.
func (v view) graph(rec *record) (*repositoryGraph, error) {
	cache := &v.store.graphs
	if g := cache.get(rec.ID, rec.Version); g != nil {
		return g, nil
	}
	g, err, _ := cache.loads.Do(fmt.Sprint(rec.ID, "@", rec.Version), func() (any, error) {
		g, err := v.loadGraph(rec)
		if err == nil {
			cache.put(rec.ID, g)
		}
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("load the commit graph of repository %d: %w", rec.ID, err)
	}
	return g.(*repositoryGraph), nil
}

// loadGraph reads the members and tips of a repository. Others may wait for the result, so the asker's
// cancellation does not end it.
func (v view) loadGraph(rec *record) (*repositoryGraph, error) {
	v.ctx = context.WithoutCancel(v.ctx)
	g := newGraph(rec.Version)
	if err := v.loadCommits(rec, g); err != nil {
		return nil, err
	}
	return g, v.loadTips(rec, g)
}

// loadCommits makes the graph of a repository's commits.
func (v view) loadCommits(rec *record, g *repositoryGraph) error {
	ends := make([]uint32, 0, rec.Commits)
	parents := make([]uint32, 0, rec.Commits+rec.Commits/8) // ordinals above g.first
	var scratch []ordinal
	prefix := keyOfRepository(spaceMembers, rec.ID)
	err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		first := firstOf(readNumber(k))
		if g.nodes == nil {
			g.first = first
			g.nodes = make([]commitgraph.Node, 0, rec.Next-min(first, rec.Next))
		}
		var err error
		scratch, err = edges(first, value, scratch, func(o ordinal, of []ordinal) {
			for len(g.nodes) < int(o-g.first) {
				g.nodes = append(g.nodes, absent)
			}
			g.nodes = append(g.nodes, commitgraph.Node(len(ends)))
			for _, p := range of {
				parents = append(parents, uint32(p-g.first))
			}
			ends = append(ends, uint32(len(parents)))
		})
		return err == nil, err
	})
	if err != nil {
		return err
	}
	for i, p := range parents {
		if p >= uint32(len(g.nodes)) || g.nodes[p] == absent {
			return fmt.Errorf("%w: a commit's parent is not in its repository", storage.ErrCorrupt)
		}
		parents[i] = uint32(g.nodes[p])
	}
	order, err := commitgraph.Order(ends, parents)
	if err != nil {
		return fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	g.graph = commitgraph.Build(ends, parents, order)
	if order != nil {
		for o, i := range g.nodes {
			if i != absent {
				g.nodes[o] = order[i]
			}
		}
	}
	return nil
}

// loadTips names the branches and tags.
func (v view) loadTips(rec *record, g *repositoryGraph) error {
	for _, kind := range []struct {
		prefix string
		tips   *[]namedTip
	}{{branchPrefix, &g.branches}, {tagPrefix, &g.tags}} {
		prefix := keyTip(rec.ID, kind.prefix)
		err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
			t, err := decodeTip(value)
			if err != nil || t.kind == tipNothing {
				return err == nil, err
			}
			tip := namedTip{name: string(k[len(prefix):]), oid: t.oid}
			if tip.node, err = g.node(t.commit); err != nil {
				return false, err
			}
			if t.kind == tipTag {
				if tip.oid, err = v.oid(rec.ID, t.commit); err != nil {
					return false, err
				}
			}
			if kind.prefix+tip.name == rec.DefaultBranch {
				g.defaultBranch = tip.node
			}
			*kind.tips = append(*kind.tips, tip)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// node gives the node of a commit that is held.
func (g *repositoryGraph) node(o ordinal) (commitgraph.Node, error) {
	if o < g.first || int(o-g.first) >= len(g.nodes) || g.nodes[o-g.first] == absent {
		return absent, fmt.Errorf("%w: commit %d is not in its repository", storage.ErrCorrupt, o)
	}
	return g.nodes[o-g.first], nil
}

// bytes estimates what the graph holds in memory, with what answers add to it.
func (g *repositoryGraph) bytes() int64 {
	return g.graph.Bytes() + 4*int64(g.graph.Len()) + 4*int64(cap(g.nodes)) + 64*int64(len(g.branches)+len(g.tags))
}

// group groups the commits by the refs that contain them. The caller holds g.mu.
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
	n := &refNames{}
	for _, t := range tips[:branches] {
		n.branches = append(n.branches, g.branches[t].name)
	}
	for _, t := range tips[branches:] {
		n.tags = append(n.tags, g.tags[int(t)-len(g.branches)].name)
	}
	n.branches, n.tags = slices.Clip(n.branches), slices.Clip(n.tags)
	return n
}

// maxReach is how many tips' reachable sets a graph keeps.
const maxReach = 16

// reachable gives what a tip reaches, remembered for the pages that follow.
func (g *repositoryGraph) reachable(tip commitgraph.Node) commitgraph.Set {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.reach[tip]
	if !ok {
		if len(g.reach) >= maxReach {
			clear(g.reach)
		}
		s = g.graph.Reachable(tip)
		g.reach[tip] = s
	}
	return s
}

// refFilter selects the postings whose commit a named ref reaches, repository by repository.
type refFilter struct {
	view view
	ref  string
	of   map[storage.RepositoryID]refReach
}

// refReach is what a ref reaches in one repository; a nil graph when it has no such ref.
type refReach struct {
	graph *repositoryGraph
	set   commitgraph.Set
}

func (f *refFilter) has(p posting) (bool, error) {
	r, ok := f.of[p.repository]
	if !ok {
		var err error
		if r, err = f.resolve(p.repository); err != nil {
			return false, err
		}
		if f.of == nil {
			f.of = map[storage.RepositoryID]refReach{}
		}
		f.of[p.repository] = r
	}
	if r.graph == nil {
		return false, nil
	}
	n, err := r.graph.node(p.ordinal)
	return err == nil && r.set.Has(n), err
}

func (f *refFilter) resolve(id storage.RepositoryID) (refReach, error) {
	t, err := f.view.tipOf(id, f.ref)
	if err != nil || t == nil || t.kind == tipNothing {
		return refReach{}, err
	}
	rec, err := readRecord(f.view, id)
	if err != nil {
		return refReach{}, err
	}
	g, err := f.view.graph(&rec)
	if err != nil {
		return refReach{}, err
	}
	n, err := g.node(t.commit)
	if err != nil {
		return refReach{}, err
	}
	return refReach{graph: g, set: g.reachable(n)}, nil
}

func isBranch(ref string) bool { return strings.HasPrefix(ref, branchPrefix) }

// graphCache keeps the graphs that were asked for last, up to a limit of memory.
type graphCache struct {
	limit int64
	loads singleflight.Group

	mu    sync.Mutex
	byID  map[storage.RepositoryID]*cachedGraph
	bytes int64
	tick  uint64
}

// cachedGraph is a repository's graph, and the one of the version before: while an Advance commits, some see the one and
// some the other.
type cachedGraph struct {
	graph, before *repositoryGraph // before is nil until the repository is advanced
	used          uint64
}

func (g *cachedGraph) bytes() int64 {
	n := g.graph.bytes()
	if g.before != nil {
		n += g.before.bytes()
	}
	return n
}

func (c *graphCache) get(id storage.RepositoryID, version uint64) *repositoryGraph {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.byID[id]
	if g == nil {
		return nil
	}
	c.tick++
	g.used = c.tick
	switch {
	case g.graph.version == version:
		return g.graph
	case g.before != nil && g.before.version == version:
		return g.before
	}
	return nil
}

// put keeps a graph that was loaded, unless there is a later one: whoever loaded it may have been slower than a push.
func (c *graphCache) put(id storage.RepositoryID, g *repositoryGraph) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if has := c.byID[id]; has == nil || has.graph.version < g.version {
		c.set(id, &cachedGraph{graph: g})
	}
}

// advance puts the graph of the next version before the last one.
func (c *graphCache) advance(id storage.RepositoryID, last, next *repositoryGraph) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(id, &cachedGraph{graph: next, before: last})
}

// goBack takes an advance back whose version nobody will see.
func (c *graphCache) goBack(id storage.RepositoryID, last *repositoryGraph) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(id, &cachedGraph{graph: last})
}

func (c *graphCache) drop(id storage.RepositoryID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(id)
}

// set keeps a graph and drops those asked for least lately, up to the limit. The caller holds c.mu.
func (c *graphCache) set(id storage.RepositoryID, g *cachedGraph) {
	c.remove(id)
	if c.byID == nil {
		c.byID = map[storage.RepositoryID]*cachedGraph{}
	}
	c.tick++
	g.used = c.tick
	c.byID[id] = g
	c.bytes += g.bytes()
	for c.bytes > c.limit && len(c.byID) > 1 {
		oldest, used := id, c.tick
		for other, g := range c.byID {
			if g.used < used {
				oldest, used = other, g.used
			}
		}
		c.remove(oldest)
	}
}

func (c *graphCache) remove(id storage.RepositoryID) {
	if g := c.byID[id]; g != nil {
		c.bytes -= g.bytes()
		delete(c.byID, id)
	}
}
