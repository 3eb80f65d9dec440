package mirror

import (
	"errors"
	"fmt"
	"strings"

	"keytrail/storage"
)

var errNotACommit = errors.New("its content is not that of a commit")

// parseCommit decodes the content of a commit object (git's Documentation/gitformat-commit, in older versions the source of
// git-commit-tree). It demands what git demands, which is a tree and well-formed parents before anything else, and takes
// the rest as it comes: fields may be missing, absurd, in any order or there twice, where the first counts.
//
// The message ends at its first NUL byte, as it does for git log: git treats messages as C strings everywhere, so keys
// behind a NUL would be found by nobody else. All text is made UTF-8, see decode.
func parseCommit(oid storage.OID, raw []byte) (storage.Commit, error) {
	c := storage.Commit{OID: oid}
	// The fields are parts of this one copy. It holds also what none of them needs, some hundred bytes, or more if
	// the commit is signed: a commit in flight lives too shortly for that to matter.
	rest := string(raw)
	line, rest, _ := strings.Cut(rest, "\n")
	if value, ok := strings.CutPrefix(line, "tree "); !ok {
		return c, fmt.Errorf("commit %s: %w: it names no tree", oid, errNotACommit)
	} else if _, err := storage.ParseOID(value); err != nil {
		return c, fmt.Errorf("commit %s: %w: tree: %w", oid, errNotACommit, err)
	}
	for strings.HasPrefix(rest, "parent ") {
		line, rest, _ = strings.Cut(rest, "\n")
		parent, err := storage.ParseOID(line[len("parent "):])
		if err != nil {
			return c, fmt.Errorf("commit %s: %w: parent: %w", oid, errNotACommit, err)
		}
		c.Parents = append(c.Parents, parent)
	}
	author, committer, encoding, message := parseHeaders(rest)
	d := newDecoder(encoding)
	c.Author = parseSignature(author, d)
	c.Committer = parseSignature(committer, d)
	message, _, _ = strings.Cut(message, "\x00")
	c.Message = d.decode(message)
	return c, nil
}

// parseHeaders reads the lines after the parents up to the empty one and gives what follows it. Lines that continue a
// header (gpgsig, mergetag) begin with a space and so have no name of interest.
func parseHeaders(text string) (author, committer, encoding, message string) {
	first := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line == "" {
			return author, committer, encoding, text
		}
		name, value, _ := strings.Cut(line, " ")
		switch name {
		case "author":
			first(&author, value)
		case "committer":
			first(&committer, value)
		case "encoding":
			first(&encoding, value)
		}
	}
	return author, committer, encoding, ""
}
