package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// bulkBytes is from where on a write goes around the log and the memtable, as sorted tables that are ingested:
	// a third of the CPU for a first build, and no second copy of it in memory.
	bulkBytes = 8 << 20
	// tableBytes is where one sorted table ends and the next begins.
	tableBytes = 64 << 20
	// chunkBytes is what the sink's memory grows by.
	chunkBytes = 1 << 20
)

// sink gathers the changes of one write, which become visible and durable together in commit. Each key is set or
// deleted at most once.
type sink struct {
	chunks [][]byte
	ops    []op
	bytes  int
}

// op is one change: where its key and value lie.
type op struct {
	chunk      int32
	begin      int32
	keyLen     int32
	valueLen   int32
	isDeletion bool
}

func (s *sink) set(key, value []byte) { s.add(key, value, false) }

func (s *sink) delete(key []byte) { s.add(key, nil, true) }

func (s *sink) add(key, value []byte, isDeletion bool) {
	need := len(key) + len(value)
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < need {
		s.chunks = append(s.chunks, make([]byte, 0, max(chunkBytes, need)))
		last++
	}
	c := s.chunks[last]
	s.ops = append(s.ops, op{
		chunk: int32(last), begin: int32(len(c)),
		keyLen: int32(len(key)), valueLen: int32(len(value)), isDeletion: isDeletion,
	})
	s.chunks[last] = append(append(c, key...), value...)
	s.bytes += need
}

func (s *sink) key(o op) []byte {
	return s.chunks[o.chunk][o.begin : o.begin+o.keyLen]
}

func (s *sink) value(o op) []byte {
	begin := o.begin + o.keyLen
	return s.chunks[o.chunk][begin : begin+o.valueLen]
}

// commit makes the changes durable and visible, all or none.
func (s *sink) commit(db *tables) error {
	if s.bytes < db.bulkFrom {
		return s.commitBatch(db.db)
	}
	return s.ingest(db)
}

func (s *sink) commitBatch(db *pebble.DB) error {
	b := db.NewBatchWithSize(s.bytes + 16*len(s.ops))
	defer b.Close()
	for _, o := range s.ops {
		var err error
		if o.isDeletion {
			err = b.Delete(s.key(o), nil)
		} else {
			err = b.Set(s.key(o), s.value(o), nil)
		}
		if err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}

// tables is what ingesting needs beside the database: where its files are and how they are written.
type tables struct {
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	options *pebble.Options
	// bulkFrom is bulkBytes, save in tests of the way that large writes go.
	bulkFrom int
}

// tablePrefix begins the names of tables that are being built. What a crash leaves of them is removed at open.
const tablePrefix = "build-"

func (s *sink) ingest(t *tables) (err error) {
	slices.SortFunc(s.ops, func(a, b op) int { return bytes.Compare(s.key(a), s.key(b)) })
	for i := 1; i < len(s.ops); i++ {
		if bytes.Equal(s.key(s.ops[i-1]), s.key(s.ops[i])) {
			return fmt.Errorf("key %q is written twice", s.key(s.ops[i]))
		}
	}
	var paths []string
	defer func() {
		for _, p := range paths {
			// After a successful ingest only this second name of the file goes.
			if rm := t.fs.Remove(p); rm != nil && err == nil && !errors.Is(rm, fs.ErrNotExist) {
				err = rm
			}
		}
	}()
	for rest := s.ops; len(rest) > 0; {
		path := t.fs.PathJoin(t.dir, fmt.Sprintf("%s%d.sst", tablePrefix, len(paths)))
		paths = append(paths, path)
		n, err := s.writeTable(t, path, rest)
		if err != nil {
			return fmt.Errorf("build a table of the index: %w", err)
		}
		rest = rest[n:]
	}
	// Once begun, an ingest is finished: half of it cannot be.
	return t.db.Ingest(context.Background(), paths)
}

// writeTable writes ops into one table until it is full, and returns how many.
func (s *sink) writeTable(t *tables, path string, ops []op) (int, error) {
	f, err := t.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, err
	}
	format := t.db.FormatMajorVersion().MaxTableFormat()
	// Written as for the lowest level, a table hides its deletions: there would be nothing below for them to delete.
	const top = 0
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), t.options.MakeWriterOptions(top, format))
	size, n := 0, 0
	for _, o := range ops {
		if size >= tableBytes {
			break
		}
		if o.isDeletion {
			err = w.Delete(s.key(o))
		} else {
			err = w.Set(s.key(o), s.value(o))
		}
		if err != nil {
			w.Close()
			return 0, err
		}
		size += int(o.keyLen) + int(o.valueLen)
		n++
	}
	return n, w.Close()
}
