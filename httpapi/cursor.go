package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"

	"keytrail/storage"
)

// cursorVersion is the first byte of every cursor. It changes with the meaning of what follows:
//
//	version 1 byte | question 8 bytes | place, of a length the question decides | CRC-32 (IEEE) of all before, 4 bytes
//
// in base64url without padding. Numbers are big-endian.
const cursorVersion = 1

const cursorOverhead = 1 + len(question{}) + 4

// question identifies what was asked, so that a cursor continues only the answer that it came from.
type question [8]byte

// questionOf hashes the parts of a question. No two lists of parts give the same bytes to the hash.
func questionOf(parts ...string) question {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return question(h.Sum(nil))
}

// cursor seals a place in the answer to a question.
func (q question) cursor(place []byte) string {
	b := make([]byte, 0, cursorOverhead+len(place))
	b = append(b, cursorVersion)
	b = append(b, q[:]...)
	b = append(b, place...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// place opens a cursor.
func (q question) place(cursor string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < cursorOverhead {
		return nil, malformedCursor()
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	switch {
	case crc32.ChecksumIEEE(body) != sum:
		return nil, malformedCursor()
	case body[0] != cursorVersion:
		return nil, problemf(badCursor, "the cursor was made by another version of keytrail: begin again without one")
	case question(body[1:1+len(q)]) != q:
		return nil, problemf(badCursor, "the cursor belongs to another question: keep all parameters but limit as they were when it was given, "+
			"or begin again without one")
	}
	place := body[1+len(q):]
	// The decoder skips line breaks, so that other texts than the one given would pass.
	if q.cursor(place) != cursor {
		return nil, malformedCursor()
	}
	return place, nil
}

func malformedCursor() error {
	return problemf(badCursor, "the cursor is malformed: pass on the value of \"next\" unchanged, or begin again without one")
}

// placeOf writes a position among an issue's commits.
func placeOf(p storage.Position) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.Seconds))
	b = append(b, p.OID[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(p.Repository))
}

// position is the inverse of placeOf.
func position(place []byte) (storage.Position, error) {
	var p storage.Position
	if len(place) != 8+len(p.OID)+4 {
		return p, malformedCursor()
	}
	p.Seconds = int64(binary.BigEndian.Uint64(place))
	p.OID = storage.OID(place[8:])
	p.Repository = storage.RepositoryID(binary.BigEndian.Uint32(place[8+len(p.OID):]))
	return p, nil
}

// repositoryPlace writes what the orders of repositories compare: the instant of the last success, id and name.
func repositoryPlace(r storage.Repository) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.SeenAt.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.SeenAt.Nanosecond()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.ID))
	return append(b, r.Name...)
}

// repositoryAt is the inverse of repositoryPlace: a repository that compares as the one that was written.
func repositoryAt(place []byte) (storage.Repository, error) {
	if len(place) < 16 {
		return storage.Repository{}, malformedCursor()
	}
	return storage.Repository{
		RepositorySpec: storage.RepositorySpec{Name: string(place[16:])},
		ID:             storage.RepositoryID(binary.BigEndian.Uint32(place[12:])),
		SeenAt:         time.Unix(int64(binary.BigEndian.Uint64(place)), int64(binary.BigEndian.Uint32(place[8:]))),
	}, nil
}
