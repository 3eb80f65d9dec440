package mirror

import (
	"fmt"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// objects reads the objects of one repository through a libgit2 handle of its own. It is for one goroutine.
type objects struct {
	repo *git.Repository
	odb  *git.Odb
	id   git.Oid // of the present call: libgit2 wants a pointer
}

// openObjects opens the repository whose git directory is dir.
func openObjects(dir string) (*objects, error) {
	repo, err := git.OpenRepositoryExtended(dir, git.RepositoryOpenNoSearch|git.RepositoryOpenNoDotGit, "")
	if err != nil {
		return nil, err
	}
	odb, err := repo.Odb()
	if err != nil {
		repo.Free()
		return nil, err
	}
	return &objects{repo: repo, odb: odb}, nil
}

// close frees the handle and what it holds open.
func (o *objects) close() {
	o.odb.Free()
	o.repo.Free()
}

// exists reports whether an object is there.
func (o *objects) exists(oid storage.OID) bool {
	o.id = git.Oid(oid)
	return o.odb.Exists(&o.id)
}

// read calls use with the type and content of an object, which is gone afterwards.
func (o *objects) read(oid storage.OID, use func(kind git.ObjectType, content []byte) error) error {
	o.id = git.Oid(oid)
	object, err := o.odb.Read(&o.id)
	if err != nil {
		return corruptObject(oid, err)
	}
	defer object.Free()
	return use(object.Type(), object.Data())
}

// commit reads and decodes a commit.
func (o *objects) commit(oid storage.OID) (c storage.Commit, err error) {
	err = o.read(oid, func(kind git.ObjectType, content []byte) error {
		if kind != git.ObjectCommit {
			return misplaced(oid, kind, "commit")
		}
		if c, err = parseCommit(oid, content); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	})
	return c, err
}

// maxTagDepth bounds how many tags of tags are followed. Names are hashes, so there are no circles, but chains cost.
const maxTagDepth = 1000

// peel gives the commit that an object is or, as a tag, finally points at; zero if that is a tree or blob. An object that
// is not there is ErrCorrupt; what a tag says of its target's type is believed.
func (o *objects) peel(oid storage.OID) (storage.OID, error) {
	target, kind, err := o.target(oid)
	if err != nil || kind != git.ObjectCommit {
		return storage.OID{}, err
	}
	return target, nil
}

// target follows tags to what is no tag. That it is there is not looked at, unless it is oid itself.
func (o *objects) target(oid storage.OID) (target storage.OID, kind git.ObjectType, err error) {
	o.id = git.Oid(oid)
	_, kind, err = o.odb.ReadHeader(&o.id)
	if err != nil {
		return oid, kind, corruptObject(oid, err)
	}
	for depth := 0; kind == git.ObjectTag; depth++ {
		if depth == maxTagDepth {
			return oid, kind, nil
		}
		err = o.read(oid, func(actual git.ObjectType, content []byte) (err error) {
			if actual != git.ObjectTag {
				return misplaced(oid, actual, "tag")
			}
			oid, kind, err = parseTag(oid, content)
			return err
		})
		if err != nil {
			return oid, kind, err
		}
	}
	return oid, kind, nil
}

// parseTag reads what an annotated tag points at: its first two lines, "object …" and "type …".
func parseTag(oid storage.OID, content []byte) (target storage.OID, kind git.ObjectType, err error) {
	head := string(content[:min(len(content), 100)])
	object, rest, _ := strings.Cut(head, "\n")
	name, _, _ := strings.Cut(rest, "\n")
	target, err = storage.ParseOID(strings.TrimPrefix(object, "object "))
	if err != nil {
		return target, kind, fmt.Errorf("%w: tag %s: %w", ErrCorrupt, oid, err)
	}
	switch name {
	case "type commit":
		kind = git.ObjectCommit
	case "type tag":
		kind = git.ObjectTag
	case "type tree":
		kind = git.ObjectTree
	case "type blob":
		kind = git.ObjectBlob
	default:
		return target, kind, fmt.Errorf("%w: tag %s: it does not say what it points at", ErrCorrupt, oid)
	}
	return target, kind, nil
}

// misplaced is the error of an object that is not what the one that names it says.
func misplaced(oid storage.OID, kind git.ObjectType, wanted string) error {
	return fmt.Errorf("%w: object %s is a %s where a %s belongs", ErrCorrupt, oid, strings.ToLower(kind.String()), wanted)
}
