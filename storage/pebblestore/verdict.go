package pebblestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// verdict is what stands about a commit and an issue key.
type verdict struct {
	key    storage.IssueKey
	says   storage.Verdict
	number uint64 // of the association that says so
}

// keyVerdicts is the prefix of all that stands about a commit.
func keyVerdicts(oid storage.OID) []byte {
	return append(append(make([]byte, 0, 64), spaceVerdict), oid[:]...)
}

func keyVerdict(oid storage.OID, key storage.IssueKey) []byte {
	return appendIssue(keyVerdicts(oid), key)
}

// The numbers that verdicts are written as.
const (
	writtenAdd = iota + 1
	writtenDrop
	writtenClear
)

func appendSays(b []byte, v storage.Verdict) []byte {
	n := uint64(writtenClear)
	switch v {
	case storage.VerdictAdd:
		n = writtenAdd
	case storage.VerdictDrop:
		n = writtenDrop
	}
	return binary.AppendUvarint(b, n)
}

func (d *decoder) says() storage.Verdict {
	switch d.uint() {
	case writtenAdd:
		return storage.VerdictAdd
	case writtenDrop:
		return storage.VerdictDrop
	case writtenClear:
		return storage.VerdictClear
	}
	d.bad = true
	return ""
}

func appendVerdict(b []byte, v verdict) []byte {
	return binary.AppendUvarint(appendSays(b, v.says), v.number)
}

// decodeVerdict reads key and value of a verdict.
func decodeVerdict(k, value []byte) (oid storage.OID, v verdict, err error) {
	const head = 1 + len(storage.OID{})
	if len(k) < head {
		return oid, v, fmt.Errorf("%w: a verdict's key is cut short", storage.ErrCorrupt)
	}
	var rest []byte
	if v.key, rest, err = readIssue(k[head:]); err != nil {
		return oid, v, err
	}
	oid = storage.OID(k[1:head])
	d := decoder{b: value}
	v.says, v.number = d.says(), d.uint()
	d.bad = d.bad || len(rest) != 0
	return oid, v, d.done("verdict")
}

// readVerdicts gives what stands about a commit, sorted by key.
func readVerdicts(ctx context.Context, r pebble.Reader, oid storage.OID) (found []verdict, err error) {
	prefix := keyVerdicts(oid)
	err = scanRange(ctx, r, prefix, after(prefix), func(k, value []byte) (bool, error) {
		_, v, err := decodeVerdict(k, value)
		found = append(found, v)
		return err == nil, err
	})
	return found, err
}

// verdicts gives what stands about a commit. While nothing was ever decided it costs nothing.
func (v view) verdicts(oid storage.OID) ([]verdict, error) {
	if !v.store.isJudged.Load() {
		return nil, nil
	}
	return readVerdicts(v.ctx, v, oid)
}

// linked unites the keys of a message and of notes, and does what was decided about them.
func linked(message []storage.IssueKey, notes []storage.Note, decided []verdict) []storage.IssueKey {
	if len(notes) == 0 && len(decided) == 0 {
		return message
	}
	keys := slices.Clone(message)
	for _, n := range notes {
		keys = append(keys, n.Keys...)
	}
	for _, v := range decided {
		if v.says == storage.VerdictAdd {
			keys = append(keys, v.key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for _, v := range decided {
		if at, isThere := slices.BinarySearch(keys, v.key); isThere && v.says == storage.VerdictDrop {
			keys = slices.Delete(keys, at, at+1)
		}
	}
	return keys
}

// lacking gives the keys that are not among others.
func lacking(keys, others []storage.IssueKey) (found []storage.IssueKey) {
	for _, k := range keys {
		if !slices.Contains(others, k) {
			found = append(found, k)
		}
	}
	return found
}

// readDecided readies what stands about the commits of a change. Where there are more of them than verdicts, all verdicts are read.
func (c *change) readDecided() error {
	standing := c.store.counters.standing
	met := uint64(c.in.count())
	if c.advance.Reset {
		met += uint64(c.rec.Commits)
	}
	if standing == 0 || met <= standing {
		return nil
	}
	c.decided = make(map[storage.OID][]verdict, standing)
	return c.store.scan(c.ctx, []byte{spaceVerdict}, func(k, value []byte) (bool, error) {
		oid, v, err := decodeVerdict(k, value)
		c.decided[oid] = append(c.decided[oid], v)
		return err == nil, err
	})
}

// decidedAbout gives what stands about a commit.
func (c *change) decidedAbout(oid storage.OID) ([]verdict, error) {
	switch {
	case c.store.counters.standing == 0:
		return nil, nil
	case c.decided != nil:
		return c.decided[oid], nil
	}
	found, err := readVerdicts(c.ctx, c.store.db, oid)
	if err != nil {
		return nil, fmt.Errorf("read what was decided about commit %s: %w", oid, err)
	}
	return found, nil
}
