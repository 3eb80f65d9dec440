package pebblestore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

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

	comparing sync.Mutex
	distances map[commitgraph.Node]commitgraph.Distance // of asked-for branches from the default one
}

func newGraph(version uint64) *repositoryGraph {
	return &repositoryGraph{
		version: version, defaultBranch: absent,
		reach: map[commitgraph.Node]commitgraph.Set{}, names: map[int32]*refNames{},
		distances: map[commitgraph.Node]commitgraph.Distance{},
	}
}

// absent stands for no node.
const absent commitgraph.Node = -1

// namedTip is a branch or tag on a commit.
type namedTip struct {
	name    string
	oid     storage.OID // of the commit
	seconds int64       // committer date of the commit
	node    commitgraph.Node
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

// loadGraph reads the tips and members of a repository. Others may wait for the result, so the asker's
// cancellation does not end it.
func (v view) loadGraph(rec *record) (*repositoryGraph, error) {
	v.ctx = context.WithoutCancel(v.ctx)
	g := newGraph(rec.Version)
	tips, err := v.loadTips(rec, g)
	if err != nil {
		return nil, err
	}
	if err := v.loadCommits(rec, g, tips); err != nil {
		return nil, err
	}
	for _, t := range tips {
		if t.tip.node, err = g.node(t.commit); err != nil {
			return nil, err
		}
		if t.isDefault {
			g.defaultBranch = t.tip.node
		}
	}
	return g, nil
}

// tipOfGraph is a branch or tag whose commit the members tell.
type tipOfGraph struct {
	tip       *namedTip
	commit    ordinal
	isDefault bool
}

// loadTips names the branches and tags, and gives them in order of their commits.
func (v view) loadTips(rec *record, g *repositoryGraph) (tips []tipOfGraph, err error) {
	for _, kind := range []struct {
		prefix string
		tips   *[]namedTip
	}{{branchPrefix, &g.branches}, {tagPrefix, &g.tags}} {
		prefix := keyTip(rec.ID, kind.prefix)
		var commits []ordinal
		err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
			t, err := decodeTip(value)
			if err != nil || t.kind == tipNothing {
				return err == nil, err
			}
			*kind.tips = append(*kind.tips, namedTip{name: string(k[len(prefix):])})
			commits = append(commits, t.commit)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		for i, o := range commits {
			t := &(*kind.tips)[i]
			tips = append(tips, tipOfGraph{tip: t, commit: o, isDefault: kind.prefix+t.name == rec.DefaultBranch})
		}
	}
	slices.SortFunc(tips, func(a, b tipOfGraph) int { return cmp.Compare(a.commit, b.commit) })
	return tips, nil
}

// loadCommits makes the graph of a repository's commits, and tells the tips what is known of theirs.
func (v view) loadCommits(rec *record, g *repositoryGraph, tips []tipOfGraph) error {
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
		scratch, err = edges(first, value, scratch, func(e edge) {
			for len(g.nodes) < int(e.ordinal-g.first) {
				g.nodes = append(g.nodes, absent)
			}
			g.nodes = append(g.nodes, commitgraph.Node(len(ends)))
			for _, p := range e.parents {
				parents = append(parents, uint32(p-g.first))
			}
			ends = append(ends, uint32(len(parents)))
			for ; len(tips) > 0 && tips[0].commit <= e.ordinal; tips = tips[1:] {
				tips[0].tip.oid, tips[0].tip.seconds = e.oid, e.seconds
			}
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

// node gives the node of a commit that is held.
func (g *repositoryGraph) node(o ordinal) (commitgraph.Node, error) {
	if o < g.first || int(o-g.first) >= len(g.nodes) || g.nodes[o-g.first] == absent {
		return absent, fmt.Errorf("%w: commit %d is not in its repository", storage.ErrCorrupt, o)
	}
	return g.nodes[o-g.first], nil
}

// bytes estimates what the graph holds in memory, with what answers add to it.
func (g *repositoryGraph) bytes() int64 {
	return g.graph.Bytes() + 4*int64(g.graph.Len()) + 4*int64(cap(g.nodes)) + 128*int64(len(g.branches)+len(g.tags))
}

func isBranch(ref string) bool { return strings.HasPrefix(ref, branchPrefix) }
