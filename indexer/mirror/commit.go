package mirror

import (
	"bytes"
	"errors"
	"fmt"

	"keytrail/storage"
)

var errNotACommit = errors.New("its content is not that of a commit")

// FindKeys appends the issue keys of a message to dst: sorted, each once. The keys may be parts of the message, and a walk's messages
// share memory: who keeps a key longer than its commit clones it. It is called by several goroutines.
type FindKeys func(dst []storage.IssueKey, message string) []storage.IssueKey

// parseCommit decodes the content of a commit object (git's Documentation/gitformat-commit, in older versions the source of
// git-commit-tree). It demands what git demands, which is a tree and well-formed parents before anything else, and takes
// the rest as it comes, see commitParser.
func parseCommit(oid storage.OID, content []byte) (storage.Commit, error) {
	line, rest, _ := bytes.Cut(content, []byte("\n"))
	tree, ok := bytes.CutPrefix(line, []byte("tree "))
	if !ok {
		return storage.Commit{OID: oid}, fmt.Errorf("commit %s: %w: it names no tree", oid, errNotACommit)
	}
	if _, err := storage.ParseOID(string(tree)); err != nil {
		return storage.Commit{OID: oid}, fmt.Errorf("commit %s: %w: tree: %w", oid, errNotACommit, err)
	}
	var parents []storage.OID
	for bytes.HasPrefix(rest, []byte("parent ")) {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		parent, err := storage.ParseOID(string(line[len("parent "):]))
		if err != nil {
			return storage.Commit{OID: oid}, fmt.Errorf("commit %s: %w: parent: %w", oid, errNotACommit, err)
		}
		parents = append(parents, parent)
	}
	var c storage.Commit
	new(commitParser).parse(&c, oid, parents, rest)
	return c, nil
}

// commitParser decodes commits into memory that they share, see commitArena. It belongs to one goroutine at a time.
type commitParser struct {
	find  FindKeys // nil: no keys are wanted
	arena commitArena
}

// parse makes c of what follows the parents in a commit's content. Fields may be missing, absurd, in any order or there twice,
// where the first counts.
//
// The message ends at its first NUL byte, as it does for git log: git treats messages as C strings everywhere, so keys
// behind a NUL would be found by nobody else. All text is made UTF-8, see decoder.
func (p *commitParser) parse(c *storage.Commit, oid storage.OID, parents []storage.OID, rest []byte) {
	h := parseHeaders(rest)
	d := newDecoder(h.encoding)
	if i := bytes.IndexByte(h.message, 0); i >= 0 {
		h.message = h.message[:i]
	}
	c.OID, c.Parents, c.Keys = oid, p.arena.keepParents(parents), nil
	p.signature(&c.Author, h.author, d)
	if c.Committer = c.Author; !bytes.Equal(h.author, h.committer) {
		p.signature(&c.Committer, h.committer, d)
	}
	c.Message = p.text(h.message, d)
	if p.find != nil {
		c.Keys = p.arena.findKeys(p.find, c.Message)
	}
}

// text keeps text of a commit.
func (p *commitParser) text(b []byte, d decoder) string {
	if d.isPlain(b) {
		return p.arena.keepText(b)
	}
	return d.decode(string(b))
}

// signature decodes the value of an author or committer header.
func (p *commitParser) signature(s *storage.Signature, value []byte, d decoder) {
	who, when := cutSignature(value)
	s.Seconds, s.Offset = parseDate(when)
	if d.declared == nil {
		if kept, ok := p.arena.keepPerson(who); ok {
			s.Name, s.Email = kept.name, kept.email
			return
		}
	}
	name, email := cutPerson(string(who))
	s.Name, s.Email = d.decode(name), d.decode(email)
}

// commitHeaders are the parts of a commit's content behind its parents.
type commitHeaders struct {
	author, committer, encoding, message []byte
}

// parseHeaders reads the lines after the parents up to the empty one, and what follows it. Lines that continue a
// header (gpgsig, mergetag) begin with a space and so have no name of interest.
func parseHeaders(text []byte) (h commitHeaders) {
	first := func(field *[]byte, value []byte) {
		if len(*field) == 0 {
			*field = value
		}
	}
	for len(text) > 0 {
		line, rest := text, []byte(nil)
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, rest = text[:i], text[i+1:]
		}
		if len(line) == 0 {
			h.message = rest
			return h
		}
		switch {
		case hasWord(line, "author "):
			first(&h.author, line[len("author "):])
		case hasWord(line, "committer "):
			first(&h.committer, line[len("committer "):])
		case hasWord(line, "encoding "):
			first(&h.encoding, line[len("encoding "):])
		}
		text = rest
	}
	return h
}

func hasWord(line []byte, word string) bool {
	return len(line) >= len(word) && string(line[:len(word)]) == word
}
