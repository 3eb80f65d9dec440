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
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

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

// appendSignature writes the time first: with the committer's in front, a commit begins with what most readers want.
func appendSignature(b []byte, s storage.Signature) []byte {
	b = appendInt(appendInt(b, s.Seconds), int64(s.Offset))
	return appendString(appendString(b, s.Name), s.Email)
}

func (d *decoder) signature() storage.Signature {
	s := storage.Signature{Seconds: d.int(), Offset: int16(d.int())}
	s.Name, s.Email = d.string(), d.string()
	return s
}

// How a commit's value goes on behind the committer.
const (
	authorDiffers   = 0 // with the author's signature
	authorCommitted = 1 // with the message: the author is the committer
)

// appendCommit writes the value of a commit: its object id, the committer, the author unless they are one, and the
// message to the end.
func appendCommit(b []byte, c *storage.Commit) []byte {
	b = appendSignature(append(b, c.OID[:]...), c.Committer)
	if c.Author == c.Committer {
		b = append(b, authorCommitted)
	} else {
		b = appendSignature(append(b, authorDiffers), c.Author)
	}
	return append(b, c.Message...)
}

// decodeCommit gives all of a commit but its parents and keys, which are its member's.
func decodeCommit(v []byte) (storage.Commit, error) {
	d := decoder{b: v}
	c := storage.Commit{OID: d.oid(), Committer: d.signature()}
	switch d.uint() {
	case authorDiffers:
		c.Author = d.signature()
	case authorCommitted:
		c.Author = c.Committer
	default:
		d.bad = true
	}
	c.Message = string(d.take(uint64(len(d.b))))
	return c, d.done("commit")
}

// decodeCommitHead gives a commit's object id and committer time.
func decodeCommitHead(v []byte) (storage.OID, int64, error) {
	d := decoder{b: v}
	oid, seconds := d.oid(), d.int()
	d.b = nil
	return oid, seconds, d.done("commit")
}

// row is the value of a member: one commit in one repository.
type row struct {
	refs    int64 // children in the repository plus tips that point here; never stored as 0
	shallow bool
	parents []ordinal     // empty when shallow
	cut     []storage.OID // the parents of a shallow commit
	keys    []storage.IssueKey
}

// appendRow writes the count and the shallow flag in one number, then the parents (as distances below the
// commit's own ordinal, or as object ids when shallow), then the keys.
func appendRow(b []byte, o ordinal, r *row) []byte {
	head := uint64(r.refs) << 1
	if r.shallow {
		b = binary.AppendUvarint(b, head|1)
		b = binary.AppendUvarint(b, uint64(len(r.cut)))
		for _, p := range r.cut {
			b = append(b, p[:]...)
		}
		return appendKeys(b, r.keys)
	}
	b = binary.AppendUvarint(b, head)
	b = binary.AppendUvarint(b, uint64(len(r.parents)))
	for _, p := range r.parents {
		b = appendInt(b, int64(o)-int64(p))
	}
	return appendKeys(b, r.keys)
}

func decodeRow(o ordinal, v []byte) (row, error) {
	d := decoder{b: v}
	head := d.uint()
	r := row{refs: int64(head >> 1), shallow: head&1 != 0}
	n := d.count()
	if r.shallow && n > 0 {
		r.cut = make([]storage.OID, n)
		for i := range r.cut {
			r.cut[i] = d.oid()
		}
	} else if n > 0 {
		r.parents = make([]ordinal, n)
		for i := range r.parents {
			r.parents[i] = ordinal(int64(o) - d.int())
		}
	}
	r.keys = d.keys()
	return r, d.done("member")
}

// tipRow is the value of a tip.
type tipRow struct {
	oid    storage.OID
	commit ordinal // 0: the ref points to no commit
	peeled bool    // it points to the commit through a tag: oid is not the commit's
	keys   []storage.IssueKey
}

func (t *tipRow) equal(u *tipRow) bool {
	return t.oid == u.oid && t.commit == u.commit && t.peeled == u.peeled && slices.Equal(t.keys, u.keys)
}

// appendTip writes the object id, the commit's ordinal and whether it is peeled in one number, and the keys.
func appendTip(b []byte, t *tipRow) []byte {
	b = append(b, t.oid[:]...)
	commit := uint64(t.commit) << 1
	if t.peeled {
		commit |= 1
	}
	return appendKeys(binary.AppendUvarint(b, commit), t.keys)
}

func decodeTip(v []byte) (tipRow, error) {
	d := decoder{b: v}
	t := tipRow{oid: d.oid()}
	commit := d.uint()
	t.commit, t.peeled, t.keys = ordinal(commit>>1), commit&1 != 0, d.keys()
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

// appendEdges reads only the parents of a row.
func appendEdges(edges []ordinal, o ordinal, v []byte) ([]ordinal, error) {
	d := decoder{b: v}
	head, n := d.uint(), d.count()
	if head&1 == 0 {
		for range n {
			edges = append(edges, ordinal(int64(o)-d.int()))
		}
	}
	if d.bad {
		return nil, d.done("member")
	}
	return edges, nil
}
