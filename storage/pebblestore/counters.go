package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// counters are the facts about the index as a whole, kept under the meta space and written when repositories are made known.
type counters struct {
	nextRepository storage.RepositoryID
}

var (
	keyFormat   = keyMeta("format")
	keyCounters = keyMeta("counters")
)

// readCounters checks the format of the index, or makes it in an empty one.
func (s *Store) readCounters() error {
	v, err := get(s.db, keyFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		s.counters = counters{nextRepository: 1}
		var out sink
		out.put(keyFormat, binary.AppendUvarint(nil, formatVersion))
		s.counters.write(&out)
		if err := out.commit(&s.tables); err != nil {
			return fmt.Errorf("make the index: %w", err)
		}
		return nil
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
	if format < formatVersion {
		return fmt.Errorf("%w: its format is %d, this one reads %d; move the data directory's index away and start again: it is built anew from the mirrors",
			storage.ErrOlderFormat, format, formatVersion)
	}
	s.counters, err = readCounters(s.db)
	return err
}

func (c *counters) write(out *sink) {
	out.put(keyCounters, binary.AppendUvarint(nil, uint64(c.nextRepository)))
}

func readCounters(r pebble.Reader) (counters, error) {
	v, err := get(r, keyCounters)
	if err != nil {
		return counters{}, fmt.Errorf("%w: its counters cannot be read: %w", storage.ErrCorrupt, err)
	}
	d := decoder{b: v}
	c := counters{nextRepository: storage.RepositoryID(d.uint())}
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
