package pebblestore

import (
	"cmp"
	"slices"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// manyAdded is how many commits a write tells of one by one, in the order of their dates. From there on, and in a first build, it tells of the span of
// their ordinals.
const manyAdded = 16 << 10

// addedKeys are keys that a commit is newly linked to.
type addedKeys struct {
	seconds int64
	rank    int  // among commits of one second: parents come before their children
	commit  int  // among those that come; -1 for one that is held
	isNew   bool // to a repository that is made anew
	oid     storage.OID
	keys    []storage.IssueKey
}

// beginFeed readies the feed for what the change has to tell.
func (c *change) beginFeed(out *sink, isInitial bool) {
	c.feed = c.store.beginFeed(out, isInitial)
	c.feed.of(c.rec.ID)
}

// tellsSpan tells of a change whose commits the feed tells of by a span.
func (c *change) tellsSpan() bool { return c.isNeverSeen() || len(c.added) >= c.store.toldFrom }

// isNeverSeen tells of the first index of a repository. What comes to one that was empty is no first index.
func (c *change) isNeverSeen() bool { return c.rec.SeenAt.IsZero() }

// tellAdded keeps keys of a commit that comes, to be told in the order of dates. It copies them.
func (c *change) tellAdded(i int, isNew bool, keys []storage.IssueKey) {
	if len(keys) > 0 && !c.tellsSpan() {
		c.added = append(c.added, addedKeys{seconds: c.in.seconds.get(i), commit: i, isNew: isNew, oid: *c.in.oid(i), keys: slices.Clone(keys)})
	}
}

// tell writes what the change adds: oldest committer date first, and where dates tie parents before their children. A reset
// has kept it when it counted.
func (c *change) tell() {
	var keys []storage.IssueKey
	for i := 0; i < len(c.refs) && !c.advance.Reset && !c.tellsSpan(); i++ {
		if c.stays(i) {
			keys = c.linksOf(i, keys[:0])
			c.tellAdded(i, false, keys)
		}
	}
	isSpan := c.tellsSpan()
	c.rank()
	slices.SortStableFunc(c.added, func(a, b addedKeys) int {
		return cmp.Or(cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.rank, b.rank))
	})
	for _, a := range c.added {
		if c.advance.Reset && !isSpan {
			c.feed.initial(!a.isNew)
		}
		if !isSpan || a.commit < 0 {
			c.feed.change(a.oid, false, a.keys)
		}
	}
	if isSpan && c.done.PostingsAdded > 0 && c.last >= 0 {
		c.feed.span(c.base, c.base+ordinal(c.last)+1)
	}
}

// rank numbers the commits that are told of so that parents come before their children.
func (c *change) rank() {
	if len(c.added) < 2 {
		return
	}
	var ends, among []uint32
	var parents []ordinal
	for i := range c.last + 1 {
		parents = c.parentOrdinals(i, parents[:0])
		for _, p := range parents {
			if p >= c.base && c.stays(i) {
				among = append(among, uint32(p-c.base))
			}
		}
		ends = append(ends, uint32(len(among)))
	}
	// Parents that no history can have leave the commits in the order in which they came.
	nodes, err := commitgraph.Order(ends, among)
	for i := range c.added {
		a := &c.added[i]
		a.rank = a.commit
		if err == nil && nodes != nil && a.commit >= 0 {
			a.rank = int(nodes[a.commit])
		}
	}
}
