package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keytrail/storage"
)

// refsOnDisk are the refs of a repository as its files tell them: loose refs (gitrepository-layout(5)) before packed ones.
type refsOnDisk struct {
	head     string                 // the ref that HEAD names; "" when detached
	direct   []packedRef            // sorted by name; not peeled
	symbolic map[string]string      // the refs that name another one
	loose    map[string]storage.OID // the direct ones with files of their own
	broken   map[string]string      // refs that cannot be read, and why
}

// maxSymbolic bounds how many symbolic refs are followed, as git does.
const maxSymbolic = 5

// readRefs reads all refs. Loose ones come first: git packs refs by writing the packed file before it removes loose
// ones, so nothing is missed meanwhile.
func readRefs(dirs gitDirs) (*refsOnDisk, error) {
	r := &refsOnDisk{symbolic: map[string]string{}, loose: map[string]storage.OID{}, broken: map[string]string{}}
	if err := r.readLoose(dirs.common); err != nil {
		return nil, err
	}
	packed, err := readPackedRefs(filepath.Join(dirs.common, "packed-refs"))
	if err != nil {
		return nil, err
	}
	r.merge(packed)
	head, err := os.ReadFile(filepath.Join(dirs.own, "HEAD"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRepository, err)
	}
	if target, ok := strings.CutPrefix(string(head), "ref: "); ok {
		r.head = strings.TrimSpace(target)
	}
	return r, nil
}

func (r *refsOnDisk) readLoose(gitDir string) error {
	root := filepath.Join(gitDir, "refs")
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted or packed since its directory was listed
		}
		if err != nil {
			return fmt.Errorf("read refs: %w", err)
		}
		if entry.IsDir() || strings.HasSuffix(path, ".lock") {
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read refs: %w", err)
		}
		name := "refs/" + filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		text := strings.TrimRight(string(content), "\r\n\t ")
		if target, ok := strings.CutPrefix(text, "ref: "); ok {
			r.symbolic[name] = strings.TrimSpace(target)
			return nil
		}
		oid, err := storage.ParseOID(text)
		if err != nil {
			r.broken[name] = "its file holds no object id"
			return nil
		}
		r.loose[name] = oid
		return nil
	})
}

// merge makes direct of the packed refs that no file overrides, the loose ones, and the symbolic ones that lead to one of
// these. A symbolic ref that leads nowhere is no ref, as in git.
func (r *refsOnDisk) merge(packed []packedRef) {
	byName := func(p, q packedRef) int { return strings.Compare(p.name, q.name) }
	if !slices.IsSortedFunc(packed, byName) { // as files of git before 2.17 may be
		slices.SortFunc(packed, byName)
	}
	target := func(name string) (storage.OID, bool) {
		if oid, ok := r.loose[name]; ok {
			return oid, true
		}
		i, ok := slices.BinarySearchFunc(packed, name, func(p packedRef, name string) int { return strings.Compare(p.name, name) })
		if !ok {
			return storage.OID{}, false
		}
		return packed[i].oid, true
	}
	var others []packedRef
	for name, oid := range r.loose {
		others = append(others, packedRef{name: name, oid: oid})
	}
	for name := range r.symbolic {
		if oid, ok := target(r.follow(name)); ok {
			others = append(others, packedRef{name: name, oid: oid})
		}
	}
	if len(others)+len(r.broken)+len(r.symbolic) == 0 {
		r.direct = packed
		return
	}
	for _, p := range packed {
		_, isLoose := r.loose[p.name]
		_, isSymbolic := r.symbolic[p.name]
		_, isBroken := r.broken[p.name]
		if !isLoose && !isSymbolic && !isBroken {
			others = append(others, p)
		}
	}
	slices.SortFunc(others, byName)
	r.direct = others
}

// follow gives the ref that is behind a symbolic one.
func (r *refsOnDisk) follow(name string) string {
	for range maxSymbolic {
		next, ok := r.symbolic[name]
		if !ok {
			break
		}
		name = next
	}
	return name
}

// packedRef is a line of a packed-refs file.
type packedRef struct {
	name   string
	oid    storage.OID
	peeled storage.OID // of an annotated tag; zero otherwise
}

// readPackedRefs reads a packed-refs file (git-pack-refs(1)); none is an empty one.
func readPackedRefs(file string) ([]packedRef, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return parsePackedRefs(content)
}

// parsePackedRefs reads all refs of a packed-refs file's content.
func parsePackedRefs(content []byte) ([]packedRef, error) {
	refs := make([]packedRef, 0, bytes.Count(content, []byte("\n")))
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '^' {
			oid, err := storage.ParseOID(line[1:])
			if err != nil || len(refs) == 0 {
				return nil, errPackedRefs
			}
			refs[len(refs)-1].peeled = oid
			continue
		}
		if len(line) < oidDigits+2 || line[oidDigits] != ' ' {
			return nil, errPackedRefs
		}
		oid, err := storage.ParseOID(line[:oidDigits])
		if err != nil {
			return nil, errPackedRefs
		}
		refs = append(refs, packedRef{name: line[oidDigits+1:], oid: oid})
	}
	return refs, nil
}
