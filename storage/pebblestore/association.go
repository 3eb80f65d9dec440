package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// What people decide by hand is a log, by number, and beside it the verdict that stands about each commit and issue key. Whatever links
// a commit asks for its verdicts, unless the counters say that there are none at all.

func keyAssociation(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceAssociation}, number)
}

func appendAssociation(b []byte, a storage.Association) []byte {
	b = appendSays(append(b, a.OID[:]...), a.Verdict)
	b = appendTime(appendString(b, string(a.Key)), a.At)
	for _, s := range []string{a.By, a.Token, a.Reason} {
		b = appendString(b, s)
	}
	return b
}

// decodeAssociation reads key and value of an association.
func decodeAssociation(k, v []byte) (storage.Association, error) {
	if len(k) != 1+8 {
		return storage.Association{}, fmt.Errorf("%w: an association's key has %d bytes", storage.ErrCorrupt, len(k))
	}
	d := decoder{b: v}
	a := storage.Association{Number: binary.BigEndian.Uint64(k[1:]), OID: d.oid()}
	a.Verdict, a.Key, a.At = d.says(), storage.IssueKey(d.string()), d.time()
	for _, s := range []*string{&a.By, &a.Token, &a.Reason} {
		*s = d.string()
	}
	return a, d.done("association")
}

// Associate takes decisions over; see storage.Writer.
func (s *Store) Associate(ctx context.Context, decided []storage.Association) (storage.Associated, error) {
	for _, a := range decided {
		if err := a.Check(); err != nil {
			return storage.Associated{}, err
		}
	}
	s.write.Lock()
	defer s.write.Unlock()
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Associated{}, err
	}
	defer done()
	var out sink
	c := decision{view: v, counters: s.counters, feed: s.beginFeed(&out, false), out: &out, of: map[storage.OID]*decidedCommit{}}
	if err := c.decide(decided); err != nil {
		return storage.Associated{}, fmt.Errorf("associate: %w", err)
	}
	if err := c.eachRepository(); err != nil {
		return storage.Associated{}, fmt.Errorf("associate: %w", err)
	}
	told := c.feed.finish()
	c.counters.write(&out)
	if c.counters.standing > 0 {
		s.isJudged.Store(true) // before there is anything to see
	}
	if err := out.commit(&s.tables); err != nil {
		return storage.Associated{}, fmt.Errorf("write associations: %w", err)
	}
	s.counters = c.counters
	s.feed.move(told)
	return c.done, nil
}

// decision works out what becomes of postings by what was decided.
type decision struct {
	view
	counters counters
	out      *sink
	feed     feedWriter
	commits  []storage.OID // in the order in which they were decided about
	of       map[storage.OID]*decidedCommit
	done     storage.Associated
}

// decidedCommit is what stood and what stands about a commit.
type decidedCommit struct{ before, now []verdict }

// decide writes the log and the verdicts.
func (c *decision) decide(decided []storage.Association) error {
	for _, a := range decided {
		of := c.of[a.OID]
		if of == nil {
			before, err := readVerdicts(c.ctx, c, a.OID)
			if err != nil {
				return err
			}
			of = &decidedCommit{before: before, now: slices.Clone(before)}
			c.of[a.OID] = of
			c.commits = append(c.commits, a.OID)
		}
		c.counters.associations++
		a.Number = c.counters.associations
		c.out.put(keyAssociation(a.Number), appendAssociation(nil, a))
		of.now = slices.DeleteFunc(of.now, func(v verdict) bool { return v.key == a.Key })
		if a.Verdict != storage.VerdictClear {
			of.now = append(of.now, verdict{a.Key, a.Verdict, a.Number})
		}
	}
	for _, oid := range c.commits {
		of := c.of[oid]
		for _, v := range of.now {
			c.out.put(keyVerdict(oid, v.key), appendVerdict(nil, v))
		}
		for _, v := range of.before {
			if !slices.ContainsFunc(of.now, func(w verdict) bool { return v.key == w.key }) {
				c.out.delete(keyVerdict(oid, v.key))
			}
		}
		c.counters.standing += uint64(len(of.now)) - uint64(len(of.before))
	}
	return nil
}

// eachRepository links the commits anew in each repository that holds any of them.
func (c *decision) eachRepository() error {
	return scanRange(c.ctx, c, []byte{spaceRepository}, []byte{spaceRepository + 1}, func(_, value []byte) (bool, error) {
		rec, err := decodeRecord(value)
		if err != nil {
			return false, err
		}
		c.feed.of(rec.ID)
		changes := postingChanges{}
		before := c.done
		for _, oid := range c.commits {
			if err := c.relink(changes, &rec, oid); err != nil {
				return false, err
			}
		}
		for key, p := range changes {
			if err := p.apply(c, c.out, key, rec.ID); err != nil {
				return false, err
			}
		}
		if c.done != before {
			rec.Postings += c.done.PostingsAdded - before.PostingsAdded - (c.done.PostingsDropped - before.PostingsDropped)
			rec.write(c.out)
		}
		return true, nil
	})
}

// relink adds the difference between the keys that a commit was linked to in a repository and those that it will be.
func (c *decision) relink(changes postingChanges, rec *record, oid storage.OID) error {
	o, isHeld, err := find(c, rec.ID, rec.OIDBits, &oid)
	if err != nil || !isHeld {
		return err
	}
	m, _, err := readMember(c, rec.ID, o)
	if err != nil {
		return err
	}
	notes, err := readNotes(c.ctx, c, rec, oid)
	if err != nil {
		return err
	}
	of := c.of[oid]
	before, now := linked(m.keys, notes, of.before), linked(m.keys, notes, of.now)
	added, dropped := changes.relink(before, now, entry{m.seconds, o})
	c.done.PostingsAdded += int64(len(added))
	c.done.PostingsDropped += int64(len(dropped))
	c.feed.change(oid, true, dropped)
	c.feed.change(oid, false, added)
	return nil
}

// Associations yields what was decided by hand; see storage.Reader.
func (s *Store) Associations(ctx context.Context, q storage.AssociationQuery) iter.Seq2[storage.Association, error] {
	return viewed(ctx, s, func(v view, yield func(storage.Association, error) bool) error { return v.associations(q, yield) })
}

// associations yields what a query asks for; the error is one that was not yielded.
func (v view) associations(q storage.AssociationQuery, yield func(storage.Association, error) bool) error {
	if !q.OID.IsZero() && !q.History {
		return v.standing(q, yield)
	}
	isStopped := false
	err := scanRange(v.ctx, v, keyAssociation(q.After+1), []byte{spaceAssociation + 1}, func(k, value []byte) (bool, error) {
		a, err := decodeAssociation(k, value)
		if err != nil {
			return false, err
		}
		if q.Key != "" && q.Key != a.Key || !q.OID.IsZero() && q.OID != a.OID {
			return true, nil
		}
		if !q.History {
			if stands, err := v.stands(a); err != nil || !stands {
				return err == nil, err
			}
		}
		isStopped = !yield(a, nil)
		return !isStopped, nil
	})
	if isStopped {
		return nil
	}
	return err
}

// standing yields what stands about one commit, without reading the log.
func (v view) standing(q storage.AssociationQuery, yield func(storage.Association, error) bool) error {
	verdicts, err := v.verdicts(q.OID)
	if err != nil {
		return err
	}
	var numbers []uint64
	for _, w := range verdicts {
		if w.number > q.After && (q.Key == "" || q.Key == w.key) {
			numbers = append(numbers, w.number)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		k := keyAssociation(n)
		value, err := get(v, k)
		if err != nil {
			return fmt.Errorf("read association %d: %w", n, err)
		}
		a, err := decodeAssociation(k, value)
		if err != nil {
			return err
		}
		if !yield(a, nil) {
			return nil
		}
	}
	return nil
}

// stands tells whether an association is the last about its commit and key.
func (v view) stands(a storage.Association) (bool, error) {
	k := keyVerdict(a.OID, a.Key)
	value, err := get(v, k)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what stands about commit %s: %w", a.OID, err)
	}
	_, w, err := decodeVerdict(k, value)
	return w.number == a.Number, err
}
