package packfile

const (
	cachedBases   = 16       // slots of a baseCache
	maxCachedBase = 64 << 10 // bytes; larger bases are not kept
)

// baseCache keeps the contents of bases, for the next delta on them: git may choose one commit as the base of a hundred thousand.
// With its slots and their size it has a megabyte at the most, besides the last base, which may be of any size.
type baseCache struct {
	slots [cachedBases]cachedBase
	spare []byte // the content of the last base that is in no slot
}

// cachedBase is the content of the commit at an offset of a pack.
type cachedBase struct {
	pack    *pack // nil: none
	at      int64
	content []byte
}

// slot is where the commit at an offset is, if it is anywhere.
func (c *baseCache) slot(at int64) *cachedBase {
	const golden = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio: Knuth, The Art of Computer Programming, 6.4
	return &c.slots[uint64(at)*golden>>60%cachedBases]
}

// get gives the content of a commit, nil when it is not there.
func (c *baseCache) get(p *pack, at int64) []byte {
	if s := c.slot(at); s.pack == p && s.at == at {
		return s.content
	}
	return nil
}

// put keeps the content of a commit, which was read into spare.
func (c *baseCache) put(p *pack, at int64, content []byte) {
	c.spare = content
	if len(content) <= maxCachedBase {
		s := c.slot(at)
		s.pack, s.at, s.content = p, at, append(s.content[:0], content...)
	}
}
