package mirror

import (
	"errors"
	"path/filepath"

	git "github.com/libgit2/git2go/v34"

	"keytrail/indexer/mirror/packfile"
	"keytrail/storage"
)

// peeler finds the commits behind the refs of a repository: through package packfile, which takes a tenth of libgit2's time for tens of
// thousands of refs, and through libgit2 whatever that does not tell. It is for one goroutine.
type peeler struct {
	dirs    gitDirs
	store   *packfile.Store  // nil: package packfile cannot read the repository
	reader  *packfile.Reader // nil with store
	objects *objects         // nil until it is needed
	tag     []byte           // reused
}

func newPeeler(dirs gitDirs) (*peeler, error) {
	p := &peeler{dirs: dirs}
	store, err := packfile.Open(filepath.Join(dirs.common, "objects"), packfile.Options{})
	if err != nil {
		return p, nil
	}
	if p.reader, err = store.NewReader(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	p.store = store
	return p, nil
}

func (p *peeler) close() error {
	if p.objects != nil {
		p.objects.close()
	}
	if p.store == nil {
		return nil
	}
	p.reader.Close()
	return p.store.Close()
}

// peel is objects.peel.
func (p *peeler) peel(oid storage.OID) (storage.OID, error) {
	if p.store != nil {
		if target, kind, err := p.target(oid); err == nil {
			if kind != git.ObjectCommit {
				target = storage.OID{}
			}
			return target, nil
		}
	}
	if p.objects == nil {
		var err error
		if p.objects, err = openDirs(p.dirs); err != nil {
			return storage.OID{}, err
		}
	}
	return p.objects.peel(oid)
}

// target is objects.target.
func (p *peeler) target(oid storage.OID) (storage.OID, git.ObjectType, error) {
	t, err := p.reader.Type(oid)
	kind := git.ObjectType(t) // the numbers are those of packs in both
	for depth := 0; err == nil && kind == git.ObjectTag && depth < maxTagDepth; depth++ {
		if t, p.tag, err = p.reader.Read(oid, p.tag); err != nil {
			break
		}
		if t != packfile.Tag {
			return oid, kind, misplaced(oid, git.ObjectType(t), "tag")
		}
		oid, kind, err = parseTag(oid, p.tag)
	}
	return oid, kind, err
}
