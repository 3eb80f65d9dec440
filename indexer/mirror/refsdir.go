package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keytrail/storage"
)

// refsOnDisk are the refs of a repository as its files tell them: loose refs (gitrepository-layout(5)) before packed ones.
type refsOnDisk struct {
	head   string                 // the ref that HEAD names; "" when detached
	direct map[string]storage.OID // by full name
	broken map[string]string      // refs that cannot be read, and why
}

// maxSymbolic bounds how many symbolic refs are followed, as git does.
const maxSymbolic = 5

// readRefs reads all refs. Loose ones come first: git packs refs by writing the packed file before it removes loose
// ones, so nothing is missed meanwhile.
func readRefs(dirs gitDirs) (*refsOnDisk, error) {
	r := &refsOnDisk{direct: map[string]storage.OID{}, broken: map[string]string{}}
	symbolic := map[string]string{}
	if err := r.readLoose(dirs.common, symbolic); err != nil {
		return nil, err
	}
	if err := r.readPacked(filepath.Join(dirs.common, "packed-refs")); err != nil {
		return nil, err
	}
	for name, target := range symbolic {
		r.follow(name, target, symbolic)
	}
	head, err := os.ReadFile(filepath.Join(dirs.own, "HEAD"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRepository, err)
	}
	if target, ok := strings.CutPrefix(string(head), "ref: "); ok {
		r.head = strings.TrimSpace(target)
	}
	return r, nil
}

func (r *refsOnDisk) readLoose(gitDir string, symbolic map[string]string) error {
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
			symbolic[name] = strings.TrimSpace(target)
			return nil
		}
		oid, err := storage.ParseOID(text)
		if err != nil {
			r.broken[name] = "its file holds no object id"
			return nil
		}
		r.direct[name] = oid
		return nil
	})
}

func (r *refsOnDisk) readPacked(file string) error {
	packed, err := readPackedRefs(file)
	if err != nil {
		return err
	}
	for _, p := range packed {
		if _, isLoose := r.direct[p.name]; !isLoose && r.broken[p.name] == "" {
			r.direct[p.name] = p.oid
		}
	}
	return nil
}

// follow resolves a symbolic ref; one that leads nowhere is no ref, as in git.
func (r *refsOnDisk) follow(name, target string, symbolic map[string]string) {
	for range maxSymbolic {
		if oid, ok := r.direct[target]; ok {
			r.direct[name] = oid
			return
		}
		next, ok := symbolic[target]
		if !ok {
			return
		}
		target = next
	}
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
	damaged := fmt.Errorf("%w: the packed-refs file cannot be read", ErrCorrupt)
	const digits = 2 * len(storage.OID{})
	var refs []packedRef
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '^' {
			oid, err := storage.ParseOID(line[1:])
			if err != nil || len(refs) == 0 {
				return nil, damaged
			}
			refs[len(refs)-1].peeled = oid
			continue
		}
		if len(line) < digits+2 || line[digits] != ' ' {
			return nil, damaged
		}
		oid, err := storage.ParseOID(line[:digits])
		if err != nil {
			return nil, damaged
		}
		refs = append(refs, packedRef{name: line[digits+1:], oid: oid})
	}
	if lines.Err() != nil {
		return nil, damaged
	}
	return refs, nil
}
