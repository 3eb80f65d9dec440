package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"
)

const (
	// bulkBytes is from where on a write goes around the log and the memtable, as sorted tables that are ingested:
	// a third of the CPU, and no second copy of it in memory.
	bulkBytes = 8 << 20
	// chunkBytes is what the sink's memory grows by.
	chunkBytes = 1 << 20
)

// sink gathers the changes of one write, which become visible and durable together in commit. Each key is set or deleted at
// most once; what lies in a range that is deleted may be set.
type sink struct {
	chunks [][]byte
	spaces [256]space // by the first byte of their keys
	ops    int
	bytes  int

	aside []*tableWriter // further rows, in finished tables: no key lies between those of a keyspace of the sink
	texts *textStream    // likewise; nil without
}

// space is what changes in one keyspace.
type space struct {
	ops    []op
	ranges [][2][]byte // deleted, before the ops
}

// op is one change: where its key and value lie.
type op struct {
	chunk      int32
	begin      int32
	keyLen     int32
	valueLen   int32
	isDeletion bool
}

// set is put, for those who write rows wherever they go.
func (s *sink) set(key, value []byte) error {
	s.put(key, value)
	return nil
}

func (s *sink) put(key, value []byte) { s.add(key, value, false) }

func (s *sink) delete(key []byte) { s.add(key, nil, true) }

// deleteRange deletes what the index has from one key to before another, which are of one keyspace. The sink keeps both.
func (s *sink) deleteRange(from, to []byte) {
	if bytes.Compare(from, to) >= 0 {
		return
	}
	in := &s.spaces[from[0]]
	in.ranges = append(in.ranges, [2][]byte{from, to})
}

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
func (s *sink) commit(t *tables) error {
	if s.bytes < t.bulkFrom && s.aside == nil && s.texts == nil {
		return s.commitBatch(t)
	}
	return s.ingest(t)
}

func (s *sink) commitBatch(t *tables) error {
	b := t.db.NewBatchWithSize(s.bytes + 16*s.ops)
	defer b.Close()
	for i := range s.spaces {
		in := &s.spaces[i]
		for _, r := range in.ranges {
			if err := b.DeleteRange(r[0], r[1], nil); err != nil {
				return err
			}
		}
		for _, o := range in.ops {
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
	t.committing.Lock()
	defer t.committing.Unlock()
	return b.Commit(pebble.Sync)
}

// ingest writes the changes as sorted tables, which do not overlap, and makes them part of the index together with
// those aside.
func (s *sink) ingest(t *tables) error {
	var writing errgroup.Group
	writing.SetLimit(runtime.GOMAXPROCS(0))
	var writers []*tableWriter
	for _, share := range s.shares() {
		w := &tableWriter{tables: t}
		writers = append(writers, w)
		writing.Go(func() error { return errors.Join(s.writeShare(w, share), w.end()) })
	}
	defer removeAll(writers)
	if err := writing.Wait(); err != nil {
		return err
	}
	var paths []string
	for _, w := range slices.Concat(writers, s.aside) {
		paths = append(paths, w.paths...)
	}
	if s.texts != nil {
		paths = append(paths, s.texts.paths()...)
	}
	t.committing.Lock()
	defer t.committing.Unlock()
	// Once begun, an ingest is finished: half of it cannot be.
	return full(t.db.Ingest(context.Background(), paths))
}

// discard removes the tables aside, or after an ingest their second names.
func (s *sink) discard() { removeAll(s.aside) }

func removeAll(writers []*tableWriter) {
	for _, w := range writers {
		w.remove()
	}
}

// shares divides the keyspaces, in their order, into those that share a table: the small ones. Between keys of a large one there are
// no others, whatever lies aside.
func (s *sink) shares() [][]space {
	shares := [][]space{nil}
	for i := range s.spaces {
		in := s.spaces[i]
		switch {
		case len(in.ops) == 0 && len(in.ranges) == 0:
		case isLarge(byte(i)):
			shares = append(shares, []space{in})
		default:
			shares[0] = append(shares[0], in)
		}
	}
	if len(shares[0]) == 0 {
		return shares[1:]
	}
	return shares
}

// writeShare sorts keyspaces and writes them into tables.
func (s *sink) writeShare(w *tableWriter, share []space) error {
	for _, in := range share {
		for _, r := range in.ranges {
			if err := w.deleteRange(r[0], r[1]); err != nil {
				return err
			}
		}
		slices.SortFunc(in.ops, func(a, b op) int { return bytes.Compare(s.key(a), s.key(b)) })
		for i, o := range in.ops {
			if i > 0 && bytes.Equal(s.key(in.ops[i-1]), s.key(o)) {
				return fmt.Errorf("key %q is written twice", s.key(o))
			}
			if err := s.writeOp(w, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sink) writeOp(w *tableWriter, o op) error {
	if o.isDeletion {
		return w.delete(s.key(o))
	}
	return w.set(s.key(o), s.value(o))
}
