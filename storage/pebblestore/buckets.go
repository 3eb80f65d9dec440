package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// A repository finds a commit by its object id in one of 1<<n buckets: that of the id's first n bits. A bucket holds for each id
// its tag, the 4 bytes behind the first 3, and the commit's ordinal: all tags, ascending, then all ordinals. Tags may
// coincide, so that the member has the last word.
const (
	bucketTarget = 128 // ids in a bucket when the buckets are made anew
	bucketMost   = 512 // ids in a bucket, on average, before they are
	maxBits      = 24  // of object ids that tell buckets apart
)

// bitsFor gives the bits that buckets of so many commits are told apart by.
func bitsFor(commits int64) uint {
	return min(uint(bits.Len64(uint64(max(commits, 1)-1)/bucketTarget)), maxBits)
}

// isCrowded tells of buckets that have grown too large for a look-up.
func isCrowded(n uint, commits int64) bool {
	return n < maxBits && commits > bucketMost<<n
}

func bucketOf(oid *storage.OID, n uint) uint32 {
	return uint32(uint64(binary.BigEndian.Uint32(oid[:])) >> (32 - n))
}

func tagOf(oid *storage.OID) uint32 { return binary.BigEndian.Uint32(oid[3:]) }

// place is an object id in its bucket, as one number that sorts by tag.
type place uint64

func placeOf(oid *storage.OID, o ordinal) place { return place(tagOf(oid))<<32 | place(o) }

func (p place) tag() uint32      { return uint32(p >> 32) }
func (p place) ordinal() ordinal { return ordinal(p) }

// appendBucket writes places, which it sorts.
func appendBucket(b []byte, places []place) []byte {
	slices.Sort(places)
	for _, p := range places {
		b = binary.BigEndian.AppendUint32(b, p.tag())
	}
	for _, p := range places {
		b = binary.BigEndian.AppendUint32(b, uint32(p.ordinal()))
	}
	return b
}

var errBucket = fmt.Errorf("%w: a bucket of object ids cannot be decoded", storage.ErrCorrupt)

func decodeBucket(v []byte) ([]place, error) {
	if len(v)%8 != 0 {
		return nil, errBucket
	}
	n := len(v) / 8
	places := make([]place, n)
	for i := range places {
		places[i] = place(binary.BigEndian.Uint32(v[4*i:]))<<32 | place(binary.BigEndian.Uint32(v[4*(n+i):]))
	}
	return places, nil
}

// inBucket appends the ordinals that have a tag.
func inBucket(v []byte, tag uint32, to []ordinal) ([]ordinal, error) {
	if len(v)%8 != 0 {
		return to, errBucket
	}
	n := len(v) / 8
	low, high := 0, n
	for low < high {
		middle := (low + high) / 2
		if binary.BigEndian.Uint32(v[4*middle:]) < tag {
			low = middle + 1
		} else {
			high = middle
		}
	}
	for ; low < n && binary.BigEndian.Uint32(v[4*low:]) == tag; low++ {
		to = append(to, ordinal(binary.BigEndian.Uint32(v[4*(n+low):])))
	}
	return to, nil
}

// find looks a commit of a repository up by its object id.
func find(r pebble.Reader, id storage.RepositoryID, n uint, oid *storage.OID) (o ordinal, isHeld bool, err error) {
	v, closer, err := fetch(r, keyNumbered(spaceBucket, id, bucketOf(oid, n)))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look commit %s up: %w", oid, err)
	}
	var room [4]ordinal
	candidates, err := inBucket(v, tagOf(oid), room[:0])
	err = errors.Join(err, closer.Close())
	for _, o := range candidates {
		if err != nil {
			break
		}
		var named storage.OID
		if named, err = readOID(r, id, o); err == nil && named == *oid {
			return o, true, nil
		}
	}
	if err != nil {
		return 0, false, fmt.Errorf("look commit %s up: %w", oid, err)
	}
	return 0, false, nil
}

// readOID reads the object id of a commit that is held, or reports corruption.
func readOID(r pebble.Reader, id storage.RepositoryID, o ordinal) (storage.OID, error) {
	v, closer, err := fetch(r, keyNumbered(spaceMembers, id, o.block()))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.OID{}, notHeld(id, o)
	}
	if err != nil {
		return storage.OID{}, fmt.Errorf("read commit %d of repository %d: %w", o, id, err)
	}
	var b memberBlock
	var oid storage.OID
	if err = b.open(firstOf(o.block()), v); err == nil {
		if !b.holds(o.slot()) {
			err = notHeld(id, o)
		} else {
			oid = b.oid(o.slot())
		}
	}
	return oid, errors.Join(err, closer.Close())
}
