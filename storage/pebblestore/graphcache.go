package pebblestore

import (
	"sync"

	"golang.org/x/sync/singleflight"

	"keytrail/storage"
)

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
