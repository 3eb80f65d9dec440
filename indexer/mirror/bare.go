package mirror

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// bare is a bare repository of our own: a directory that nothing else writes to. Its refs are one packed-refs file,
// replaced as a whole, so that they change at one instant and no name can stand in another's way. For 23,000 refs that is a megabyte
// and a half, most of it copied in two pieces: about a millisecond.
type bare struct{ dir string }

func (b bare) dirs() gitDirs { return gitDirs{own: b.dir, common: b.dir} }

// ready makes the repository if it is missing, and removes what a crash left of a fetch.
func (b bare) ready() error {
	if _, err := os.Stat(filepath.Join(b.dir, "HEAD")); err == nil {
		return b.removeLeftovers()
	}
	if err := os.MkdirAll(filepath.Dir(b.dir), 0o750); err != nil {
		return fmt.Errorf("make the mirror: %w", err)
	}
	repo, err := git.InitRepository(b.dir, true)
	if err != nil {
		return fmt.Errorf("make the mirror: %w", err)
	}
	repo.Free()
	return nil
}

// removeLeftovers deletes half-received and half-removed packs and locks, and what is half removed.
func (b bare) removeLeftovers() error {
	for _, dir := range []string{b.dir + goneSuffix, filepath.Join(b.dir, borrowerName)} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clean the mirror: %w", err)
		}
	}
	_, left, err := b.packs()
	if err != nil {
		return err
	}
	for _, pattern := range []string{"objects/pack/pack_git2_*", "objects/pack/tmp_*", "objects/pack/*.lock", "*.lock", "packed-refs.new", "HEAD.new"} {
		matches, err := filepath.Glob(filepath.Join(b.dir, pattern))
		if err != nil {
			return err
		}
		left = append(left, matches...)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("clean the mirror: %w", err)
		}
	}
	return nil
}

// remove deletes the repository and the files beside it.
func (b bare) remove() error {
	// Set aside first, so that a crash does not leave half a repository.
	err := os.Rename(b.dir, b.dir+goneSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	errs := []error{err}
	for _, suffix := range []string{filterSuffix, undeliveredSuffix, slicesSuffix, goneSuffix} {
		errs = append(errs, os.RemoveAll(b.dir+suffix))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the mirror: %w", err)
	}
	return nil
}

// goneSuffix marks a repository that is being removed.
const goneSuffix = ".gone"

// refs reads the refs as they were last written.
func (b bare) refs() (packedRefs, error) { return b.refsInto(nil) }

// refsInto is refs with memory to keep them in.
func (b bare) refsInto(room []byte) (packedRefs, error) {
	return readSortedRefs(filepath.Join(b.dir, "packed-refs"), room)
}

// editRefs changes some of the refs as they are, see packedRefs.edit, and what HEAD names unless that is empty. All change at one instant.
func (b bare) editRefs(refs packedRefs, edits []packedRef, head string) error {
	if err := b.setHead(head); err != nil {
		return fmt.Errorf("write the mirror's refs: %w", err)
	}
	if len(edits) == 0 {
		return nil
	}
	slices.SortFunc(edits, func(r, s packedRef) int { return strings.Compare(r.name, s.name) })
	err := replaceFile(filepath.Join(b.dir, "packed-refs"), func(w *bufio.Writer) { refs.edit(w, edits) })
	if err != nil {
		return fmt.Errorf("write the mirror's refs: %w", err)
	}
	return nil
}

// setHead replaces what HEAD names, unless it is that, or nothing.
func (b bare) setHead(head string) error {
	path, content := filepath.Join(b.dir, "HEAD"), "ref: "+head+"\n"
	if before, err := os.ReadFile(path); head == "" || err == nil && string(before) == content {
		return nil
	}
	return putFile(path, func(w *bufio.Writer) { w.WriteString(content) })
}

// replaceFile writes a file aside, syncs it and puts it in place, so that a crash leaves the old or the new one.
func replaceFile(path string, write func(*bufio.Writer)) error {
	if err := putFile(path, write); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// putFile is replaceFile for a file that may be the old one again after a power cut.
func putFile(path string, write func(*bufio.Writer)) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	write(w)
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// syncDir makes the names in a directory survive a power cut.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// lacking gives those of the objects that the repository does not have, each once.
func (o *objects) lacking(oids []storage.OID) []storage.OID { return without(oids, o.exists) }

// lacking gives those of the objects that are not here, each once. Of a repository without packs none is looked for: the directory is
// listed again for each that is not found.
func (b bare) lacking(l *lookup, oids []storage.OID) ([]storage.OID, error) {
	packs, _, err := b.packs()
	if err != nil || len(packs) > 0 {
		return without(oids, l.exists), err
	}
	return without(oids, func(storage.OID) bool { return false }), nil
}

// without gives the objects that are not here, each once.
func without(oids []storage.OID, isHere func(storage.OID) bool) []storage.OID {
	asked := make(map[storage.OID]bool, len(oids))
	var list []storage.OID
	for _, oid := range oids {
		if !asked[oid] && !isHere(oid) {
			list = append(list, oid)
		}
		asked[oid] = true
	}
	return list
}
