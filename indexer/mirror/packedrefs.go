package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"keytrail/storage"
)

// packedRefs is the content of a packed-refs file (git-pack-refs(1)) whose refs are sorted by name. What is asked of it is found in
// the text: of tens of thousands of refs, a fetch of one commit wants a few.
type packedRefs []byte

const (
	packedHeader = "# pack-refs with: peeled fully-peeled sorted \n"
	oidDigits    = 2 * len(storage.OID{})
)

// errPackedRefs is that of a file that does not have the form, or the order, that all of ours have.
var errPackedRefs = fmt.Errorf("%w: the packed-refs file cannot be read", ErrCorrupt)

// readSortedRefs reads a packed-refs file, into the room where that is large enough; none is an empty one. One that does not say
// that it is sorted is sorted here.
func readSortedRefs(path string, room []byte) (packedRefs, error) {
	content, err := readInto(room, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	if head, _, isWhole := bytes.Cut(content, []byte("\n")); isWhole && bytes.HasPrefix(head, []byte("#")) && bytes.Contains(head, []byte(" sorted")) {
		return content, nil
	}
	refs, err := parsePackedRefs(content)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(refs, func(p, q packedRef) int { return strings.Compare(p.name, q.name) })
	return textOf(refs), nil
}

// readInto reads a file that is replaced as a whole where it changes.
func readInto(room []byte, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	content := slices.Grow(room[:0], int(info.Size()))[:info.Size()]
	_, err = io.ReadFull(f, content)
	return content, err
}

// textOf gives the text of refs that are sorted by name.
func textOf(refs []packedRef) packedRefs {
	var text bytes.Buffer
	w := bufio.NewWriter(&text)
	packedRefs(nil).edit(w, refs)
	w.Flush() // to memory: cannot fail
	return text.Bytes()
}

// packedLine is a ref as it stands in the text: its object id in hexadecimal digits, a space and its name; and what it leads to if
// it is a tag.
type packedLine struct{ text, peeled []byte }

func (l packedLine) oid() []byte { return l.text[:oidDigits] }

// name is empty for the zero line.
func (l packedLine) name() []byte { return l.text[min(len(l.text), oidDigits+1):] }

// parse decodes the object ids of a ref.
func (l packedLine) parse() (packedRef, error) {
	r := packedRef{name: string(l.name())}
	var err error
	if r.oid, err = storage.ParseOID(string(l.oid())); err != nil {
		return r, errPackedRefs
	}
	if len(l.peeled) > 0 {
		if r.peeled, err = storage.ParseOID(string(l.peeled)); err != nil {
			return r, errPackedRefs
		}
	}
	return r, nil
}

// cut takes the ref off that the text begins with. It is false at the end, and for what is no ref.
func (p packedRefs) cut() (line packedLine, rest packedRefs, ok bool) {
	end := bytes.IndexByte(p, '\n')
	if end < oidDigits+2 || p[oidDigits] != ' ' {
		return line, p, false
	}
	line.text = p[:end]
	rest = p[end+1:]
	for len(rest) > 0 && rest[0] == '^' {
		end := bytes.IndexByte(rest, '\n')
		if end <= oidDigits {
			return line, p, false
		}
		line.peeled = rest[1 : oidDigits+1]
		rest = rest[end+1:]
	}
	return line, rest, true
}

// body is the text without the header.
func (p packedRefs) body() packedRefs {
	for len(p) > 0 && p[0] == '#' {
		_, p, _ = bytes.Cut(p, []byte("\n"))
	}
	return p
}

// count gives about how many refs there are: peeled tags count twice.
func (p packedRefs) count() int { return bytes.Count(p, []byte("\n")) }

// isEmpty reports whether there is no ref.
func (p packedRefs) isEmpty() bool { return len(p.body()) == 0 }

// seek gives the offset of the first ref whose name is not before one.
func (p packedRefs) seek(name string) int {
	lo, hi := len(p)-len(p.body()), len(p)
	for lo < hi {
		at := p.startOf(lo, lo+(hi-lo)/2)
		line, rest, ok := p[at:].cut()
		switch {
		case !ok:
			return len(p) // whoever goes through the refs in turn finds the damage
		case string(line.name()) < name:
			lo = len(p) - len(rest)
		default:
			hi = at
		}
	}
	return lo
}

// startOf gives the offset of the ref that an offset is in, not before from, which is that of one.
func (p packedRefs) startOf(from, at int) int {
	for {
		start := from + bytes.LastIndexByte(p[from:at], '\n') + 1
		if start <= from || p[start] != '^' {
			return max(start, from)
		}
		at = start - 1
	}
}

// find gives a ref by its name.
func (p packedRefs) find(name string) (r packedRef, ok bool, err error) {
	line, _, ok := p[p.seek(name):].cut()
	if !ok || string(line.name()) != name {
		return r, false, nil
	}
	r, err = line.parse()
	return r, err == nil, err
}

// edit writes the refs as they are after edits, which are sorted by name: each replaces what there is of its name, or takes it
// away if its object id is zero.
func (p packedRefs) edit(w *bufio.Writer, edits []packedRef) {
	if len(p) == 0 {
		w.WriteString(packedHeader)
	}
	for _, e := range edits {
		at := p.seek(e.name)
		w.Write(p[:at])
		p = p[at:]
		if line, rest, ok := p.cut(); ok && string(line.name()) == e.name {
			p = rest
		}
		if e.oid.IsZero() {
			continue
		}
		fmt.Fprintf(w, "%s %s\n", e.oid, e.name)
		if !e.peeled.IsZero() {
			fmt.Fprintf(w, "^%s\n", e.peeled)
		}
	}
	w.Write(p)
}

// refCursor goes through refs in their order.
type refCursor struct {
	rest packedRefs
	line packedLine // the present one
	err  error      // once the text turns out damaged
}

func (p packedRefs) cursor() *refCursor { return &refCursor{rest: p.body()} }

// next goes to the next ref, and is false behind the last one.
func (c *refCursor) next() bool {
	if c.err != nil {
		return false
	}
	last := c.line.name()
	var ok bool
	if c.line, c.rest, ok = c.rest.cut(); !ok {
		if len(c.rest) > 0 {
			c.err = errPackedRefs
		}
		return false
	}
	if bytes.Compare(last, c.line.name()) >= 0 {
		c.err = errPackedRefs
		return false
	}
	return true
}
