package pebblestore

import (
	"encoding/binary"
	"fmt"
	"time"

	"keytrail/storage"
)

// The feed is rows by sequence, written in the same batch as what they tell of. A write may need several: the parts of its
// sequence. Mostly a row holds changes, commit by commit. What a first build brings is told by a span instead: the ordinals of the
// commits, whose keys are looked up when the row is read.
//
// A span that is read late tells of the commits that are still there, with the keys that they have by then. What was there before and is
// gone, or came later, later rows tell. Only a reset, which gives all commits other ordinals and tells no more than the difference, would
// take from a span what no later row tells: so it leaves its first ordinal behind, and a span before it is read on to the end.

// maxFeedRow is how many bytes of changes a row holds, beyond which the next one begins.
const maxFeedRow = 64 << 10

// feedKind says what a row of the feed holds.
type feedKind uint64

const (
	feedChanges feedKind = iota
	feedSpan
)

// feedHead is what each row of the feed begins with.
type feedHead struct {
	kind       feedKind
	isInitial  bool
	at         time.Time
	repository storage.RepositoryID
}

// feedPart names a row of the feed.
type feedPart struct {
	sequence uint64
	part     uint32
}

func keyFeed(p feedPart) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 16), spaceFeed), p.sequence)
	return binary.BigEndian.AppendUint32(k, p.part)
}

func readFeedKey(k []byte) (feedPart, error) {
	if len(k) != 1+8+4 {
		return feedPart{}, fmt.Errorf("%w: a key of the feed has %d bytes", storage.ErrCorrupt, len(k))
	}
	return feedPart{binary.BigEndian.Uint64(k[1:]), binary.BigEndian.Uint32(k[9:])}, nil
}

func appendFeedHead(b []byte, h feedHead) []byte {
	first := uint64(h.kind) << 1
	if h.isInitial {
		first |= 1
	}
	b = appendTime(binary.AppendUvarint(b, first), h.at)
	return binary.AppendUvarint(b, uint64(h.repository))
}

func (d *decoder) feedHead() (h feedHead) {
	first := d.uint()
	h.kind, h.isInitial = feedKind(first>>1), first&1 != 0
	h.at = d.time()
	h.repository = storage.RepositoryID(d.uint())
	d.bad = d.bad || h.kind > feedSpan
	return h
}

// feedChange is how the postings of one commit change.
type feedChange struct {
	oid     storage.OID
	isDrop  bool
	changed []storage.IssueKey
}

func appendFeedChange(b []byte, c feedChange) []byte {
	b = append(b, c.oid[:]...)
	head := uint64(len(c.changed)) << 1
	if c.isDrop {
		head |= 1
	}
	b = binary.AppendUvarint(b, head)
	for _, k := range c.changed {
		b = appendString(b, string(k))
	}
	return b
}

// feedChange reads one change, and appends its keys to those given.
func (d *decoder) feedChange(keys []storage.IssueKey) feedChange {
	c := feedChange{oid: d.oid()}
	head := d.uint()
	c.isDrop = head&1 != 0
	if head>>1 > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return c
	}
	for range head >> 1 {
		keys = append(keys, storage.IssueKey(d.string()))
	}
	c.changed = keys
	return c
}

// feedWriter writes what one write has to tell. It writes nothing where there is nothing to tell.
type feedWriter struct {
	out  *sink
	next feedPart
	head feedHead
	row  []byte // not yet written; begins with its head
}

// begin readies the writer for a write of the index, which has the writer's turn.
func (s *Store) beginFeed(out *sink, isInitial bool) feedWriter {
	return feedWriter{out: out, next: feedPart{sequence: s.feed.end() + 1}, head: feedHead{isInitial: isInitial, at: s.now().UTC()}}
}

// of turns to a repository.
func (w *feedWriter) of(id storage.RepositoryID) {
	w.flush()
	w.head.repository = id
}

// initial says whether what is told from now on is initial.
func (w *feedWriter) initial(is bool) {
	if w.head.isInitial != is {
		w.flush()
		w.head.isInitial = is
	}
}

// change tells that a commit has keys more or fewer.
func (w *feedWriter) change(oid storage.OID, isDrop bool, keys []storage.IssueKey) {
	if len(keys) == 0 {
		return
	}
	if len(w.row) == 0 {
		w.head.kind = feedChanges
		w.row = appendFeedHead(w.row, w.head)
	}
	w.row = appendFeedChange(w.row, feedChange{oid, isDrop, keys})
	if len(w.row) >= maxFeedRow {
		w.flush()
	}
}

// span tells of all postings of the commits from one ordinal to before another.
func (w *feedWriter) span(from, to ordinal) {
	w.flush()
	w.head.kind = feedSpan
	w.row = appendFeedHead(w.row, w.head)
	w.row = binary.AppendUvarint(binary.AppendUvarint(w.row, uint64(from)), uint64(to))
	w.flush()
}

func (w *feedWriter) flush() {
	if len(w.row) == 0 {
		return
	}
	w.out.put(keyFeed(w.next), w.row)
	w.next.part++
	w.row = w.row[:0]
}

// finish writes what is left, and gives the sequence of what was told; 0 when there was nothing.
func (w *feedWriter) finish() (told uint64) {
	w.flush()
	if w.next.part == 0 {
		return 0
	}
	return w.next.sequence
}
