package pebblestore

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"keytrail/storage"
)

// feedPlace is what a cursor says: where to read on.
type feedPlace struct {
	// The row that comes next. While isPresent, which tells of what there is, its sequence is the last one of when that began.
	feedPart
	isPresent  bool
	repository storage.RepositoryID // of what there is: the one being read
	// at is how many changes of the row were told; in a span, and of what there is, the ordinal that comes next.
	at uint64
	// key is the last that was told of the commit at that ordinal; empty when it comes whole. It is the key and not a count,
	// because the commit's keys may change until the next page.
	key storage.IssueKey
}

// errFeedGone says the way out with storage.ErrFeedGone.
func errFeedGone(why string) error {
	return fmt.Errorf("%w: %s; begin again without a cursor", storage.ErrFeedGone, why)
}

const checksumBytes = 4 // at the end of a cursor

// cursor writes a place: the index that it is of, the numbers, the key, and a checksum.
func (s *Store) cursor(p feedPlace) storage.FeedCursor {
	b := binary.BigEndian.AppendUint64(nil, s.index)
	flags := uint64(0)
	if p.isPresent {
		flags = 1
	}
	for _, n := range []uint64{flags, p.sequence, uint64(p.part), uint64(p.repository), p.at} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendString(b, string(p.key))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return storage.FeedCursor(base64.RawURLEncoding.Strict().EncodeToString(b))
}

// feedPlace reads a cursor. The feed of the view ends with last.
func (v view) feedPlace(cursor storage.FeedCursor, last uint64) (feedPlace, error) {
	if cursor == "" {
		return feedPlace{feedPart: feedPart{sequence: last}, isPresent: true}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(cursor))
	if err != nil || len(b) < 8+checksumBytes {
		return feedPlace{}, errFeedGone("it is no cursor")
	}
	b, sum := b[:len(b)-checksumBytes], binary.BigEndian.Uint32(b[len(b)-checksumBytes:])
	if crc32.ChecksumIEEE(b) != sum {
		return feedPlace{}, errFeedGone("it is no cursor")
	}
	if binary.BigEndian.Uint64(b) != v.store.index {
		return feedPlace{}, errFeedGone("it is a cursor of another index")
	}
	d := decoder{b: b[8:]}
	p := feedPlace{isPresent: d.uint()&1 != 0}
	p.sequence, p.part, p.repository = d.uint(), uint32(d.uint()), storage.RepositoryID(d.uint())
	p.at, p.key = d.uint(), storage.IssueKey(d.string())
	if d.done("cursor") != nil {
		return feedPlace{}, errFeedGone("it is no cursor")
	}
	trimmed, err := readTrimmed(v)
	if err != nil {
		return feedPlace{}, err
	}
	next := p.sequence
	if p.isPresent {
		next++
	}
	switch {
	case next <= trimmed:
		return feedPlace{}, errFeedGone("what comes next was trimmed away")
	case next > last+1:
		return feedPlace{}, errFeedGone("the index was put back to an earlier state")
	}
	return p, nil
}
