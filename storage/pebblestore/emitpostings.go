package pebblestore

import (
	"slices"

	"keytrail/storage"
)

// adjust works out which of the commits that come have other keys than their messages: more by their notes, more or fewer by what was decided.
func (c *change) adjust() error {
	if c.rec.Notes == 0 && len(c.notes) == 0 && c.store.counters.standing == 0 {
		return nil
	}
	for i := range c.refs {
		if !c.stays(i) {
			continue
		}
		oid := *c.in.oid(i)
		stored, err := c.storedNotes(oid)
		if err != nil {
			return err
		}
		decided, err := c.decidedAbout(oid)
		if err != nil {
			return err
		}
		notes := c.notesAfter(oid, stored)
		if len(notes) == 0 && len(decided) == 0 {
			continue
		}
		message := c.in.keysOf(i, nil)
		keys := linked(message, notes, decided)
		if slices.Equal(message, keys) {
			continue
		}
		if c.adjusted == nil {
			c.adjusted = map[int][]uint32{}
		}
		numbers := make([]uint32, len(keys))
		for j, k := range keys {
			numbers[j] = c.in.keySet.number(k)
		}
		c.adjusted[i] = numbers
	}
	return nil
}

// linksOf appends the keys that a commit that comes is linked to.
func (c *change) linksOf(i int, to []storage.IssueKey) []storage.IssueKey {
	numbers, isAdjusted := c.adjusted[i]
	if !isAdjusted {
		return c.in.keysOf(i, to)
	}
	for _, n := range numbers {
		to = append(to, c.in.keySet.keys.get(int(n)))
	}
	return to
}

// writeRunsTo gives the way to write an issue's postings where the repository has none of it.
func (c *change) writeRunsTo(out rowWriter) func(storage.IssueKey, []entry) error {
	var scratch []byte
	return func(key storage.IssueKey, entries []entry) error {
		return writeRuns(out, keyPostings(key), c.rec.ID, entries, &scratch)
	}
}

// emitPostings hands on the postings of the commits that come, issue by issue in the order of their rows.
func (c *change) emitPostings(write func(storage.IssueKey, []entry) error) error {
	of := c.group()
	var entries []entry
	for _, k := range c.in.keySet.sorted() {
		entries = entries[:0]
		for _, i := range of.commits(k) {
			entries = append(entries, entry{c.in.seconds.get(int(i)), c.base + ordinal(i)})
		}
		if len(entries) == 0 {
			continue
		}
		slices.SortFunc(entries, entry.compare)
		if err := write(c.in.keySet.keys.get(int(k)), entries); err != nil {
			return err
		}
		if !c.advance.Reset {
			c.done.PostingsAdded += int64(len(entries))
		}
	}
	return nil
}

// groups are commits by the number of a key.
type groups struct {
	all []uint32 // commits, those of key 0 first
	end []uint32 // by key: where its commits end
}

func (g *groups) commits(k uint32) []uint32 {
	if k == 0 {
		return g.all[:g.end[0]]
	}
	return g.all[g.end[k-1]:g.end[k]]
}

// group sorts the commits that stay by their keys, by counting.
func (c *change) group() *groups {
	each := func(fn func(i int, k uint32)) {
		from := 0
		for i := range c.refs {
			to := int(c.in.keyEnd.get(i))
			if len(c.adjusted) > 0 {
				if numbers, isAdjusted := c.adjusted[i]; isAdjusted {
					for _, k := range numbers {
						fn(i, k)
					}
					from = to
				}
			}
			for ; from < to; from++ {
				if c.stays(i) {
					fn(i, c.in.keys.get(from))
				}
			}
		}
	}
	g := &groups{end: make([]uint32, c.in.keySet.keys.n+1)}
	each(func(_ int, k uint32) { g.end[k+1]++ })
	for k := 1; k < len(g.end); k++ {
		g.end[k] += g.end[k-1]
	}
	// end[k] is where the commits of key k begin; adding them makes it where they end.
	g.all = make([]uint32, g.end[len(g.end)-1])
	each(func(i int, k uint32) {
		g.all[g.end[k]] = uint32(i)
		g.end[k]++
	})
	return g
}
