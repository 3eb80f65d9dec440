package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// counters are the facts about the index as a whole, kept under the meta space and written with each change.
type counters struct {
	nextOrdinal    ordinal
	nextRepository storage.RepositoryID
	commits        int64
}

var (
	keyFormat   = keyMeta("format")
	keyCounters = keyMeta("counters")
)

// readCounters checks the format of the index, or makes it in an empty one.
func (s *Store) readCounters() error {
	v, err := get(s.db, keyFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		s.counters = counters{nextOrdinal: 1, nextRepository: 1}
		var out sink
		out.set(keyFormat, binary.AppendUvarint(nil, formatVersion))
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
	s.counters, err = readCounters(s.db)
	return err
}

func (c *counters) write(out *sink) {
	v := binary.AppendUvarint(nil, uint64(c.nextOrdinal))
	v = binary.AppendUvarint(v, uint64(c.nextRepository))
	out.set(keyCounters, binary.AppendUvarint(v, uint64(c.commits)))
}

func readCounters(r pebble.Reader) (counters, error) {
	v, err := get(r, keyCounters)
	if err != nil {
		return counters{}, fmt.Errorf("%w: its counters cannot be read: %w", storage.ErrCorrupt, err)
	}
	d := decoder{b: v}
	c := counters{
		nextOrdinal:    ordinal(d.uint()),
		nextRepository: storage.RepositoryID(d.uint()),
		commits:        int64(d.uint()),
	}
	return c, d.done("set of counters")
}

// get reads one value into memory of its own; pebble.ErrNotFound when there is none.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	own := append([]byte(nil), v...)
	return own, closer.Close()
}
