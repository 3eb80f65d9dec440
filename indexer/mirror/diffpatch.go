package mirror

import (
	"bytes"
	"fmt"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// patchWriter writes the changes of files in git's format (git-diff(1), "Generating patch text with -p"), with full object
// ids. It keeps whole files, in order, up to the first for which there is no room.
type patchWriter struct {
	context int // lines around a change
	most    int // bytes; 0: nothing is written
	text    strings.Builder
	names   string // lines that go before the first hunk
	kept    int    // bytes of the files that are whole
	isFull  bool
	// isTruncated tells that a file was left out.
	isTruncated bool
}

// write adds to the file that is being written.
func (p *patchWriter) write(s string) {
	if p.isFull = p.isFull || p.text.Len()+len(s) > p.most; !p.isFull {
		p.text.WriteString(s)
	}
}

// end keeps the file that was written, if it is whole.
func (p *patchWriter) end() {
	if p.isTruncated = p.isTruncated || p.isFull; !p.isFull {
		p.kept = p.text.Len()
	}
}

// patch gives the files that fit.
func (p *patchWriter) patch() string { return p.text.String()[:p.kept] }

// hunk adds to the hunks of a file, which begin with its names.
func (p *patchWriter) hunk(s string) {
	p.write(p.names)
	p.names = ""
	p.write(s)
}

// file writes one file with its contents. It calls compare, unless that is nil, to give the hunks piece by piece; without it
// the one content takes the place of the other. A change of type is a deletion and an addition, whatever the comparison tells.
func (p *patchWriter) file(c *fileChange, old, now []byte, compare func(hunk func(string)) error) error {
	defer p.end()
	if c.change() == storage.ChangeTypeChanged {
		gone, come := *c, *c
		gone.now, come.old = side{}, side{}
		gone.isNowBinary, come.isOldBinary = false, false
		p.whole(&gone, old, nil)
		p.whole(&come, nil, now)
		if compare != nil {
			return compare(func(string) {})
		}
		return nil
	}
	if compare == nil {
		p.whole(c, old, now)
		return nil
	}
	p.header(c)
	return compare(p.hunk)
}

// whole writes a file of which one content takes the place of the other.
func (p *patchWriter) whole(c *fileChange, old, now []byte) {
	p.header(c)
	if len(old)+len(now) == 0 || c.isBinary() || p.isFull {
		return
	}
	p.hunk(fmt.Sprintf("@@ -%s +%s @@\n", span(old), span(now)))
	for _, part := range []struct {
		sign    string
		content []byte
	}{{"-", old}, {"+", now}} {
		for line := range strings.Lines(string(part.content)) {
			p.write(part.sign)
			p.write(line)
			if !strings.HasSuffix(line, "\n") {
				p.write("\n\\ No newline at end of file\n")
			}
		}
	}
}

// span is the range of a whole content in the header of a hunk.
func span(content []byte) string {
	switch n := lineCount(content); n {
	case 0:
		return "0,0"
	case 1:
		return "1"
	default:
		return fmt.Sprintf("1,%d", n)
	}
}

// header writes the lines before the hunks, but for the names, which are for the first hunk to write; of binary files it is all.
func (p *patchWriter) header(c *fileChange) {
	p.write(fmt.Sprintf("diff --git %s %s\n", quoted("a/"+c.oldPath), quoted("b/"+c.path)))
	switch {
	case !c.old.exists():
		p.write(fmt.Sprintf("new file mode %06o\n", c.now.mode))
	case !c.now.exists():
		p.write(fmt.Sprintf("deleted file mode %06o\n", c.old.mode))
	case c.old.mode != c.now.mode:
		p.write(fmt.Sprintf("old mode %06o\nnew mode %06o\n", c.old.mode, c.now.mode))
	}
	if c.isRename {
		p.write(fmt.Sprintf("similarity index %d%%\nrename from %s\nrename to %s\n", c.similarity, quoted(c.oldPath), quoted(c.path)))
	}
	if c.old.oid == c.now.oid {
		return
	}
	mode := ""
	if c.old.mode == c.now.mode {
		mode = fmt.Sprintf(" %06o", c.old.mode)
	}
	p.write(fmt.Sprintf("index %s..%s%s\n", c.old.oid, c.now.oid, mode))
	before, now := "/dev/null", "/dev/null"
	if c.old.exists() {
		before = quoted("a/" + c.oldPath)
	}
	if c.now.exists() {
		now = quoted("b/" + c.path)
	}
	if c.isBinary() {
		p.write(fmt.Sprintf("Binary files %s and %s differ\n", before, now))
		return
	}
	p.names = fmt.Sprintf("--- %s\n+++ %s\n", ended(before), ended(now))
}

// ended closes a name that holds a space with a tab, as programs other than git expect it.
func ended(name string) string {
	if strings.Contains(name, " ") {
		return name + "\t"
	}
	return name
}

// quoted gives a path as git does: as it is, or in double quotes with C's escapes when it holds a quote, a backslash, a
// control character, or a byte that is not ASCII (git-config(1), core.quotePath).
func quoted(path string) string {
	isPlain := true
	for i := 0; i < len(path) && isPlain; i++ {
		isPlain = path[i] >= ' ' && path[i] < 0x7f && path[i] != '"' && path[i] != '\\'
	}
	if isPlain {
		return path
	}
	const escaped, letters = "\a\b\t\n\v\f\r\"\\", `abtnvfr"\`
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		c := path[i]
		if at := strings.IndexByte(escaped, c); at >= 0 {
			b.WriteByte('\\')
			b.WriteByte(letters[at])
		} else if c < ' ' || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// gitlinkText is the content that git shows of a submodule: a file of one line.
func gitlinkText(oid storage.OID) string { return fmt.Sprintf("Subproject commit %s\n", oid) }

// diffBlobs has libgit2 compare two contents line by line. An error of the callbacks ends it.
func (o *objects) diffBlobs(old, now side, context int, onHunk func(git.DiffHunk) error, onLine git.DiffForEachLineCallback) error {
	a, err := o.blob(old)
	if err != nil {
		return err
	}
	defer freeBlob(a)
	b, err := o.blob(now)
	if err != nil {
		return err
	}
	defer freeBlob(b)
	options := &git.DiffOptions{Flags: git.DiffIndentHeuristic | git.DiffForceText, ContextLines: uint32(context), MaxSize: -1}
	// Without names no attributes are looked up: what is shown does not hang on what is checked out.
	err = git.DiffBlobs(a, "", b, "", options, func(git.DiffDelta, float64) (git.DiffForEachHunkCallback, error) {
		return func(h git.DiffHunk) (git.DiffForEachLineCallback, error) {
			return onLine, onHunk(h)
		}, nil
	}, git.DiffDetailLines)
	if err != nil {
		return fmt.Errorf("compare %s and %s: %w", old.oid, now.oid, err)
	}
	return nil
}

// blob opens the content of a side; nil if there is none.
func (o *objects) blob(s side) (*git.Blob, error) {
	if !s.exists() {
		return nil, nil
	}
	o.id = git.Oid(s.oid)
	b, err := o.repo.LookupBlob(&o.id)
	if err != nil {
		return nil, corruptObject(s.oid, err)
	}
	return b, nil
}

func freeBlob(b *git.Blob) {
	if b != nil {
		b.Free()
	}
}

// content reads a blob. It reports false for one that is not here, or larger than most.
func (o *objects) content(oid storage.OID, most int) (content []byte, isHere bool, err error) {
	o.id = git.Oid(oid)
	size, kind, err := o.odb.ReadHeader(&o.id)
	switch {
	case git.IsErrorCode(err, git.ErrorCodeNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, corruptObject(oid, err)
	case kind != git.ObjectBlob:
		return nil, false, misplaced(oid, kind, "blob")
	case size > uint64(most):
		return nil, false, nil
	}
	err = o.read(oid, func(_ git.ObjectType, data []byte) error {
		content = bytes.Clone(data)
		return nil
	})
	return content, err == nil, err
}
