package mirror

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// borrowerName is the directory of a borrower within the repository that it borrows from.
const borrowerName = "libgit2.fetch"

// borrower is the bare repository that libgit2 fetches into. It borrows the objects of one of ours, which complete a thin
// pack, and has neither configuration nor refs but those to negotiate from. What comes is handed over, and the borrower removed;
// that of a killed process is removed by bare.ready.
type borrower struct {
	dir  string
	from *objects
	home string // the git directory borrowed from
}

func newBorrower(from *objects) (*borrower, error) {
	home := from.repo.Path()
	b := &borrower{dir: filepath.Join(home, borrowerName), from: from, home: home}
	// The least that libgit2 takes for a repository (gitrepository-layout(5)).
	err := os.RemoveAll(b.dir)
	for _, dir := range []string{"refs", "objects/info", "objects/pack"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(b.dir, dir), 0o750))
	}
	// The alternate is relative to the directory of objects, so that no name in the path needs quoting.
	for name, content := range map[string]string{"HEAD": "ref: refs/heads/none\n", "objects/info/alternates": "../../objects\n"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o640))
	}
	if err != nil {
		b.remove()
		return nil, fmt.Errorf("make a repository for libgit2 to fetch into: %w", err)
	}
	return b, nil
}

// remove deletes the repository. What cannot be deleted now is when the next fetch begins.
func (b *borrower) remove() { _ = os.RemoveAll(b.dir) }

// offer writes refs for libgit2 to negotiate from, which takes them in the order of their names.
func (b *borrower) offer(haves []storage.OID) error {
	var refs strings.Builder
	for i, oid := range haves {
		if b.from.isCommit(oid) {
			fmt.Fprintf(&refs, "%s refs/keytrail/%06d\n", oid, i)
		}
	}
	if err := os.WriteFile(filepath.Join(b.dir, "packed-refs"), []byte(refs.String()), 0o640); err != nil {
		return fmt.Errorf("offer libgit2 what the mirror has: %w", err)
	}
	return nil
}

// isCommit reports whether an object is there and a commit.
func (o *objects) isCommit(oid storage.OID) bool {
	o.id = git.Oid(oid)
	_, kind, err := o.odb.ReadHeader(&o.id)
	return err == nil && kind == git.ObjectCommit
}

// handOver moves the packs to the repository borrowed from. libgit2 has synced them; a pack without its index is none to any
// reader, so that the index comes last.
func (b *borrower) handOver() error {
	from, to := filepath.Join(b.dir, "objects", "pack"), filepath.Join(b.home, "objects", "pack")
	indexes, err := filepath.Glob(filepath.Join(from, "*.idx"))
	if err != nil {
		return err
	}
	for _, index := range indexes {
		target := filepath.Join(to, filepath.Base(index))
		if _, err := os.Stat(target); err == nil {
			continue // its name is a hash of the objects: all are there
		}
		err := os.Rename(strings.TrimSuffix(index, ".idx")+".pack", strings.TrimSuffix(target, ".idx")+".pack")
		if err == nil {
			err = os.Rename(index, target)
		}
		if err != nil {
			return fmt.Errorf("hand libgit2's pack over to the mirror: %w", err)
		}
	}
	return syncDir(to)
}
