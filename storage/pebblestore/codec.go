package pebblestore

import (
	"encoding/binary"
	"fmt"
	"slices"

	"keytrail/storage"
)

// decoder reads a value field by field. After the first field that does not fit it is bad and yields zeros, so
// that a value is checked once, at its end.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := uint64(d.b[0])
		d.b = d.b[1:]
		return v
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// skip goes past numbers.
func (d *decoder) skip(n int) {
	if n == 0 {
		return
	}
	for i, c := range d.b {
		if c >= 0x80 {
			continue
		}
		if n--; n == 0 {
			d.b = d.b[i+1:]
			return
		}
	}
	d.bad, d.b = true, nil
}

// pick reads one of n numbers and goes past the others.
func (d *decoder) pick(i, n int) uint64 {
	d.skip(i)
	v := d.uint()
	d.skip(n - i - 1)
	return v
}

func (d *decoder) int() int64 { return signed(d.uint()) }

// signed is the inverse of how appendInt makes numbers positive.
func signed(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.take(d.uint())) }

func (d *decoder) oid() (o storage.OID) {
	copy(o[:], d.take(uint64(len(o))))
	return o
}

// count reads the length of a list whose elements take at least one byte each.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) keys() []storage.IssueKey {
	n := d.count()
	if n == 0 {
		return nil
	}
	keys := make([]storage.IssueKey, n)
	for i := range keys {
		keys[i] = storage.IssueKey(d.string())
	}
	return keys
}

// done reports a value that was not read to its end or not well formed.
func (d *decoder) done(what string) error {
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("%w: a %s cannot be decoded", storage.ErrCorrupt, what)
	}
	return nil
}

func appendInt(b []byte, v int64) []byte {
	return binary.AppendUvarint(b, uint64(v)<<1^uint64(v>>63))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendKeys(b []byte, keys []storage.IssueKey) []byte {
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendString(b, string(k))
	}
	return b
}

// tipKind says how a ref leads to its commit.
type tipKind uint64

const (
	tipNothing tipKind = iota // it points to no commit
	tipCommit                 // it points at it
	tipTag                    // it points at a tag object, which leads to it
)

// tipRow is the value of a tip.
type tipRow struct {
	oid    storage.OID
	commit ordinal // what it points at or peels to; 0 when it holds no commits
	kind   tipKind
	keys   []storage.IssueKey
}

// sameAs tells whether two tips answer alike: only ordinals, which a reset gives anew, may differ.
func (t *tipRow) sameAs(u *tipRow) bool {
	return t.oid == u.oid && t.kind == u.kind && slices.Equal(t.keys, u.keys)
}

// appendTip writes the object id, how it leads to a commit, the commit's ordinal, and the keys.
func appendTip(b []byte, t *tipRow) []byte {
	b = append(b, t.oid[:]...)
	b = binary.AppendUvarint(b, uint64(t.kind))
	return appendKeys(binary.AppendUvarint(b, uint64(t.commit)), t.keys)
}

func decodeTip(v []byte) (tipRow, error) {
	d := decoder{b: v}
	t := tipRow{oid: d.oid()}
	t.kind, t.commit, t.keys = tipKind(d.uint()), ordinal(d.uint()), d.keys()
	return t, d.done("tip")
}

func appendNote(b []byte, n *storage.Note) []byte {
	return append(appendKeys(b, n.Keys), n.Text...)
}

// decodeNote reads key and value of a note.
func decodeNote(k, v []byte) (storage.Note, error) {
	const head = 1 + 4 + len(storage.OID{})
	if len(k) < head {
		return storage.Note{}, fmt.Errorf("%w: a note's key is cut short", storage.ErrCorrupt)
	}
	d := decoder{b: v}
	n := storage.Note{Ref: string(k[head:]), Object: storage.OID(k[head-len(storage.OID{}) : head]), Keys: d.keys()}
	n.Text = string(d.take(uint64(len(d.b))))
	return n, d.done("note")
}

func decodeUint(v []byte, what string) (uint64, error) {
	d := decoder{b: v}
	n := d.uint()
	return n, d.done(what)
}
