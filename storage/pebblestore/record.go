package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// record is the value of a repository.
type record struct {
	storage.Repository
	Notes   int64   // notes stored, so that a repository without any costs no look-up
	Next    ordinal // of the commit that comes next
	OIDBits uint    // by which the buckets of object ids are told apart
}

func readRecord(r pebble.Reader, id storage.RepositoryID) (record, error) {
	v, err := get(r, keyOfRepository(spaceRepository, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return record{}, fmt.Errorf("repository %d: %w", id, storage.ErrNotFound)
	}
	if err != nil {
		return record{}, fmt.Errorf("read repository %d: %w", id, err)
	}
	return decodeRecord(v)
}

func (rec *record) write(out *sink) {
	out.put(keyOfRepository(spaceRepository, rec.ID), appendRecord(nil, rec))
}

// readOIDBits reads of a record only what a look-up needs. storage.ErrNotFound when there is no such repository.
func readOIDBits(r pebble.Reader, id storage.RepositoryID) (uint, error) {
	v, closer, err := fetch(r, keyOfRepository(spaceRepository, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, fmt.Errorf("repository %d: %w", id, storage.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("read repository %d: %w", id, err)
	}
	d := decoder{b: v}
	bits := uint(d.uint())
	if err := closer.Close(); err != nil || d.bad || bits > maxBits {
		return 0, errors.Join(fmt.Errorf("%w: repository %d cannot be decoded", storage.ErrCorrupt, id), err)
	}
	return bits, nil
}

// appendRecord writes the fields in the order in which decodeRecord reads them. Names and places are bytes as the
// host or the file system has them, which need not be UTF-8.
func appendRecord(b []byte, rec *record) []byte {
	b = binary.AppendUvarint(b, uint64(rec.OIDBits))
	b = binary.AppendUvarint(b, uint64(rec.Next))
	b = binary.AppendUvarint(b, uint64(rec.ID))
	for _, s := range []string{
		rec.Integration, rec.HostID, rec.Name, rec.URL, rec.WebURL, rec.DefaultBranch, rec.Rules,
		string(rec.Failure.Class), rec.Failure.Text,
	} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, rec.Version)
	for _, n := range []int64{int64(rec.Tips), int64(rec.NoCommit), rec.Commits, rec.Postings, int64(rec.Failure.Count), rec.Notes} {
		b = appendInt(b, n)
	}
	for _, t := range []time.Time{rec.IndexedAt, rec.SeenAt, rec.Failure.Since, rec.RetiredAt} {
		b = appendInt(appendInt(b, t.Unix()), int64(t.Nanosecond()))
	}
	return b
}

func decodeRecord(v []byte) (record, error) {
	d := decoder{b: v}
	var rec record
	rec.OIDBits, rec.Next = uint(d.uint()), ordinal(d.uint())
	rec.ID = storage.RepositoryID(d.uint())
	for _, s := range []*string{
		&rec.Integration, &rec.HostID, &rec.Name, &rec.URL, &rec.WebURL, &rec.DefaultBranch, &rec.Rules,
		(*string)(&rec.Failure.Class), &rec.Failure.Text,
	} {
		*s = d.string()
	}
	rec.Version = d.uint()
	rec.Tips, rec.NoCommit = int(d.int()), int(d.int())
	rec.Commits, rec.Postings = d.int(), d.int()
	rec.Failure.Count, rec.Notes = int(d.int()), d.int()
	for _, t := range []*time.Time{&rec.IndexedAt, &rec.SeenAt, &rec.Failure.Since, &rec.RetiredAt} {
		*t = time.Unix(d.int(), d.int()).UTC()
	}
	// Room is made by these.
	d.bad = d.bad || rec.OIDBits > maxBits || rec.Commits < 0 || rec.Commits > int64(rec.Next)
	return rec, d.done("repository")
}
