// Package pebblestore keeps the index on disk, in a Pebble database.
//
// Its idea is the reference count. Each commit of a repository is a member with the number of children and tips
// that hold it. New commits and moved tips raise and lower counts along the edges that change, and a commit that
// falls to zero is dropped and releases its parents. So a force push or a deleted branch costs as much as what it
// drops, whatever the size of the repository and the number of its refs, and what is left is exactly what the tips
// reach.
//
// What a repository holds lies by blocks of 64 commits, numbered in the order of their arrival: the members, which are object
// ids, times, parents, counts and keys, apart from the texts. An object id leads to its commit by way of a bucket, an issue to its
// commits by way of runs of postings. So one commit costs a handful of small rows, whatever the size of its repository; a
// repository goes with a few deletions of ranges; and forks do not share what they have in common.
//
// What people decided by hand lies beside all that, by object id, and is asked for only while something stands. What each write
// changes of postings is told by a row of the feed in the same batch; a first build by one row for all of it.
//
// Small writes are one synced batch. The texts of many commits are compressed into tables aside while the commits still
// come in, what else there is of them follows side by side, and all is ingested at once; memory holds some 90
// bytes a commit meanwhile. layout.go documents the bytes, and a golden test holds them.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"keytrail/storage"
)

// Options say where the index is and what it may use.
type Options struct {
	Dir   string // made when missing
	FS    vfs.FS // nil: the disk
	Cache int64  // bytes of memory for blocks; 0: 64 MiB
	// Graphs is how many bytes the commit graphs that are kept in memory may take, but for one of any size; 0: 256 MiB.
	Graphs int64
	Log    zerolog.Logger
	Now    func() time.Time // dates what the feed tells; nil: time.Now
	// Fatal ends the process when the engine cannot go on, such as with a full disk in the middle of a write. What
	// was acknowledged is safe. It must not return; nil panics.
	Fatal func(error)
}

const (
	defaultCache  = 64 << 20
	defaultGraphs = 256 << 20
)

// Store is an index in a directory. One process at a time may have it open.
type Store struct {
	tables
	cache *pebble.Cache
	lock  *pebble.Lock

	graphs graphCache

	write    sync.Mutex // held by the one writer; guards counters
	counters counters
	index    uint64      // see counters
	isJudged atomic.Bool // an association stands, or stood when a reader may have begun
	feed     feedEnd
	now      func() time.Time
	closing  chan struct{} // closed when Close begins

	life   sync.Mutex // guards closed
	closed bool
	inUse  sync.WaitGroup // operations under way
}

var _ storage.Store = (*Store)(nil)

// ErrClosed answers every call after Close.
var ErrClosed = errors.New("the index is closed")

// Open opens the index in a directory, or makes a new one. It fails with storage.ErrLocked when another process
// has it, with storage.ErrNewerFormat when it was written by a newer keytrail, and with storage.ErrCorrupt.
func Open(o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Cache == 0 {
		o.Cache = defaultCache
	}
	if o.Graphs == 0 {
		o.Graphs = defaultGraphs
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.FS.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the index directory: %w", err)
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		if at := (*fs.PathError)(nil); errors.As(err, &at) { // the file cannot be made, whoever has the index
			return nil, fmt.Errorf("lock the index: %w", full(err))
		}
		return nil, fmt.Errorf("%w: %s", storage.ErrLocked, o.Dir)
	}
	s := &Store{tables: tables{log: o.Log}, lock: lock, graphs: graphCache{limit: o.Graphs}, now: o.Now, closing: make(chan struct{})}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	s.cache = pebble.NewCache(o.Cache)
	options := &pebble.Options{
		FS:    o.FS,
		Cache: s.cache,
		Lock:  s.lock,
		// Named, not "newest": a library's update must not make an index unreadable for the keytrail before it.
		FormatMajorVersion: pebble.FormatValueSeparation,
		Logger:             logger{log: o.Log, fatal: o.Fatal},
		// Who reads what is damaged gets an error. What is sound goes on answering.
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) {
			o.Log.Error().Str("path", i.Path).AnErr("cause", i.Details).Msg("a table of the index is damaged")
		}},
		// The log is laid out in files of this size; what is large goes around it.
		MemTableSize: 2 << 20,
	}
	// Text compresses well only in larger blocks; keys of all spaces are looked up one by one, hence the filters. What
	// is written first is compressed fast, what compactions have moved to the bottom well.
	for i := range options.Levels {
		options.Levels[i].BlockSize = 16 << 10
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.MinLZCompression }
	}
	options.Levels[len(options.Levels)-1].Compression = func() *sstable.CompressionProfile { return sstable.ZstdCompression }
	options.EnsureDefaults()
	db, err := pebble.Open(o.Dir, options)
	if err != nil {
		return classifyOpen(err, o.Dir)
	}
	s.tables.db, s.tables.fs, s.tables.dir, s.tables.options = db, o.FS, o.Dir, options
	s.tables.bulkFrom, s.tables.manyFrom, s.tables.tableEnd, s.tables.toldFrom = bulkBytes, manyCommits, tableBytes, manyAdded
	if err := s.removeLeftovers(); err != nil {
		return err
	}
	if err := s.readCounters(); err != nil {
		return err
	}
	s.index = s.counters.index
	s.isJudged.Store(s.counters.standing > 0)
	return s.readFeedEnd()
}

func classifyOpen(err error, dir string) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("open the index: %w: %w; move %s away and index again", storage.ErrCorrupt, err, dir)
	}
	return fmt.Errorf("open the index: %w", full(err))
}

// removeLeftovers deletes tables that a crash left half built.
func (s *Store) removeLeftovers() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return fmt.Errorf("list the index directory: %w", err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, tablePrefix) {
			if err := s.fs.Remove(s.fs.PathJoin(s.dir, n)); err != nil {
				return fmt.Errorf("remove a half-built table: %w", err)
			}
		}
	}
	return nil
}

// Close waits for the operations under way and closes the index.
func (s *Store) Close() error {
	s.life.Lock()
	already := s.closed
	s.closed = true
	s.life.Unlock()
	if already {
		return nil
	}
	close(s.closing)
	s.inUse.Wait()
	// So that the next start has no log to read.
	return errors.Join(s.db.Flush(), s.close())
}

func (s *Store) close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.cache != nil {
		s.cache.Unref()
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// use keeps the index open until the caller calls the function that it returns.
func (s *Store) use() (done func(), err error) {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.inUse.Add(1)
	return s.inUse.Done, nil
}

// turn waits for the writer's turn, which ends, and with it what keeps the index open, when the caller calls the function that it returns.
func (s *Store) turn(ctx context.Context) (end func(), err error) {
	done, err := s.use()
	if err != nil {
		return nil, err
	}
	s.write.Lock()
	end = func() {
		s.write.Unlock()
		done()
	}
	if err := ctx.Err(); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// logger hands Pebble's own words on.
type logger struct {
	log   zerolog.Logger
	fatal func(error)
}

func (l logger) Infof(format string, args ...any)  { l.log.Trace().Msgf(format, args...) }
func (l logger) Errorf(format string, args ...any) { l.log.Error().Msgf(format, args...) }

// Fatalf is how Pebble reports that it cannot go on: a failed write of its log, above all. It must not return.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("the index cannot be written: "+format, args...)
	if strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		err = fmt.Errorf("%w: %w", storage.ErrFull, err)
	}
	if l.fatal != nil {
		l.fatal(err)
	}
	panic(err)
}
