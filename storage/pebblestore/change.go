package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// change works one Advance out, in memory: first what becomes of each member (apply), then what must be written for
// it (emit). Until then nothing is written.
type change struct {
	ctx     context.Context
	store   *Store
	advance storage.Advance
	rec     record
	pending *pending

	counters counters // as they will be
	done     storage.Advanced

	first   ordinal                 // of fresh
	fresh   []member                // commits that the index sees for the first time; fresh[i] has ordinal first+i
	touched map[ordinal]*member     // all other members that the change looks at
	yielded map[storage.OID]ordinal // ordinals of pending commits that become members
	falling []*member               // members whose count has come to zero
	missing []gap

	tips         []tipWrite
	notes        map[storage.OID]map[string]*storage.Note // changed notes by object and ref; nil: deleted
	notesChanged bool
}

// member is one commit of the repository as the change finds and leaves it.
type member struct {
	row     // as it will be
	ordinal ordinal
	before  *row            // as it is stored; nil when the repository does not hold the commit
	commit  *storage.Commit // as yielded; nil when it was not
	present bool            // whether the repository will hold it
	fresh   bool            // the index has no commit of this ordinal yet
	dirty   bool            // the row differs from before
}

// gap is a parent that is neither held nor yielded. It matters if the child stays.
type gap struct {
	child       ordinal
	oid, parent storage.OID
}

// tipWrite is a tip to write, or to delete when its object id is zero.
type tipWrite struct {
	ref    string
	before *tipRow
	now    tipRow
}

func (s *Store) beginChange(ctx context.Context, a storage.Advance, p *pending) (*change, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rec, err := readRecord(s.db, a.Repository)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &pending{}
	}
	return &change{
		ctx: ctx, store: s, advance: a, rec: rec, pending: p,
		counters: s.counters, first: s.counters.nextOrdinal,
		touched: map[ordinal]*member{},
		yielded: make(map[storage.OID]ordinal, len(p.commits)),
	}, nil
}

// apply decides what becomes of every member and tip.
func (c *change) apply() error {
	if c.advance.Reset {
		if err := c.loadMembers(); err != nil {
			return err
		}
	}
	if err := c.takeCommits(); err != nil {
		return err
	}
	if err := c.moveTips(); err != nil {
		return err
	}
	if err := c.release(); err != nil {
		return err
	}
	if err := c.checkGaps(); err != nil {
		return err
	}
	return c.changeNotes()
}

// loadMembers brings in every member of a repository that is reset, as absent until it is yielded.
func (c *change) loadMembers() error {
	prefix := keyOfRepository(spaceMember, c.rec.ID)
	return c.store.scan(c.ctx, prefix, func(k, v []byte) (bool, error) {
		o := readOrdinal(k[len(prefix):])
		before, err := decodeRow(o, v)
		if err != nil {
			return false, err
		}
		c.touched[o] = &member{ordinal: o, before: &before}
		return true, nil
	})
}

// takeCommits makes members of the pending commits that the repository does not hold, parents before children, and
// counts the edges from them.
func (c *change) takeCommits() error {
	known, err := c.knownOrdinals()
	if err != nil {
		return err
	}
	order := c.parentsFirst(known)
	c.fresh = make([]member, 0, len(order))
	for _, i := range order {
		if err := c.take(&c.pending.commits[i], known[i]); err != nil {
			return err
		}
	}
	return nil
}

// alreadyHeld marks, among known ordinals, a commit that needs nothing done.
const alreadyHeld = ^ordinal(0)

// knownOrdinals looks each pending commit up: 0 for those the index has never seen, alreadyHeld for members.
func (c *change) knownOrdinals() ([]ordinal, error) {
	known := make([]ordinal, len(c.pending.commits))
	if c.counters.commits == 0 {
		return known, nil
	}
	for i := range known {
		o, err := c.store.ordinalOf(c.pending.commits[i].OID)
		if err != nil {
			return nil, err
		}
		if o == 0 {
			continue
		}
		m, err := c.member(o)
		if err != nil {
			return nil, err
		}
		if m.present {
			o = alreadyHeld
		}
		known[i] = o
	}
	return known, nil
}

// parentsFirst orders the pending commits that are not held so that each comes after its pending parents. The
// order among unrelated commits is that of their arrival.
func (c *change) parentsFirst(known []ordinal) []int32 {
	const (
		unseen = iota
		open
		closed
	)
	commits := c.pending.commits
	state := make([]uint8, len(commits))
	order := make([]int32, 0, len(commits))
	var stack []int32
	for i := range commits {
		stack = append(stack, int32(i))
		for len(stack) > 0 {
			top := stack[len(stack)-1]
			if state[top] != unseen || known[top] == alreadyHeld {
				stack = stack[:len(stack)-1]
				if state[top] == open {
					state[top] = closed
					order = append(order, top)
				}
				continue
			}
			state[top] = open
			if commits[top].Shallow {
				continue
			}
			for _, p := range commits[top].Parents {
				if j, ok := c.pending.index[p]; ok && state[j] == unseen {
					stack = append(stack, j)
				}
			}
		}
	}
	return order
}

// take makes a member of one commit whose pending parents are members already.
func (c *change) take(commit *storage.Commit, known ordinal) error {
	var m *member
	if known == 0 {
		c.fresh = append(c.fresh, member{ordinal: c.counters.nextOrdinal, fresh: true})
		c.counters.nextOrdinal++
		m = &c.fresh[len(c.fresh)-1]
	} else {
		var err error
		if m, err = c.member(known); err != nil {
			return err
		}
	}
	m.commit, m.present, m.dirty = commit, true, true
	m.row = row{shallow: commit.Shallow, keys: commit.Keys}
	c.yielded[commit.OID] = m.ordinal
	if commit.Shallow {
		m.cut = commit.Parents
		return nil
	}
	if len(commit.Parents) == 0 {
		return nil
	}
	parents := make([]ordinal, 0, len(commit.Parents))
	for _, oid := range commit.Parents {
		p, err := c.holds(oid)
		if err != nil {
			return err
		}
		if p == nil {
			c.missing = append(c.missing, gap{m.ordinal, commit.OID, oid})
			continue
		}
		p.refs++
		p.dirty = true
		parents = append(parents, p.ordinal)
	}
	m.parents = parents
	return nil
}

// moveTips checks the tips that change against what is stored and moves their counts.
func (c *change) moveTips() error {
	if c.advance.Reset {
		if err := c.deleteTips(); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(c.advance.Tips))
	for _, t := range c.advance.Tips {
		if seen[t.Ref] {
			return fmt.Errorf("ref %q is given twice in one advance", t.Ref)
		}
		seen[t.Ref] = true
		if err := c.moveTip(t); err != nil {
			return err
		}
	}
	return nil
}

// deleteTips takes every stored tip away that a reset does not give again. Their counts go with the members'.
func (c *change) deleteTips() error {
	given := make(map[string]bool, len(c.advance.Tips))
	for _, t := range c.advance.Tips {
		given[t.Ref] = !t.OID.IsZero()
	}
	prefix := keyOfRepository(spaceTip, c.rec.ID)
	return c.store.scan(c.ctx, prefix, func(k, v []byte) (bool, error) {
		before, err := decodeTip(v)
		if err != nil {
			return false, err
		}
		if ref := string(k[len(prefix):]); !given[ref] {
			c.tips = append(c.tips, tipWrite{ref: ref, before: &before})
		}
		return true, nil
	})
}

func (c *change) moveTip(t storage.TipChange) error {
	w := tipWrite{ref: t.Ref, now: tipRow{oid: t.OID}}
	if !t.OID.IsZero() {
		w.now.keys = t.Keys
	}
	var err error
	if w.before, err = c.store.tip(c.rec.ID, t.Ref); err != nil {
		return err
	}
	var target *member
	if !t.OID.IsZero() && !t.Commit.IsZero() {
		if target, err = c.holds(t.Commit); err != nil {
			return err
		}
		if target == nil {
			return fmt.Errorf("%w: ref %q points to commit %s, which was not read", storage.ErrIncomplete, t.Ref, t.Commit)
		}
		w.now.commit, w.now.peeled = target.ordinal, t.OID != t.Commit
	}
	if isDone, err := c.compareTip(t, &w); isDone || err != nil {
		return err
	}
	if target != nil {
		target.refs++
		target.dirty = true
	}
	if w.before != nil && w.before.commit != 0 && !c.advance.Reset {
		m, err := c.member(w.before.commit)
		if err != nil {
			return err
		}
		c.unref(m)
	}
	c.tips = append(c.tips, w)
	return nil
}

// compareTip is the comparison before the set. It reports a change that has been made already.
func (c *change) compareTip(t storage.TipChange, w *tipWrite) (isDone bool, err error) {
	if c.advance.Reset {
		if !t.Old.IsZero() {
			return false, fmt.Errorf("%w: a reset replaces ref %q, which it takes as absent", storage.ErrStale, t.Ref)
		}
		return t.OID.IsZero(), nil
	}
	var was tipRow
	if w.before != nil {
		was = *w.before
	}
	switch {
	case was.oid == t.OID:
		return was.equal(&w.now), nil
	case was.oid != t.Old:
		return false, fmt.Errorf("%w: ref %q is at %s in the index, not at %s", storage.ErrStale, t.Ref, was.oid, t.Old)
	}
	return false, nil
}

func (c *change) unref(m *member) {
	m.refs--
	m.dirty = true
	if m.refs == 0 {
		c.falling = append(c.falling, m)
	}
}

// release drops every member that nothing refers to any more, and so on along its parents.
func (c *change) release() error {
	for i := range c.fresh {
		if c.fresh[i].refs == 0 {
			c.falling = append(c.falling, &c.fresh[i])
		}
	}
	for _, m := range c.touched {
		if m.commit != nil && m.refs == 0 {
			c.falling = append(c.falling, m)
		}
	}
	for len(c.falling) > 0 {
		m := c.falling[len(c.falling)-1]
		c.falling = c.falling[:len(c.falling)-1]
		// It may have fallen, been counted again, and fallen once more.
		if !m.present || m.refs != 0 {
			continue
		}
		m.present = false
		for _, p := range m.parents {
			parent, err := c.member(p)
			if err != nil {
				return err
			}
			c.unref(parent)
		}
	}
	return nil
}

// checkGaps fails when a commit stays whose history was not read.
func (c *change) checkGaps() error {
	for _, g := range c.missing {
		m, err := c.member(g.child)
		if err != nil {
			return err
		}
		if m.present {
			return fmt.Errorf("%w: commit %s has a parent %s that was not read", storage.ErrIncomplete, g.oid, g.parent)
		}
	}
	return nil
}

// holds gives the member of an object id that the repository holds or is about to; nil when there is none.
func (c *change) holds(oid storage.OID) (*member, error) {
	if o, ok := c.yielded[oid]; ok {
		return c.member(o)
	}
	o, err := c.store.ordinalOf(oid)
	if err != nil || o == 0 {
		return nil, err
	}
	m, err := c.member(o)
	if err != nil || !m.present {
		return nil, err
	}
	return m, nil
}

// member gives what the change knows of an ordinal, reading it when it is met first.
func (c *change) member(o ordinal) (*member, error) {
	if o >= c.first {
		return &c.fresh[o-c.first], nil
	}
	if m := c.touched[o]; m != nil {
		return m, nil
	}
	m := &member{ordinal: o}
	v, err := get(c.store.db, keyMember(c.rec.ID, o))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read a member: %w", err)
	default:
		before, err := decodeRow(o, v)
		if err != nil {
			return nil, err
		}
		m.row, m.before, m.present = before, &before, true
	}
	c.touched[o] = m
	return m, nil
}
