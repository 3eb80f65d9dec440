package pebblestore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// moveTips checks the tips that change against what is stored and moves their counts.
func (c *change) moveTips() error {
	if c.advance.Reset {
		if err := c.deleteTips(); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(c.advance.Tips))
	for i := range c.advance.Tips {
		t := &c.advance.Tips[i]
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

// deleteTips takes every stored tip away that a reset does not give again. Their counts go with the commits'.
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

func (c *change) moveTip(t *storage.TipChange) error {
	w := tipWrite{ref: t.Ref, now: tipRow{oid: t.OID}}
	if !t.OID.IsZero() {
		w.now.keys = t.Keys
	}
	var err error
	if w.before, err = c.tip(t.Ref); err != nil {
		return err
	}
	if !t.OID.IsZero() && !t.Commit.IsZero() {
		o, isHeld, err := c.holds(&t.Commit)
		if err != nil {
			return err
		}
		if !isHeld {
			return fmt.Errorf("%w: ref %q points to commit %s, which was not read", storage.ErrIncomplete, t.Ref, t.Commit)
		}
		w.now.commit, w.now.kind = o, tipCommit
		if t.OID != t.Commit {
			w.now.kind = tipTag
		}
	}
	if isDone, err := c.compareTip(t, &w); isDone || err != nil {
		return err
	}
	if w.now.kind != tipNothing {
		if err := c.ref(w.now.commit); err != nil {
			return err
		}
	}
	if w.before != nil && w.before.kind != tipNothing && !c.advance.Reset {
		if err := c.unref(w.before.commit); err != nil {
			return err
		}
	}
	c.tips = append(c.tips, w)
	return nil
}

// tip reads a stored tip; nil when there is none.
func (c *change) tip(ref string) (*tipRow, error) {
	if c.rec.Tips == 0 {
		return nil, nil
	}
	v, err := get(c.store.db, keyTip(c.rec.ID, ref))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ref %q: %w", ref, err)
	}
	t, err := decodeTip(v)
	return &t, err
}

// compareTip is the comparison before the set. It reports a change that has been made already.
func (c *change) compareTip(t *storage.TipChange, w *tipWrite) (isDone bool, err error) {
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
		return was.sameAs(&w.now), nil
	case was.oid != t.Old:
		return false, fmt.Errorf("%w: ref %q is at %s in the index, not at %s", storage.ErrStale, t.Ref, was.oid, t.Old)
	}
	return false, nil
}

// emitTips writes the tips that differ from those stored, and the keys in their names.
func (c *change) emitTips(out *sink) {
	for i := range c.tips {
		t := &c.tips[i]
		var before tipRow
		if t.before != nil {
			before = *t.before
		}
		isSame := t.before != nil && before.sameAs(&t.now)
		if !isSame {
			c.done.TipsChanged++
		}
		c.countTip(&before, -1)
		c.countTip(&t.now, +1)
		for _, k := range before.keys {
			if !slices.Contains(t.now.keys, k) {
				out.delete(keyBranchName(k, c.rec.ID, t.ref))
			}
		}
		if t.now.oid.IsZero() {
			out.delete(keyTip(c.rec.ID, t.ref))
			continue
		}
		if isSame && before.commit == t.now.commit {
			continue
		}
		for _, k := range t.now.keys {
			out.put(keyBranchName(k, c.rec.ID, t.ref), nil)
		}
		out.put(keyTip(c.rec.ID, t.ref), appendTip(nil, &t.now))
	}
}

// countTip adds n times a tip to the counts of the repository; an absent one is not counted.
func (c *change) countTip(t *tipRow, n int) {
	if t.oid.IsZero() {
		return
	}
	c.rec.Tips += n
	if t.kind == tipNothing {
		c.rec.NoCommit += n
	}
}
