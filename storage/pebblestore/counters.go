package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// counters are the facts about the index as a whole, kept under the meta space and written when repositories are made known,
// associations decided, and commands taken up.
type counters struct {
	nextRepository storage.RepositoryID
	index          uint64 // chosen by chance, so that cursors of another index are known by it
	associations   uint64 // ever decided
	standing       uint64 // of them
	commands       uint64 // ever taken up
}

var (
	keyFormat   = keyMeta("format")
	keyCounters = keyMeta("counters")
)

// formatBefore had rows of fewer kinds, and fewer counters. An index of it is raised to formatVersion when it is opened.
const formatBefore = 2

// readCounters checks the format of the index, or makes it in an empty one.
func (s *Store) readCounters() error {
	v, err := get(s.db, keyFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.writeFormat(counters{nextRepository: 1})
	}
	if err != nil {
		return fmt.Errorf("read the format of the index: %w", err)
	}
	format, err := decodeUint(v, "format number")
	if err != nil {
		return err
	}
	if format > formatVersion {
		return fmt.Errorf("%w: its format is %d, this one reads up to %d; use the newer keytrail, or another data directory",
			storage.ErrNewerFormat, format, formatVersion)
	}
	if format < formatBefore {
		return fmt.Errorf("%w: its format is %d, this one reads from %d on; move the data directory's index away and start again: it is built anew from the mirrors",
			storage.ErrOlderFormat, format, formatBefore)
	}
	c, err := readCounters(s.db, format)
	if err == nil && format < formatVersion {
		return s.writeFormat(c)
	}
	s.counters = c
	return err
}

// writeFormat makes an index one of this format, with counters that have no name for it yet.
func (s *Store) writeFormat(c counters) error {
	c.index = rand.Uint64()
	var out sink
	out.put(keyFormat, binary.AppendUvarint(nil, formatVersion))
	c.write(&out)
	if err := out.commit(&s.tables); err != nil {
		return fmt.Errorf("make the index: %w", err)
	}
	s.counters = c
	return nil
}

func (c *counters) write(out *sink) {
	var b []byte
	for _, n := range []uint64{uint64(c.nextRepository), c.index, c.associations, c.standing, c.commands} {
		b = binary.AppendUvarint(b, n)
	}
	out.put(keyCounters, b)
}

// readCounters reads the counters as a format has them.
func readCounters(r pebble.Reader, format uint64) (counters, error) {
	v, err := get(r, keyCounters)
	if err != nil {
		return counters{}, fmt.Errorf("%w: its counters cannot be read: %w", storage.ErrCorrupt, err)
	}
	d := decoder{b: v}
	c := counters{nextRepository: storage.RepositoryID(d.uint())}
	if format > formatBefore {
		for _, n := range []*uint64{&c.index, &c.associations, &c.standing, &c.commands} {
			*n = d.uint()
		}
	}
	return c, d.done("set of counters")
}

// get reads one value into memory of its own; pebble.ErrNotFound when there is none.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := fetch(r, key)
	if err != nil {
		return nil, err
	}
	own := append([]byte(nil), v...)
	return own, closer.Close()
}

// fetch reads one value, which holds until it is closed; pebble.ErrNotFound when there is none.
func fetch(r pebble.Reader, key []byte) ([]byte, io.Closer, error) {
	v, closer, err := r.Get(key)
	return v, closer, unread(err)
}

// unread is the error of a read that failed: storage.ErrCorrupt when what lies on the disk is not what was written.
func unread(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w; move the index directory away and start again: it is built anew from the mirrors", storage.ErrCorrupt, err)
	}
	return err
}
