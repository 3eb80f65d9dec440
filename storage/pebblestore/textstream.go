package pebblestore

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"

	"keytrail/storage"
)

// textStream makes blocks of the texts of many commits and writes them as tables, which a goroutine of its own compresses.
type textStream struct {
	repository storage.RepositoryID
	first      uint32 // block
	block      uint32 // being made
	texts      texts
	long       ordinal // of the next commit
	blocks     tableWriter
	longs      tableWriter

	filling *streamRows      // not handed on yet
	rows    chan *streamRows // to the goroutine
	spare   chan *streamRows // and back
	ended   chan error       // its failure, once rows is closed; nil when it has been taken

	broken atomic.Pointer[error] // the failure, as soon as it is known
}

// streamRows are rows that are handed on together: keys and values one after the other, and where each ends.
type streamRows struct {
	data []byte
	ends []int
}

const (
	streamBytes = 256 << 10 // of rows handed on together
	streamAhead = 4         // such that may wait to be written
)

// newTextStream begins at a block that the repository does not have. It is ended by finish or discard.
func newTextStream(t *tables, id storage.RepositoryID, first uint32) *textStream {
	s := &textStream{
		repository: id, first: first, block: first, long: firstOf(first),
		blocks: tableWriter{tables: t}, longs: tableWriter{tables: t},
		filling: &streamRows{},
		rows:    make(chan *streamRows, streamAhead), spare: make(chan *streamRows, streamAhead+2), ended: make(chan error, 1),
	}
	go func() { s.ended <- s.write() }()
	return s
}

// write writes the rows that come until there are no more. After a failure it only empties the channel.
func (s *textStream) write() (err error) {
	for r := range s.rows {
		if err == nil {
			if err = s.writeRows(r); err != nil {
				s.broken.Store(&err)
			}
		}
		if cap(r.data) > 4*streamBytes { // one message may be as long as all others
			continue
		}
		r.data, r.ends = r.data[:0], r.ends[:0]
		select {
		case s.spare <- r:
		default:
		}
	}
	return err
}

func (s *textStream) writeRows(r *streamRows) error {
	at := 0
	for i := 0; i < len(r.ends); i += 2 {
		key, value := r.data[at:r.ends[i]], r.data[r.ends[i]:r.ends[i+1]]
		w := &s.blocks
		if key[0] == spaceLongText {
			w = &s.longs
		}
		if err := w.set(key, value); err != nil {
			return err
		}
		at = r.ends[i+1]
	}
	return nil
}

// add appends the text of the next commit.
func (s *textStream) add(c *storage.Commit) error {
	s.texts.add(c)
	if len(c.Message) > maxInline {
		s.row(spaceLongText, uint32(s.long), func(b []byte) []byte { return append(b, c.Message...) })
	}
	s.long++
	if len(s.texts.rows) == blockSize {
		s.flush()
		if failed := s.broken.Load(); failed != nil {
			return *failed
		}
	}
	return nil
}

// flush ends the block that is being made.
func (s *textStream) flush() {
	s.row(spaceTexts, s.block, s.texts.append)
	s.block++
	s.texts.reset()
}

// row adds a row to those that are handed on next.
func (s *textStream) row(space byte, number uint32, value func([]byte) []byte) {
	r := s.filling
	r.data = binary.BigEndian.AppendUint32(appendRepository(append(r.data, space), s.repository), number)
	r.ends = append(r.ends, len(r.data))
	r.data = value(r.data)
	r.ends = append(r.ends, len(r.data))
	if len(r.data) >= streamBytes {
		s.send()
	}
}

func (s *textStream) send() {
	s.rows <- s.filling
	select {
	case s.filling = <-s.spare:
	default:
		s.filling = &streamRows{}
	}
}

// finish writes what is left and completes the tables.
func (s *textStream) finish() error {
	if len(s.texts.rows) > 0 {
		s.flush()
	}
	if len(s.filling.ends) > 0 {
		s.send()
	}
	if err := s.wait(); err != nil {
		return err
	}
	return errors.Join(s.blocks.end(), s.longs.end())
}

// paths are those of the tables.
func (s *textStream) paths() []string { return slices.Concat(s.blocks.paths, s.longs.paths) }

// wait ends the goroutine, once.
func (s *textStream) wait() error {
	if s.ended == nil {
		return nil
	}
	close(s.rows)
	err := <-s.ended
	s.ended = nil
	return err
}

// discard ends the stream and removes its files.
func (s *textStream) discard() {
	_ = s.wait() // what failed is removed
	s.blocks.remove()
	s.longs.remove()
}
