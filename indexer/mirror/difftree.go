package mirror

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// The types of what a tree holds, in the upper bits of its mode (git-fast-import(1), "filemodify").
const (
	modeType    = 0o170000
	modeTree    = 0o040000
	modeFile    = 0o100000
	modeLink    = 0o120000 // symbolic: its content is the target
	modeGitlink = 0o160000 // a commit of a submodule
)

// side is a file before or after a commit. Zero: there is none.
type side struct {
	oid  storage.OID
	mode uint32
}

func (s side) exists() bool    { return s.mode != 0 }
func (s side) isTree() bool    { return s.mode == modeTree }
func (s side) kind() uint32    { return s.mode & modeType }
func (s side) isGitlink() bool { return s.mode == modeGitlink }

// hasBlob tells that the content is an object of this repository.
func (s side) hasBlob() bool { return s.exists() && !s.isGitlink() }

// fileChange is one file of a diff, its paths in bytes as the trees have them.
type fileChange struct {
	path, oldPath string // equal but for a renamed file
	old, now      side
	isRename      bool
	similarity    int // of a renamed file, in percent
	isCounted     bool
	isOldBinary   bool
	isNowBinary   bool
	added         int
	removed       int
}

func (c *fileChange) isBinary() bool { return c.isOldBinary || c.isNowBinary }

// change says in the words of package storage what happened to the file.
func (c *fileChange) change() storage.Change {
	switch {
	case c.isRename:
		return storage.ChangeRenamed
	case !c.old.exists():
		return storage.ChangeAdded
	case !c.now.exists():
		return storage.ChangeDeleted
	case c.old.kind() != c.now.kind():
		return storage.ChangeTypeChanged
	}
	return storage.ChangeModified
}

// treePair is a directory before and after a commit. A zero name is an empty one.
type treePair struct {
	commit   int    // which of the commits asked for
	path     string // "" or ending with a slash
	old, now storage.OID
}

// maxCompared is how many files and directories that differ one request may have. A tree of a few objects can hold any
// number, when its directories are the same ones over and over.
const maxCompared = 500_000

// compareTrees gives the files that differ in each pair of root trees, sorted by path. It goes down level by level through
// the directories that differ, all pairs together, and has need bring the trees of each level that are not here.
func compareTrees(ctx context.Context, o *objects, roots []treePair, need func(oids []storage.OID, isRoot bool) error) ([][]*fileChange, error) {
	changes := make([][]*fileChange, len(roots))
	compared := 0
	for level, isRoot := roots, true; len(level) > 0; isRoot = false {
		var oids []storage.OID
		for _, p := range level {
			if p.old != p.now {
				oids = append(oids, p.old, p.now)
			}
		}
		oids = slices.DeleteFunc(oids, func(oid storage.OID) bool { return oid.IsZero() || oid.String() == emptyTree })
		if err := need(oids, isRoot); err != nil {
			return nil, err
		}
		var next []treePair
		for _, p := range level {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			files, below, err := p.compare(o)
			if err != nil {
				return nil, err
			}
			if compared += len(files) + len(below); compared > maxCompared {
				return nil, fmt.Errorf("%w: more than %d files and directories", storage.ErrDiffTooWide, maxCompared)
			}
			changes[p.commit] = append(changes[p.commit], files...)
			next = append(next, below...)
		}
		level = next
	}
	for _, c := range changes {
		slices.SortFunc(c, func(a, b *fileChange) int { return strings.Compare(a.path, b.path) })
	}
	return changes, nil
}

// compare gives the files of the directory that differ, and its directories that do.
func (p treePair) compare(o *objects) (files []*fileChange, below []treePair, err error) {
	if p.old == p.now {
		return nil, nil, nil
	}
	old, err := o.tree(p.old)
	if err != nil {
		return nil, nil, err
	}
	now, err := o.tree(p.now)
	if err != nil {
		return nil, nil, err
	}
	differ := func(name string, a, b side) {
		if a == b {
			return
		}
		down := treePair{commit: p.commit, path: p.path + name + "/"}
		if a.isTree() {
			down.old, a = a.oid, side{}
		}
		if b.isTree() {
			down.now, b = b.oid, side{}
		}
		if down.old != down.now {
			below = append(below, down)
		}
		if a.exists() || b.exists() {
			files = append(files, &fileChange{path: p.path + name, oldPath: p.path + name, old: a, now: b})
		}
	}
	for name, a := range old {
		differ(name, a, now[name])
	}
	for name, b := range now {
		if _, isKnown := old[name]; !isKnown {
			differ(name, side{}, b)
		}
	}
	return files, below, nil
}

// emptyTree names the tree without entries, which need not be stored.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// tree reads the entries of a tree.
func (o *objects) tree(oid storage.OID) (map[string]side, error) {
	entries := map[string]side{}
	if oid.IsZero() || oid.String() == emptyTree {
		return entries, nil
	}
	err := o.read(oid, func(kind git.ObjectType, content []byte) error {
		if kind != git.ObjectTree {
			return misplaced(oid, kind, "tree")
		}
		for len(content) > 0 {
			head, rest, ok := bytes.Cut(content, []byte{0})
			mode, name, isEntry := strings.Cut(string(head), " ")
			bits, err := strconv.ParseUint(mode, 8, 32)
			if !ok || !isEntry || err != nil || len(rest) < len(storage.OID{}) {
				return fmt.Errorf("%w: tree %s is cut short", ErrCorrupt, oid)
			}
			entries[name] = side{storage.OID(rest[:len(storage.OID{})]), canonicalMode(uint32(bits))}
			content = rest[len(storage.OID{}):]
		}
		return nil
	})
	return entries, err
}

// canonicalMode gives a mode the form that git writes today: old trees hold others, such as 100664.
func canonicalMode(mode uint32) uint32 {
	switch mode & modeType {
	case modeFile:
		if mode&0o100 != 0 {
			return modeFile | 0o755
		}
		return modeFile | 0o644
	case modeLink:
		return modeLink
	case modeTree:
		return modeTree
	}
	return modeGitlink
}
