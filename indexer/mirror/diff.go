package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	git "github.com/libgit2/git2go/v34"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// differ finds out what commits changed, in one repository, for one request. Trees are compared here and renames found
// here, because libgit2 reads whole trees and judges likeness otherwise than git; libgit2 compares lines.
type differ struct {
	ctx     context.Context
	options storage.DiffOptions
	objects *objects
	shallow map[storage.OID]bool
	turn    *turn // at the processors; given up while need waits for a server
	// need brings objects that are not here; nil when there is nowhere to bring them from.
	need func(oids []storage.OID, filter string) error
}

// diff is one commit of a request.
type diff struct {
	commit, parent storage.OID
	changes        []*fileChange
	renames        *renames
	exactRenames   bool
}

// all gives what each commit changed. An error that one commit alone is the reason of is in its result.
func (d *differ) all(commits []storage.OID) ([]storage.DiffResult, error) {
	if err := d.turn.take(d.ctx); err != nil {
		return nil, err
	}
	defer d.turn.give()
	results := make([]storage.DiffResult, len(commits))
	var diffs []*diff
	var roots []treePair
	var at []int // of each diff, in results
	for i, oid := range commits {
		one, pair, err := d.begin(oid)
		if err != nil {
			results[i].Err = err
			continue
		}
		pair.commit = len(diffs)
		diffs, roots, at = append(diffs, one), append(roots, pair), append(at, i)
	}
	changes, err := compareTrees(d.ctx, d.objects, roots, d.trees)
	if err != nil {
		return nil, err
	}
	var blobs []storage.OID
	for i, one := range diffs {
		one.changes = changes[i]
		blobs = append(blobs, d.plan(one)...)
	}
	if err := d.blobs(blobs, len(commits) == 1); err != nil {
		return nil, err
	}
	for i, one := range diffs {
		if results[at[i]].Diff, err = d.finish(one); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// begin finds the two trees of a commit.
func (d *differ) begin(oid storage.OID) (*diff, treePair, error) {
	c, err := d.objects.commit(oid)
	if err != nil {
		return nil, treePair{}, err
	}
	one := &diff{commit: oid}
	var pair treePair
	if pair.now, err = d.objects.treeOf(oid); err != nil {
		return nil, treePair{}, err
	}
	if len(c.Parents) > 0 {
		one.parent = c.Parents[0]
		if d.shallow[oid] {
			return nil, treePair{}, fmt.Errorf("%w: the history is cut at commit %s: deepen the repository (git fetch --unshallow)", storage.ErrNoObjects, oid)
		}
		if pair.old, err = d.objects.treeOf(one.parent); err != nil {
			return nil, treePair{}, err
		}
	}
	return one, pair, nil
}

// The filters of requests for trees, which apply to what is below the trees that are named.
const (
	filterBlobs = "blob:none" // trees with all trees below
	filterBelow = "tree:0"    // nothing but the trees named
)

// trees has the trees of a level brought. Of root trees everything below is asked for at once, which takes one round trip;
// when that is too much, or refused, only what differs, a level at a time.
func (d *differ) trees(oids []storage.OID, isRoot bool) error {
	lacking := d.objects.lacking(oids)
	if len(lacking) == 0 {
		return nil
	}
	if isRoot {
		err := d.bring(lacking, filterBlobs)
		if !errors.Is(err, storage.ErrDiffTooLarge) && !errors.Is(err, wire.ErrFilterRefused) {
			return err
		}
	}
	return d.bring(lacking, filterBelow)
}

// blobs has contents brought. When they are too much for one commit, its files are not counted.
func (d *differ) blobs(oids []storage.OID, isOptional bool) error {
	lacking := d.objects.lacking(oids)
	if len(lacking) == 0 {
		return nil
	}
	err := d.bring(lacking, noFilter)
	if isOptional && errors.Is(err, storage.ErrDiffTooLarge) {
		return nil
	}
	return err
}

func (d *differ) bring(lacking []storage.OID, filter string) error {
	if d.need == nil {
		return fmt.Errorf("%w: object %s is missing: fetch the rest of a partial clone there, or run git fsck", storage.ErrNoObjects, lacking[0])
	}
	d.turn.give()
	if err := d.need(lacking, filter); err != nil {
		return err
	}
	return d.turn.take(d.ctx)
}

// plan finds renames without changes and gives the contents that the rest of the work reads.
func (d *differ) plan(one *diff) []storage.OID {
	one.renames = newRenames(d.objects, one.changes, d.options.MaxFile)
	candidates, isTooMany := one.renames.candidates()
	one.exactRenames = isTooMany
	one.dropOrigins()
	var oids []storage.OID
	add := func(files []*fileChange) {
		for _, c := range files {
			for _, of := range []side{c.old, c.now} {
				if of.hasBlob() && d.isRead(c) {
					oids = append(oids, of.oid)
				}
			}
		}
	}
	add(candidates)
	// What renames take off the list makes room for others.
	add(one.changes[:min(len(one.changes), d.options.MaxFiles+len(candidates))])
	return oids
}

// isRead tells whether the contents of a file are needed: not those of one that keeps its content, unless the patch takes it
// out and puts it in as another type.
func (d *differ) isRead(c *fileChange) bool {
	return c.old.oid != c.now.oid || d.options.MaxPatch > 0 && c.change() == storage.ChangeTypeChanged
}

// dropOrigins takes out the deletions that became the other half of a rename.
func (o *diff) dropOrigins() {
	o.changes = slices.DeleteFunc(o.changes, func(c *fileChange) bool { return c.isRename && !c.now.exists() })
}

// finish counts lines and writes the patch.
func (d *differ) finish(one *diff) (storage.Diff, error) {
	isTooMany, err := one.renames.findSimilar(d.ctx)
	if err != nil {
		return storage.Diff{}, err
	}
	one.dropOrigins()
	listed := one.changes[:min(len(one.changes), d.options.MaxFiles)]
	answer := storage.Diff{
		Commit: one.commit, Parent: one.parent, Total: len(one.changes), Files: make([]storage.FileChange, len(listed)),
		ExactRenames: one.exactRenames || isTooMany,
	}
	w := &patchWriter{context: d.options.Context, most: d.options.MaxPatch}
	for i, c := range listed {
		if err := d.ctx.Err(); err != nil {
			return storage.Diff{}, err
		}
		if err := d.file(c, w); err != nil {
			return storage.Diff{}, err
		}
		answer.Files[i] = c.inWords()
	}
	if d.options.MaxPatch > 0 {
		answer.Patch, answer.PatchTruncated = w.patch(), w.isTruncated || len(listed) < len(one.changes)
	}
	return answer, nil
}

// file finds out whether a file is binary, and if not, how many lines came and went, and writes its part of the patch.
func (d *differ) file(c *fileChange, w *patchWriter) error {
	if !d.isRead(c) {
		c.isCounted = true // nothing came or went, whatever the content is
		w.header(c)
		w.end()
		return nil
	}
	old, isOldHere, err := d.contentOf(c.old)
	if err != nil {
		return err
	}
	now, isNowHere, err := d.contentOf(c.now)
	if err != nil {
		return err
	}
	if !isOldHere || !isNowHere {
		w.isTruncated = true
		return nil
	}
	c.isOldBinary, c.isNowBinary = isBinary(old), isBinary(now)
	isWhole := len(old) == 0 || len(now) == 0 || c.old.isGitlink() || c.now.isGitlink()
	if !c.isBinary() && !isWhole && isCostly(old, now) {
		w.isTruncated = true
		return nil
	}
	c.isCounted = true
	var hunks func(write func(string)) error // counts the lines too; nil: there are none
	switch {
	case c.isBinary(), c.old.oid == c.now.oid:
	case isWhole:
		c.added, c.removed = lineCount(now), lineCount(old)
	case w.isFull:
		hunks = func(write func(string)) error { return d.compare(c, write, 0) }
	default:
		hunks = func(write func(string)) error { return d.compare(c, write, w.context) }
	}
	return w.file(c, old, now, hunks)
}

// compare counts the lines that came and went, and gives the pieces of the unified diff of two contents, which differ.
func (d *differ) compare(c *fileChange, write func(string), context int) error {
	return d.objects.diffBlobs(c.old, c.now, context, func(h git.DiffHunk) error {
		write(h.Header)
		return d.ctx.Err()
	}, func(l git.DiffLine) error {
		switch l.Origin {
		case git.DiffLineAddition:
			c.added++
		case git.DiffLineDeletion:
			c.removed++
		}
		switch l.Origin {
		case git.DiffLineContext, git.DiffLineAddition, git.DiffLineDeletion:
			write(string(rune(l.Origin)))
		}
		write(l.Content)
		return d.ctx.Err()
	})
}

// contentOf reads a side; empty if there is none. It reports false for one beyond the limit, or not brought.
func (d *differ) contentOf(s side) ([]byte, bool, error) {
	switch {
	case !s.exists():
		return nil, true, nil
	case s.isGitlink():
		return []byte(gitlinkText(s.oid)), true, nil
	}
	return d.objects.content(s.oid, d.options.MaxFile)
}

// lineCount counts lines, the last also without a newline at its end.
func lineCount(content []byte) int {
	n := bytes.Count(content, []byte{'\n'})
	if len(content) > 0 && content[len(content)-1] != '\n' {
		n++
	}
	return n
}

// inWords gives a change in the words of package storage.
func (c *fileChange) inWords() storage.FileChange {
	f := storage.FileChange{
		Path: readable(c.path), Change: c.change(), Added: c.added, Removed: c.removed, IsBinary: c.isBinary(), Uncounted: !c.isCounted,
	}
	if c.isRename {
		f.OldPath = readable(c.oldPath)
	}
	return f
}

// readable gives a path that is text as it is, and any other quoted.
func readable(path string) string {
	if utf8.ValidString(path) && !strings.HasPrefix(path, `"`) {
		return path
	}
	return quoted(path)
}
