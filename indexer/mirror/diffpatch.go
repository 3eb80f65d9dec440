package mirror

import (
	"bytes"
	"fmt"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// patchWriter writes the changes of files in git's format (git-diff(1), "Generating patch text with -p"), with full object
// ids.
type patchWriter struct {
	objects *objects
	context int
	text    strings.Builder
}

// file writes one file. A change of type is a deletion and an addition.
func (p *patchWriter) file(c *fileChange) error {
	if c.change() == storage.ChangeTypeChanged {
		gone, come := *c, *c
		gone.now, come.old = side{}, side{}
		gone.isNowBinary, come.isOldBinary = false, false
		if err := p.file(&gone); err != nil {
			return err
		}
		return p.file(&come)
	}
	p.header(c)
	if c.old.oid == c.now.oid {
		return nil
	}
	before, now := "/dev/null", "/dev/null"
	if c.old.exists() {
		before = quoted("a/" + c.oldPath)
	}
	if c.now.exists() {
		now = quoted("b/" + c.path)
	}
	if c.isBinary() {
		fmt.Fprintf(&p.text, "Binary files %s and %s differ\n", before, now)
		return nil
	}
	names := fmt.Sprintf("--- %s\n+++ %s\n", ended(before), ended(now))
	isFirst := true
	return p.objects.lines(c.old, c.now, p.context, func(line string) {
		if isFirst {
			p.text.WriteString(names)
			isFirst = false
		}
		p.text.WriteString(line)
	})
}

// header writes the lines before the names.
func (p *patchWriter) header(c *fileChange) {
	w := &p.text
	fmt.Fprintf(w, "diff --git %s %s\n", quoted("a/"+c.oldPath), quoted("b/"+c.path))
	switch {
	case !c.old.exists():
		fmt.Fprintf(w, "new file mode %06o\n", c.now.mode)
	case !c.now.exists():
		fmt.Fprintf(w, "deleted file mode %06o\n", c.old.mode)
	case c.old.mode != c.now.mode:
		fmt.Fprintf(w, "old mode %06o\nnew mode %06o\n", c.old.mode, c.now.mode)
	}
	if c.isRename {
		fmt.Fprintf(w, "similarity index %d%%\nrename from %s\nrename to %s\n", c.similarity, quoted(c.oldPath), quoted(c.path))
	}
	if c.old.oid == c.now.oid {
		return
	}
	fmt.Fprintf(w, "index %s..%s", c.old.oid, c.now.oid)
	if c.old.mode == c.now.mode {
		fmt.Fprintf(w, " %06o", c.old.mode)
	}
	w.WriteString("\n")
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

// lines calls use with each piece of the unified diff of two sides, from the first hunk on; never when they are equal.
func (o *objects) lines(old, now side, context int, use func(string)) error {
	if old.isGitlink() || now.isGitlink() {
		gitlinkLines(old, now, use)
		return nil
	}
	return o.diffBlobs(old, now, context, func(h git.DiffHunk) { use(h.Header) }, func(l git.DiffLine) {
		switch l.Origin {
		case git.DiffLineContext, git.DiffLineAddition, git.DiffLineDeletion:
			use(string(rune(l.Origin)) + l.Content)
		case git.DiffLineContextEOFNL, git.DiffLineAddEOFNL, git.DiffLineDelEOFNL:
			use(l.Content)
		}
	})
}

// gitlinkLines shows the commits of a submodule as git does: as files of one line. The other side is one too, or nothing.
func gitlinkLines(old, now side, use func(string)) {
	switch {
	case !old.exists():
		use("@@ -0,0 +1 @@\n")
	case !now.exists():
		use("@@ -1 +0,0 @@\n")
	default:
		use("@@ -1 +1 @@\n")
	}
	if old.exists() {
		use("-" + gitlinkText(old.oid))
	}
	if now.exists() {
		use("+" + gitlinkText(now.oid))
	}
}

func gitlinkText(oid storage.OID) string { return fmt.Sprintf("Subproject commit %s\n", oid) }

// diffBlobs has libgit2 compare two contents line by line.
func (o *objects) diffBlobs(old, now side, context int, onHunk func(git.DiffHunk), onLine func(git.DiffLine)) error {
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
			onHunk(h)
			return func(l git.DiffLine) error {
				onLine(l)
				return nil
			}, nil
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
