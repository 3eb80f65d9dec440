package pebblestore

import (
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

	rows  chan *streamRow // to the goroutine
	spare chan *streamRow // and back
	ended chan error      // its failure, once rows is closed; nil when it has been taken

	broken atomic.Pointer[error] // the failure, as soon as it is known
}

type streamRow struct{ key, value []byte }

// streamAhead is how many blocks, of some 20 KB each as a rule, may wait to be written.
const streamAhead = 16

// newTextStream begins at a block that the repository does not have. It is ended by finish or discard.
func newTextStream(t *tables, id storage.RepositoryID, first uint32) *textStream {
	s := &textStream{
		repository: id, first: first, block: first, long: firstOf(first),
		blocks: tableWriter{tables: t}, longs: tableWriter{tables: t},
		rows: make(chan *streamRow, streamAhead), spare: make(chan *streamRow, streamAhead+2), ended: make(chan error, 1),
	}
	go func() { s.ended <- s.write() }()
	return s
}

// write writes the rows that come until there are no more. After a failure it only empties the channel.
func (s *textStream) write() (err error) {
	for r := range s.rows {
		if err == nil {
			if r.key[0] == spaceLongText {
				err = s.longs.set(r.key, r.value)
			} else {
				err = s.blocks.set(r.key, r.value)
			}
			if err != nil {
				s.broken.Store(&err)
			}
		}
		select {
		case s.spare <- r:
		default:
		}
	}
	return err
}

// add appends the text of the next commit.
func (s *textStream) add(c *storage.Commit) error {
	s.texts.add(c)
	if len(c.Message) > maxInline {
		s.send(keyNumbered(spaceLongText, s.repository, uint32(s.long)), func(b []byte) []byte { return append(b, c.Message...) })
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

// flush hands the block on that is being made.
func (s *textStream) flush() {
	s.send(keyNumbered(spaceTexts, s.repository, s.block), s.texts.append)
	s.block++
	s.texts.reset()
}

func (s *textStream) send(key []byte, value func([]byte) []byte) {
	var r *streamRow
	select {
	case r = <-s.spare:
	default:
		r = &streamRow{}
	}
	r.key, r.value = append(r.key[:0], key...), value(r.value[:0])
	s.rows <- r
}

// finish writes what is left and completes the tables.
func (s *textStream) finish() error {
	if len(s.texts.rows) > 0 {
		s.flush()
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
func (s *textStream) discard() error {
	_ = s.wait() // what failed is removed
	return errors.Join(s.blocks.remove(), s.longs.remove())
}
