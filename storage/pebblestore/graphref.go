package pebblestore

import (
	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

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
