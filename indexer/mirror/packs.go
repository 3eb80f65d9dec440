package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keytrail/storage"
)

// packFile is a pack with its index.
type packFile struct {
	path       string // without extension
	size       int64  // bytes
	isPromisor bool
}

// The files of a pack. A promisor pack's objects may refer to what its sender left out and keeps (partial-clone.txt in
// git's Documentation/technical).
const (
	packExt     = ".pack"
	indexExt    = ".idx"
	promisorExt = ".promisor"
)

func (b bare) packDir() string { return filepath.Join(b.dir, "objects", "pack") }

// packs lists the packs, and the files of packs that are not whole: a crash left them.
func (b bare) packs() (packs []packFile, broken []string, err error) {
	entries, err := os.ReadDir(b.packDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the mirror's packs: %w", err)
	}
	has := make(map[string]bool, len(entries))
	for _, e := range entries {
		has[e.Name()] = true
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext)
		isWhole := has[name+packExt] && has[name+indexExt]
		switch {
		case !strings.HasPrefix(name, "pack-"):
		case !isWhole && (ext == packExt || ext == indexExt || ext == promisorExt):
			broken = append(broken, filepath.Join(b.packDir(), e.Name()))
		case ext == packExt:
			info, err := e.Info()
			if err != nil {
				return nil, nil, fmt.Errorf("list the mirror's packs: %w", err)
			}
			packs = append(packs, packFile{filepath.Join(b.packDir(), name), info.Size(), has[name+promisorExt]})
		}
	}
	return packs, broken, nil
}

// objects reads the names of all objects of a pack from its index (version 2 in git's gitformat-pack).
func (p packFile) objects() ([]storage.OID, error) {
	f, err := os.Open(p.path + indexExt)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const words = 2 + 256 // the signature, then how many names begin with at most each byte
	head := make([]byte, 4*words)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:8]) != "\xfftOc\x00\x00\x00\x02" {
		return nil, fmt.Errorf("%w: %s is no index of a pack", ErrCorrupt, p.path+indexExt)
	}
	names := make([]byte, int64(binary.BigEndian.Uint32(head[4*(words-1):]))*int64(len(storage.OID{})))
	if _, err := io.ReadFull(f, names); err != nil {
		return nil, fmt.Errorf("%w: %s is cut short", ErrCorrupt, p.path+indexExt)
	}
	oids := make([]storage.OID, 0, len(names)/len(storage.OID{}))
	for ; len(names) > 0; names = names[len(storage.OID{}):] {
		oids = append(oids, storage.OID(names[:len(storage.OID{})]))
	}
	return oids, nil
}

// remove deletes a pack, its index first: without it nobody looks for the pack.
func (p packFile) remove() error {
	for _, ext := range []string{indexExt, packExt, promisorExt} {
		if err := os.Remove(p.path + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a pack: %w", err)
		}
	}
	return nil
}

// markPromisor tells git, should an operator run it here, that what the pack refers to is elsewhere.
func (p packFile) markPromisor() error {
	if p.isPromisor {
		return nil
	}
	if err := os.WriteFile(p.path+promisorExt, nil, 0o644); err != nil {
		return fmt.Errorf("mark a pack: %w", err)
	}
	return nil
}
