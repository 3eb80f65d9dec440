package history

import (
	"bufio"
	"io"
	"iter"
	"strconv"
)

const mainRef = "refs/heads/main"

// commit is one commit command. Marks count commits from 1; 0 means none.
type commit struct {
	mark, first, second int // second is the merged parent
	author, committer   person
	authored, committed int64 // seconds since 1970
	message             []byte
	files               iter.Seq[file] // that it adds or changes; nil for none
}

// stream writes the commands of git-fast-import(1). Every commit is made on main, whichever branch it belongs to:
// refs are set by reset, and main is reset to its tip at the end. So no ref exists that was not asked for.
type stream struct {
	w    *bufio.Writer
	buf  []byte
	last int // mark of the commit that fast-import now holds as main
}

func newStream(w io.Writer) *stream { return &stream{w: bufio.NewWriterSize(w, 1<<20)} }

// emit writes what the command gathered; bufio keeps the first error, so an early reader's end is seen at once.
func (s *stream) emit() error {
	_, err := s.w.Write(s.buf)
	return err
}

func (s *stream) text(parts ...string) {
	for _, p := range parts {
		s.buf = append(s.buf, p...)
	}
}

func (s *stream) mark(word string, mark int) {
	s.text(word, " :")
	s.buf = strconv.AppendInt(s.buf, int64(mark), 10)
	s.text("\n")
}

func (s *stream) ident(role string, p person, when int64) {
	s.text(role, " ", p.name, " <", p.mail, "> ")
	s.buf = strconv.AppendInt(s.buf, when, 10)
	s.text(" ", p.zone, "\n")
}

func (s *stream) data(b []byte) {
	s.text("data ")
	s.buf = strconv.AppendInt(s.buf, int64(len(b)), 10)
	s.text("\n")
	s.buf = append(s.buf, b...)
	s.text("\n")
}

func (s *stream) commit(c *commit) error {
	s.buf = s.buf[:0]
	s.text("commit ", mainRef, "\n")
	s.mark("mark", c.mark)
	s.ident("author", c.author, c.authored)
	s.ident("committer", c.committer, c.committed)
	s.data(c.message)
	// Naming a parent makes fast-import read it back from the pack: leave it out where it is main's tip already.
	if c.first != 0 && c.first != s.last {
		s.mark("from", c.first)
	}
	if c.second != 0 {
		s.mark("merge", c.second)
	}
	if err := s.emit(); err != nil {
		return err
	}
	s.last = c.mark
	if c.files == nil {
		return nil
	}
	for f := range c.files {
		s.buf = s.buf[:0]
		s.text("M 100644 inline ", f.path, "\n")
		s.data(f.content)
		if err := s.emit(); err != nil {
			return err
		}
	}
	return nil
}

// reset points a ref (a branch, pull ref or lightweight tag) at a commit.
func (s *stream) reset(ref string, mark int) error {
	s.buf = s.buf[:0]
	s.text("reset ", ref, "\n")
	s.mark("from", mark)
	s.text("\n")
	return s.emit()
}

// tag makes a tag object and its ref.
func (s *stream) tag(name string, mark int, tagger person, when int64, message []byte) error {
	s.buf = s.buf[:0]
	s.text("tag ", name, "\n")
	s.mark("from", mark)
	s.ident("tagger", tagger, when)
	s.data(message)
	return s.emit()
}

// notes makes one commit of refs/notes/commits that annotates several commits.
func (s *stream) notes(notes []note, by person, when int64) error {
	s.buf = s.buf[:0]
	s.text("commit refs/notes/commits\n")
	s.ident("committer", by, when)
	s.data([]byte("Notes added by 'git notes add'\n"))
	for _, n := range notes {
		s.mark("N inline", n.mark)
		s.data([]byte(n.text))
	}
	return s.emit()
}

// done ends the stream, so that fast-import can tell it from a broken one.
func (s *stream) done() error {
	s.buf = append(s.buf[:0], "done\n"...)
	if err := s.emit(); err != nil {
		return err
	}
	return s.w.Flush()
}
