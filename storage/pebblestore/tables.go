package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"keytrail/storage"
)

// rowWriter takes rows. It keeps nothing of the slices that it is given.
type rowWriter interface {
	set(key, value []byte) error
}

// tables is what building sorted tables needs beside the database: where its files are and how they are written.
type tables struct {
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	options *pebble.Options
	log     zerolog.Logger
	built   atomic.Uint64 // tables begun, for their names
	// committing is held while a write becomes visible and durable, which are not one: who takes a view under it sees nothing that a
	// crash takes back.
	committing sync.RWMutex
	// bulkFrom, manyFrom, tableEnd and toldFrom are bulkBytes, manyCommits, tableBytes and manyAdded, save in tests of the ways
	// that large writes go.
	bulkFrom, manyFrom, tableEnd, toldFrom int
}

// tableBytes is where one sorted table ends and the next begins.
const tableBytes = 64 << 20

// tablePrefix begins the names of tables that are being built. What a crash leaves of them is removed at open.
const tablePrefix = "build-"

// tableWriter writes rows, which come sorted, into sorted tables aside the index. It belongs to one goroutine at a time.
type tableWriter struct {
	tables *tables
	paths  []string
	w      *sstable.Writer // nil between two tables
	size   int
}

func (t *tableWriter) set(key, value []byte) error {
	if err := t.begin(len(key) + len(value)); err != nil {
		return err
	}
	return t.failed(t.w.Set(key, value))
}

func (t *tableWriter) delete(key []byte) error {
	if err := t.begin(len(key)); err != nil {
		return err
	}
	return t.failed(t.w.Delete(key))
}

// deleteRange deletes what lies from one key to before another. It comes before the rows behind it.
func (t *tableWriter) deleteRange(from, to []byte) error {
	if err := t.begin(len(from) + len(to)); err != nil {
		return err
	}
	return t.failed(t.w.DeleteRange(from, to))
}

// begin opens a table if there is none with room.
func (t *tableWriter) begin(size int) error {
	if t.w != nil && t.size >= t.tables.tableEnd {
		if err := t.end(); err != nil {
			return err
		}
	}
	t.size += size
	if t.w != nil {
		return nil
	}
	path := t.tables.fs.PathJoin(t.tables.dir, fmt.Sprintf("%s%d.sst", tablePrefix, t.tables.built.Add(1)))
	f, err := t.tables.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return t.failed(err)
	}
	t.paths = append(t.paths, path)
	format := t.tables.db.FormatMajorVersion().MaxTableFormat()
	// Written as for the lowest level, a table hides its deletions: there would be nothing below for them to delete.
	const top = 0
	t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), t.tables.options.MakeWriterOptions(top, format))
	return nil
}

// end finishes the table that is open. It reaches the disk.
func (t *tableWriter) end() error {
	if t.w == nil {
		return nil
	}
	w := t.w
	t.w, t.size = nil, 0
	return t.failed(w.Close())
}

func (t *tableWriter) failed(err error) error {
	if err != nil {
		return fmt.Errorf("build a table of the index: %w", full(err))
	}
	return nil
}

// full names an error that stands for a full disk.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: free some, it is tried again: %w", storage.ErrFull, err)
	}
	return err
}

// remove ends what is open and removes the files. Of tables that were ingested only this second name goes, so that a failure is no
// failure of the write: the next start removes what is left.
func (t *tableWriter) remove() {
	if t.w != nil {
		_ = t.w.Close() // it is removed
		t.w = nil
	}
	for _, p := range t.paths {
		if err := t.tables.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.tables.log.Warn().Err(err).Msg("a table that was built is not removed: the next start does it")
		}
	}
	t.paths = nil
}
