package pebblestore

import (
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// keyOfCommit names what an association is about.
type keyOfCommit struct {
	oid storage.OID
	key storage.IssueKey
}

// associations compares the verdicts that stand with the log.
func (c *verification) associations(want *counters) error {
	stands := map[keyOfCommit]verdict{}
	n := uint64(0)
	err := c.each(spaceAssociation, func(k, value []byte) error {
		a, err := decodeAssociation(k, value)
		if err != nil {
			return err
		}
		if n++; a.Number != n {
			c.problem(0, "association %d comes where number %d is due", a.Number, n)
			n = a.Number
		}
		about := keyOfCommit{a.OID, a.Key}
		if stands[about] = (verdict{a.Key, a.Verdict, a.Number}); a.Verdict == storage.VerdictClear {
			delete(stands, about)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n != want.associations || uint64(len(stands)) != want.standing {
		c.problem(0, "%d associations are counted, %d of them standing; the log has %d and %d", want.associations, want.standing, n, len(stands))
	}
	err = c.each(spaceVerdict, func(k, value []byte) error {
		oid, v, err := decodeVerdict(k, value)
		about := keyOfCommit{oid, v.key}
		if err == nil && stands[about] != v {
			c.problem(0, "the verdict on %s and commit %s is not the last that was decided", v.key, oid)
		}
		delete(stands, about)
		return err
	})
	for about := range stands {
		c.problem(0, "missing: the verdict on %s and commit %s", about.key, about.oid)
	}
	return err
}

// each calls fn for each row of a keyspace. What it finds corrupt is a problem.
func (c *verification) each(space byte, fn func(k, value []byte) error) error {
	return scanRange(c.ctx, c, []byte{space}, []byte{space + 1}, func(k, value []byte) (bool, error) {
		return true, c.sound(0, fn(k, value))
	})
}

// toldRows reads the rows of the feed.
func (c *verification) toldRows() error {
	trimmed, err := readTrimmed(c)
	if err != nil {
		return c.sound(0, err)
	}
	next := feedPart{sequence: trimmed + 1}
	return c.each(spaceFeed, func(k, value []byte) error {
		p, err := readFeedKey(k)
		if err != nil {
			return err
		}
		if p != next && (next.part == 0 || p != feedPart{sequence: next.sequence + 1}) {
			c.problem(0, "row %d of sequence %d comes in the feed where row %d of sequence %d is due", p.part, p.sequence, next.part, next.sequence)
		}
		next = feedPart{p.sequence, p.part + 1}
		d := decoder{b: value}
		if d.feedHead().kind == feedSpan {
			d.skip(2)
			return d.done("row of the feed")
		}
		var keys []storage.IssueKey
		for len(d.b) > 0 && !d.bad {
			keys = d.feedChange(keys[:0]).changed
		}
		return d.done("row of the feed")
	})
}

// commands compares the commands with what leads to them.
func (c *verification) commands(want *counters) error {
	ids, unfinished, about := map[storage.CommandID]uint64{}, map[string]bool{}, map[string]bool{}
	n := uint64(0)
	err := c.each(spaceCommand, func(k, value []byte) error {
		command, err := decodeCommand(value)
		if err != nil {
			return err
		}
		n++
		if string(k) != string(keyCommand(n)) {
			c.problem(0, "the commands are not numbered one by one at %d", n)
		}
		ids[command.CommandID] = n
		about[string(keyCommandKey(command.Key, n))] = true
		if isUnfinished(command.State) {
			unfinished[string(keyUnfinished(n))] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n != want.commands {
		c.problem(0, "%d commands are counted and %d are there", want.commands, n)
	}
	if err := c.listed(spaceUnfinished, unfinished, "listed as not finished"); err != nil {
		return err
	}
	if err := c.listed(spaceCommandKey, about, "listed by issues"); err != nil {
		return err
	}
	return c.commandIDs(ids)
}

// listed compares a keyspace of commands with the keys that are due.
func (c *verification) listed(space byte, due map[string]bool, what string) error {
	err := c.each(space, func(k, _ []byte) error {
		if !due[string(k)] {
			c.problem(0, "a command is %s and should not be", what)
		}
		delete(due, string(k))
		return nil
	})
	if len(due) > 0 {
		c.problem(0, "missing: %d commands %s", len(due), what)
	}
	return err
}

// commandIDs compares the numbers that commands are found by.
func (c *verification) commandIDs(ids map[storage.CommandID]uint64) error {
	for _, id := range slices.SortedFunc(maps.Keys(ids), func(a, b storage.CommandID) int { return a.OID.Compare(b.OID) }) {
		v, err := get(c, keyCommandID(id))
		if errors.Is(err, pebble.ErrNotFound) {
			c.problem(0, "missing: the number of command %d of commit %s", id.Index, id.OID)
			continue
		}
		if err != nil {
			return err
		}
		number, err := decodeUint(v, "command's number")
		if err := c.sound(0, err); err != nil {
			return err
		}
		if number != ids[id] {
			c.problem(0, "command %d of commit %s is found as %d and not as %d", id.Index, id.OID, number, ids[id])
		}
	}
	n, err := c.count(spaceCommandID)
	if err == nil && n != int64(len(ids)) {
		c.problem(0, "there are %d commands and %d ways to find them", len(ids), n)
	}
	return err
}
