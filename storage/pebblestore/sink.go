package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"
)

const (
	// bulkBytes is from where on a write goes around the log and the memtable, as sorted tables that are ingested:
	// a third of the CPU for a first build, and no second copy of it in memory.
	bulkBytes = 8 << 20
	// tableBytes is where one sorted table ends and the next begins.
	tableBytes = 64 << 20
	// shareBytes is from where on keyspaces are sorted and written by a goroutine of their own.
	shareBytes = 4 << 20
	// chunkBytes is what the sink's memory grows by.
	chunkBytes = 1 << 20
)

// sink gathers the changes of one write, which become visible and durable together in commit. Each key is set or
// deleted at most once.
type sink struct {
	chunks [][]byte
	spaces [256]space // by the first byte of their keys
	ops    int
	bytes  int
}

// space is what changes in one keyspace.
type space struct {
	ops   []op
	bytes int
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
	in := &s.spaces[key[0]]
	in.ops = append(in.ops, op{
		chunk: int32(last), begin: int32(len(c)),
		keyLen: int32(len(key)), valueLen: int32(len(value)), isDeletion: isDeletion,
	})
	in.bytes += need
	s.chunks[last] = append(append(c, key...), value...)
	s.ops++
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
	b := db.NewBatchWithSize(s.bytes + 16*s.ops)
	defer b.Close()
	for i := range s.spaces {
		for _, o := range s.spaces[i].ops {
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

// ingest writes the changes as sorted tables, which do not overlap, and makes them part of the index.
func (s *sink) ingest(t *tables) (err error) {
	var writing errgroup.Group
	writing.SetLimit(runtime.GOMAXPROCS(0))
	shares := s.shares()
	paths := make([][]string, len(shares))
	for i, share := range shares {
		writing.Go(func() error {
			var err error
			paths[i], err = s.writeShare(t, fmt.Sprintf("%s%d-", tablePrefix, i), share)
			return err
		})
	}
	err = writing.Wait()
	all := slices.Concat(paths...)
	defer func() {
		for _, p := range all {
			// After a successful ingest only this second name of the file goes.
			if rm := t.fs.Remove(p); rm != nil && err == nil && !errors.Is(rm, fs.ErrNotExist) {
				err = rm
			}
		}
	}()
	if err != nil {
		return err
	}
	// Once begun, an ingest is finished: half of it cannot be.
	return t.db.Ingest(context.Background(), all)
}

// shares divides the keyspaces, in their order, into runs that are each worth a goroutine and a table.
func (s *sink) shares() [][]space {
	var shares [][]space
	room := 0
	for _, in := range s.spaces {
		if len(in.ops) == 0 {
			continue
		}
		if room <= 0 {
			shares = append(shares, nil)
			room = shareBytes
		}
		last := len(shares) - 1
		shares[last] = append(shares[last], in)
		room -= in.bytes
	}
	return shares
}

// writeShare sorts keyspaces and writes them into tables. It gives also the path of one that could not be finished.
func (s *sink) writeShare(t *tables, prefix string, share []space) (paths []string, err error) {
	ops := share[0].ops
	for i, in := range share {
		slices.SortFunc(in.ops, func(a, b op) int { return bytes.Compare(s.key(a), s.key(b)) })
		if i > 0 {
			ops = append(ops, in.ops...)
		}
	}
	for i := 1; i < len(ops); i++ {
		if bytes.Equal(s.key(ops[i-1]), s.key(ops[i])) {
			return nil, fmt.Errorf("key %q is written twice", s.key(ops[i]))
		}
	}
	for len(ops) > 0 {
		path := t.fs.PathJoin(t.dir, fmt.Sprintf("%s%d.sst", prefix, len(paths)))
		paths = append(paths, path)
		n, err := s.writeTable(t, path, ops)
		if err != nil {
			return paths, fmt.Errorf("build a table of the index: %w", err)
		}
		ops = ops[n:]
	}
	return paths, nil
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
