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
	graph    *commitgraph.Graph
	ordinals []ordinal          // ascending
	nodes    []commitgraph.Node // node of ordinals[i]; nil when it is i
	branches []namedTip         // sorted by name
	tags     []namedTip
	// defaultBranch is the node of the default branch's tip; -1 when there is none.
	defaultBranch commitgraph.Node

	mu    sync.Mutex
	reach map[commitgraph.Node]commitgraph.Set // what asked-for tips reach
}

// namedTip is a branch or tag on a commit.
type namedTip struct {
	name string
	oid  storage.OID
	node commitgraph.Node
}

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
	g := &repositoryGraph{version: rec.Version, defaultBranch: -1, reach: map[commitgraph.Node]commitgraph.Set{}}
	g.ordinals = make([]ordinal, 0, rec.Commits)
	edges := make([]ordinal, 0, rec.Commits+rec.Commits/8)
	ends := make([]int, 0, rec.Commits)
	prefix := keyOfRepository(spaceMember, rec.ID)
	err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		o := readOrdinal(k[len(prefix):])
		var err error
		edges, err = appendEdges(edges, o, value)
		g.ordinals = append(g.ordinals, o)
		ends = append(ends, len(edges))
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	if err := g.connect(edges, ends); err != nil {
		return nil, err
	}
	return g, v.loadTips(rec, g)
}

// connect builds the graph from the parents of each ordinal: those of the i-th end at ends[i].
func (g *repositoryGraph) connect(edges []ordinal, ends []int) error {
	indexes := make([]commitgraph.Node, len(edges))
	isOrdered := true
	begin := 0
	for i, end := range ends {
		for e := begin; e < end; e++ {
			p, ok := slices.BinarySearch(g.ordinals, edges[e])
			if !ok {
				return fmt.Errorf("%w: a commit's parent is not in its repository", storage.ErrCorrupt)
			}
			indexes[e] = commitgraph.Node(p)
			isOrdered = isOrdered && p < i
		}
		begin = end
	}
	parents := func(i commitgraph.Node) []commitgraph.Node {
		if i == 0 {
			return indexes[:ends[0]]
		}
		return indexes[ends[i-1]:ends[i]]
	}
	g.graph = commitgraph.New(len(g.ordinals))
	if isOrdered {
		for i := range g.ordinals {
			g.graph.Add(parents(commitgraph.Node(i))...)
		}
		return nil
	}
	g.nodes = make([]commitgraph.Node, len(g.ordinals))
	for _, i := range topological(len(g.ordinals), parents) {
		own := slices.Clone(parents(i))
		for j, p := range own {
			own[j] = g.nodes[p]
		}
		g.nodes[i] = g.graph.Add(own...)
	}
	return nil
}

// topological orders 0 to n-1 so that parents come before children.
func topological(n int, parents func(commitgraph.Node) []commitgraph.Node) []commitgraph.Node {
	children := make([][]commitgraph.Node, n)
	missing := make([]int, n)
	order := make([]commitgraph.Node, 0, n)
	for i := range commitgraph.Node(n) {
		missing[i] = len(parents(i))
		for _, p := range parents(i) {
			children[p] = append(children[p], i)
		}
		if missing[i] == 0 {
			order = append(order, i)
		}
	}
	for next := 0; next < len(order); next++ {
		for _, c := range children[order[next]] {
			if missing[c]--; missing[c] == 0 {
				order = append(order, c)
			}
		}
	}
	return order
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
			if err != nil || t.commit == 0 {
				return err == nil, err
			}
			tip := namedTip{name: string(k[len(prefix):]), node: g.node(t.commit)}
			if tip.oid, err = v.oid(t.commit); err != nil {
				return false, err
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

// node gives the node of a member. Asking for another commit is a bug or a corrupt index; it gets the first node.
func (g *repositoryGraph) node(o ordinal) commitgraph.Node {
	i, _ := slices.BinarySearch(g.ordinals, o)
	if g.nodes == nil {
		return commitgraph.Node(i)
	}
	return g.nodes[i]
}

// bytes estimates what the graph holds in memory.
func (g *repositoryGraph) bytes() int64 {
	return g.graph.Bytes() + 8*int64(len(g.ordinals)) + 4*int64(len(g.nodes)) + 64*int64(len(g.branches)+len(g.tags))
}

// nameRefs fills in the branches and tags that contain the hits at the given places.
func (g *repositoryGraph) nameRefs(selected []found, at []int, hits []storage.Hit) error {
	for batch := range slices.Chunk(at, 64) {
		nodes := make([]commitgraph.Node, len(batch))
		for j, i := range batch {
			nodes[j] = g.node(selected[i].ordinal)
		}
		contained := g.graph.Containing(nodes)
		for _, b := range g.branches {
			m := contained.At(b.node)
			for j, i := range batch {
				if m>>j&1 != 0 {
					hits[i].Branches = append(hits[i].Branches, b.name)
				}
			}
		}
		for _, t := range g.tags {
			m := contained.At(t.node)
			for j, i := range batch {
				if m>>j&1 != 0 {
					hits[i].Tags = append(hits[i].Tags, t.name)
				}
			}
		}
	}
	return nil
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
	return r.graph != nil && r.set.Has(r.graph.node(p.ordinal)), nil
}

func (f *refFilter) resolve(id storage.RepositoryID) (refReach, error) {
	t, err := f.view.tipOf(id, f.ref)
	if err != nil || t == nil || t.commit == 0 {
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
	return refReach{graph: g, set: g.reachable(g.node(t.commit))}, nil
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

type cachedGraph struct {
	graph *repositoryGraph
	used  uint64
}

func (c *graphCache) get(id storage.RepositoryID, version uint64) *repositoryGraph {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.byID[id]
	if g == nil || g.graph.version != version {
		return nil
	}
	c.tick++
	g.used = c.tick
	return g.graph
}

func (c *graphCache) put(id storage.RepositoryID, g *repositoryGraph) {
	c.drop(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[storage.RepositoryID]*cachedGraph{}
	}
	c.tick++
	c.byID[id] = &cachedGraph{graph: g, used: c.tick}
	c.bytes += g.bytes()
	for c.bytes > c.limit && len(c.byID) > 1 {
		oldest, used := id, c.tick
		for other, g := range c.byID {
			if g.used < used {
				oldest, used = other, g.used
			}
		}
		c.bytes -= c.byID[oldest].graph.bytes()
		delete(c.byID, oldest)
	}
}

func (c *graphCache) drop(id storage.RepositoryID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.byID[id]; g != nil {
		c.bytes -= g.graph.bytes()
		delete(c.byID, id)
	}
}
