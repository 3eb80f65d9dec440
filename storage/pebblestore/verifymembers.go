package pebblestore

import "keytrail/storage"

// members is the check of the commits of one repository.
type members struct {
	*verification
	rec    *record
	refs   map[ordinal]int64 // references counted
	held   int64
	placed int64 // object ids in the buckets
}

// blocks calls fn for each block of members.
func (m *members) blocks(fn func(number uint32, rows []member) error) error {
	prefix := keyOfRepository(spaceMembers, m.rec.ID)
	return scanRange(m.ctx, m, prefix, after(prefix), func(k, value []byte) (bool, error) {
		number := readNumber(k)
		rows, err := decodeMembers(firstOf(number), value)
		if err != nil {
			return false, err
		}
		return true, fn(number, rows)
	})
}

// countParents counts the references from children.
func (m *members) countParents() error {
	return m.blocks(func(_ uint32, rows []member) error {
		for i := range rows {
			for _, p := range rows[i].parents {
				m.refs[p]++
			}
		}
		return nil
	})
}

// check compares each commit with what follows from it.
func (m *members) check() error {
	err := m.blocks(func(number uint32, rows []member) error {
		texts, err := m.texts(number)
		if err != nil {
			return m.sound(m.rec.ID, err)
		}
		for i := range rows {
			if rows[i].refs == 0 {
				continue
			}
			m.held++
			if i >= len(texts) || !texts[i].isThere {
				m.problem(m.rec.ID, "missing: the text of commit %s", rows[i].oid)
			}
			if err := m.commit(firstOf(number)+ordinal(i), &rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for o, n := range m.refs {
		m.problem(m.rec.ID, "commit %d is referred to %d times and missing", o, n)
	}
	return m.buckets()
}

// texts reads the texts of a block, the long messages too.
func (m *members) texts(number uint32) ([]text, error) {
	v, err := get(m, keyNumbered(spaceTexts, m.rec.ID, number))
	if err != nil {
		return nil, lost(err, m.rec.ID, firstOf(number))
	}
	texts, err := decodeTexts(v)
	for i := range texts {
		if texts[i].isLong && err == nil {
			long := keyNumbered(spaceLongText, m.rec.ID, uint32(firstOf(number))+uint32(i))
			err = m.expect(m.rec.ID, long, "a message of %d bytes and more", maxInline)
		}
	}
	return texts, err
}

// commit checks one commit, and takes it off the references counted.
func (m *members) commit(o ordinal, row *member) error {
	if row.refs != m.refs[o] {
		m.problem(m.rec.ID, "commit %s counts %d references and has %d", row.oid, row.refs, m.refs[o])
	}
	delete(m.refs, o)
	if o >= m.rec.Next {
		m.problem(m.rec.ID, "commit %s has ordinal %d, beyond the last one given", row.oid, o)
	}
	back, isHeld, err := find(m, m.rec.ID, m.rec.OIDBits, &row.oid)
	if err != nil {
		return err
	}
	if !isHeld || back != o {
		m.problem(m.rec.ID, "commit %s has ordinal %d, but its object id does not lead there", row.oid, o)
	}
	keys, err := m.links(m.rec, row)
	if err != nil {
		return err
	}
	for _, key := range keys {
		m.add(m.due[m.rec.ID], key, entry{row.seconds, o})
	}
	return nil
}

// links gives the keys that a commit is linked to.
func (v view) links(rec *record, row *member) ([]storage.IssueKey, error) {
	notes, err := readNotes(v.ctx, v, rec, row.oid)
	if err != nil {
		return nil, err
	}
	decided, err := v.verdicts(row.oid)
	return linked(row.keys, notes, decided), err
}

// buckets counts the object ids that can be looked up.
func (m *members) buckets() error {
	prefix := keyOfRepository(spaceBucket, m.rec.ID)
	return scanRange(m.ctx, m, prefix, after(prefix), func(k, value []byte) (bool, error) {
		places, err := decodeBucket(value)
		m.placed += int64(len(places))
		if readNumber(k) >= 1<<m.rec.OIDBits {
			m.problem(m.rec.ID, "a bucket of object ids has number %d, beyond the last", readNumber(k))
		}
		return err == nil, err
	})
}
