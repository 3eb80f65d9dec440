package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	git "github.com/libgit2/git2go/v34"

	"keytrail/indexer/mirror/packfile"
	"keytrail/storage"
)

// lookup tells of single objects of a repository: through package packfile, which takes a tenth of libgit2's time for tens of
// thousands of refs, and through libgit2 whatever that does not tell. It is for one goroutine.
type lookup struct {
	dirs    gitDirs
	store   *packfile.Store  // nil: package packfile cannot read the repository
	reader  *packfile.Reader // nil with store
	objects *objects         // nil until it is needed
	content []byte           // reused
}

func newLookup(dirs gitDirs) (*lookup, error) {
	l := &lookup{dirs: dirs}
	store, err := packfile.Open(filepath.Join(dirs.common, "objects"), packfile.Options{})
	if err != nil {
		_, err = l.libgit2()
		return l, err
	}
	if l.reader, err = store.NewReader(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	l.store = store
	return l, nil
}

func (l *lookup) close() error {
	if l.objects != nil {
		l.objects.close()
	}
	if l.store == nil {
		return nil
	}
	l.reader.Close()
	return l.store.Close()
}

// libgit2 opens the repository through it when it is first needed.
func (l *lookup) libgit2() (*objects, error) {
	if l.objects == nil {
		var err error
		if l.objects, err = openDirs(l.dirs); err != nil {
			return nil, err
		}
	}
	return l.objects, nil
}

// exists reports whether an object is there.
func (l *lookup) exists(oid storage.OID) bool {
	if l.store != nil {
		if has, err := l.reader.Has(oid); err == nil {
			return has
		}
	}
	o, err := l.libgit2()
	return err == nil && o.exists(oid)
}

// peel is objects.peel.
func (l *lookup) peel(oid storage.OID) (storage.OID, error) {
	target, kind, err := l.target(oid)
	if err != nil || kind != git.ObjectCommit {
		return storage.OID{}, err
	}
	return target, nil
}

// target is objects.target.
func (l *lookup) target(oid storage.OID) (storage.OID, git.ObjectType, error) {
	if l.store != nil {
		if target, kind, err := l.follow(oid); err == nil {
			return target, kind, nil
		}
	}
	o, err := l.libgit2()
	if err != nil {
		return storage.OID{}, 0, err
	}
	return o.target(oid)
}

// follow is target through package packfile.
func (l *lookup) follow(oid storage.OID) (storage.OID, git.ObjectType, error) {
	t, err := l.reader.Type(oid)
	kind := git.ObjectType(t) // the numbers are those of packs in both
	for depth := 0; err == nil && kind == git.ObjectTag && depth < maxTagDepth; depth++ {
		if t, l.content, err = l.reader.Read(oid, l.content); err != nil {
			break
		}
		if t != packfile.Tag {
			return oid, kind, misplaced(oid, git.ObjectType(t), "tag")
		}
		oid, kind, err = parseTag(oid, l.content)
	}
	return oid, kind, err
}

// firstParent gives the first parent of a commit; zero if it has none, or cannot be read: who asks can do without.
func (l *lookup) firstParent(oid storage.OID) storage.OID {
	if l.store == nil {
		return storage.OID{}
	}
	t, content, err := l.reader.Read(oid, l.content)
	if err != nil || t != packfile.Commit {
		return storage.OID{}
	}
	l.content = content
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	name, ok := bytes.CutPrefix(line, []byte("parent "))
	if !ok {
		return storage.OID{}
	}
	parent, err := storage.ParseOID(string(name))
	if err != nil {
		return storage.OID{}
	}
	return parent
}

// packed gives a ref as it stands in packed-refs, if its object, and what a tag points at, are here.
func (l *lookup) packed(r Ref) (p packedRef, ok bool, err error) {
	if !l.exists(r.OID) {
		return p, false, nil
	}
	target, _, err := l.target(r.OID)
	if err != nil {
		return p, false, fmt.Errorf("ref %q: %w", r.Name, err)
	}
	p = packedRef{name: r.Name, oid: r.OID}
	if target != r.OID {
		p.peeled = target
	}
	return p, target == r.OID || l.exists(target), nil
}
