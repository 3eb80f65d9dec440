package pebblestore

import (
	"encoding/binary"
	"fmt"

	"keytrail/storage"
)

// maxInline is the longest message, in bytes, that lies in a block of texts. Longer ones have a row of their own, so that a
// block stays small enough to be rewritten for one new commit.
const maxInline = 4 << 10

// text is what people wrote of a commit. The committer's time is the member's.
type text struct {
	isThere   bool
	committer storage.Signature
	author    storage.Signature // its seconds are counted from the committer's
	isLong    bool              // the message is in a row of its own
	message   string
}

// texts is a block of texts that is being made. Its columns are, in this order: how many ordinals; the people, each a name and
// a mail address; for each ordinal the committer's place among the people, from 1, or 0 when there is no text. Then of those
// there: the committer's offsets, the authors' places, the authors' times as seconds after the committer's, the differences of
// their offsets, and the lengths of the messages with a bit that tells the long ones, which are elsewhere. Last, the messages.
type texts struct {
	people   []person
	rows     []textRow
	messages []byte
}

type person struct{ name, email string }

type textRow struct {
	committer, author int // places among the people, from 1; 0: no text
	offset            int16
	authorOffset      int16
	authorAfter       int64
	length            int
	isLong            bool
}

func (t *texts) reset() {
	clear(t.people)
	t.people, t.rows, t.messages = t.people[:0], t.rows[:0], t.messages[:0]
}

// place finds a person among the people, or adds it.
func (t *texts) place(s *storage.Signature) int {
	p := person{s.Name, s.Email}
	for i := len(t.people) - 1; i >= 0; i-- {
		if t.people[i] == p {
			return i + 1
		}
	}
	t.people = append(t.people, p)
	return len(t.people)
}

// skip adds an ordinal without a text.
func (t *texts) skip() { t.rows = append(t.rows, textRow{}) }

// add adds what a commit says. Of a long message only the length is kept.
func (t *texts) add(c *storage.Commit) {
	t.addText(&text{
		committer: c.Committer, message: c.Message, isLong: len(c.Message) > maxInline,
		author: storage.Signature{
			Name: c.Author.Name, Email: c.Author.Email, Offset: c.Author.Offset, Seconds: c.Author.Seconds - c.Committer.Seconds,
		},
	})
}

func (t *texts) addText(x *text) {
	r := textRow{
		committer: t.place(&x.committer), offset: x.committer.Offset, authorOffset: x.author.Offset,
		authorAfter: x.author.Seconds, length: len(x.message), isLong: x.isLong,
	}
	r.author = t.place(&x.author)
	t.rows = append(t.rows, r)
	if !x.isLong {
		t.messages = append(t.messages, x.message...)
	}
}

func (t *texts) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.rows)))
	b = binary.AppendUvarint(b, uint64(len(t.people)))
	for _, p := range t.people {
		b = appendString(appendString(b, p.name), p.email)
	}
	for i := range t.rows {
		b = binary.AppendUvarint(b, uint64(t.rows[i].committer))
	}
	for _, column := range []func([]byte, *textRow) []byte{
		func(b []byte, r *textRow) []byte { return appendInt(b, int64(r.offset)) },
		func(b []byte, r *textRow) []byte { return binary.AppendUvarint(b, uint64(r.author)) },
		func(b []byte, r *textRow) []byte { return appendInt(b, r.authorAfter) },
		func(b []byte, r *textRow) []byte { return appendInt(b, int64(r.authorOffset)-int64(r.offset)) },
		func(b []byte, r *textRow) []byte { return appendLength(b, r) },
	} {
		for i := range t.rows {
			if t.rows[i].committer != 0 {
				b = column(b, &t.rows[i])
			}
		}
	}
	return append(b, t.messages...)
}

func appendLength(b []byte, r *textRow) []byte {
	if r.isLong {
		return append(b, 1)
	}
	return binary.AppendUvarint(b, uint64(r.length)<<1)
}

// textReader reads a block of texts.
type textReader struct {
	decoder
	value  []byte
	rows   int
	people [2 * blockSize]uint32 // where each person begins in the value
	known  int                   // people
	place  [blockSize]uint8      // the committer's, by row
	n      int                   // rows with a text
}

// open reads the people and the first column.
func (r *textReader) open(v []byte) {
	r.decoder, r.value = decoder{b: v}, v
	r.rows, r.known = r.count(), r.count()
	if r.rows > blockSize || r.known > len(r.people) {
		r.bad, r.rows, r.known = true, 0, 0
	}
	for i := range r.known {
		r.people[i] = uint32(len(v) - len(r.b))
		r.take(r.uint())
		r.take(r.uint())
	}
	for i := range r.rows {
		p := r.uint()
		if p > uint64(r.known) {
			r.bad, p = true, 0
		}
		if r.place[i] = uint8(p); p != 0 {
			r.n++
		}
	}
}

// signature makes the signature of the person at a place.
func (r *textReader) signature(place uint64, offset int16) storage.Signature {
	if place == 0 || place > uint64(r.known) {
		r.bad = true
		return storage.Signature{}
	}
	d := decoder{b: r.value[r.people[place-1]:]}
	return storage.Signature{Name: d.string(), Email: d.string(), Offset: offset}
}

// text reads the k-th row with a text, whose committer has a place among the people.
func (r *textReader) text(k int, place uint8) (x text) {
	d := r.decoder
	offset := int16(signed(d.pick(k, r.n)))
	x.isThere, x.committer = true, r.signature(uint64(place), offset)
	author := d.pick(k, r.n)
	after := signed(d.pick(k, r.n))
	x.author = r.signature(author, int16(int64(offset)+signed(d.pick(k, r.n))))
	x.author.Seconds = after
	before := uint64(0)
	for range k {
		before += d.uint() >> 1
	}
	length := d.uint()
	d.skip(r.n - k - 1)
	d.take(before)
	x.isLong, x.message = length&1 != 0, string(d.take(length>>1))
	r.bad = r.bad || d.bad
	return x
}

// fault reports a block that could not be read.
func (r *textReader) fault() error {
	r.b = nil
	return r.done("block of texts")
}

// decodeTexts reads a whole block. Messages that are long are empty.
func decodeTexts(v []byte) ([]text, error) {
	var r textReader
	r.open(v)
	rows := make([]text, r.rows)
	k := 0
	for i, p := range r.place[:r.rows] {
		if p != 0 {
			rows[i] = r.text(k, p)
			k++
		}
	}
	return rows, r.fault()
}

// slot reads one row of the block.
func (r *textReader) slot(slot int) (text, error) {
	if !r.bad && (slot >= r.rows || r.place[slot] == 0) {
		return text{}, fmt.Errorf("%w: the text of a commit is missing", storage.ErrCorrupt)
	}
	k := 0
	for _, p := range r.place[:slot] {
		if p != 0 {
			k++
		}
	}
	x := r.text(k, r.place[slot])
	if r.bad {
		return text{}, r.fault()
	}
	return x, nil
}

// commit puts a commit together from its text and its member; parents are the caller's.
func (x *text) commit(m *member) storage.Commit {
	c := storage.Commit{
		OID: m.oid, Shallow: m.shallow, Author: x.author, Committer: x.committer, Message: x.message, Keys: m.keys,
	}
	c.Committer.Seconds = m.seconds
	c.Author.Seconds += m.seconds
	return c
}
