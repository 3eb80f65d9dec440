package packfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

const (
	packHead    = 12 // signature, version, number of objects
	packTrailer = 20 // checksum

	// maxChain is how many deltas may lie on each other. It is git's own limit for the packs that it writes.
	maxChain = 1<<12 - 1
)

// pack is a pack with its index, mapped. It never changes; the count of its users is the Store's.
type pack struct {
	name  string // path without the extension
	data  []byte
	end   int64 // where the entries end
	index *index
	rev   []byte // the positions in the order of offsets, of 4 bytes each; nil without a .rev file

	maps  []mapping
	users int // sets that hold the pack; guarded by Store.mu
}

// openPack maps name.pack, name.idx and, where there is one, name.rev.
func openPack(name string) (_ *pack, err error) {
	var maps []mapping
	defer func() {
		if err != nil {
			unmapAll(maps)
		}
	}()
	for _, ext := range []string{".pack", ".idx", ".rev"} {
		m, err := mapFile(name + ext)
		if ext == ".rev" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrCorrupt)) {
			break // it only spares work
		}
		if err != nil {
			return nil, err
		}
		maps = append(maps, m)
	}
	return newPack(name, maps)
}

// newPack makes a pack of its two or three files. It takes the maps over when there is no error.
func newPack(name string, maps []mapping) (*pack, error) {
	p := &pack{name: name, data: maps[0].data, end: int64(len(maps[0].data)) - packTrailer, maps: maps}
	var err error
	if p.index, err = newIndex(maps[1].data); err != nil {
		return nil, fmt.Errorf("%s.idx: %w", name, err)
	}
	if err := p.checkHead(); err != nil {
		return nil, fmt.Errorf("%s.pack: %w", name, err)
	}
	if len(maps) > 2 {
		p.rev = p.readRev(maps[2].data)
	}
	maps[0].expectRandom()
	return p, nil
}

// checkHead checks that the pack is one, and that the index is its index.
func (p *pack) checkHead() error {
	if p.end < packHead || !bytes.HasPrefix(p.data, []byte("PACK")) {
		return fmt.Errorf("%w: it is no pack", ErrCorrupt)
	}
	if v := binary.BigEndian.Uint32(p.data[4:]); v != 2 && v != 3 {
		return fmt.Errorf("%w: it is of version %d", ErrOdd, v)
	}
	if n := binary.BigEndian.Uint32(p.data[8:]); int64(n) != int64(p.index.count) {
		return fmt.Errorf("%w: it has %d objects and its index %d", ErrCorrupt, n, p.index.count)
	}
	if !bytes.Equal(p.data[p.end:], p.index.packSum) {
		return fmt.Errorf("%w: its index is that of another pack", ErrCorrupt)
	}
	return nil
}

// readRev gives the positions of a reverse index (gitformat-pack(5), pack-*.rev). One that is not as expected is not used.
func (p *pack) readRev(data []byte) []byte {
	const head = "RIDX\x00\x00\x00\x01\x00\x00\x00\x01" // signature, version, SHA-1
	trailer := len(data) - 2*packTrailer
	if trailer != len(head)+4*p.index.count || !bytes.HasPrefix(data, []byte(head)) ||
		!bytes.Equal(data[trailer:][:packTrailer], p.index.packSum) {
		return nil
	}
	return data[len(head):trailer]
}

func unmapAll(maps []mapping) {
	for _, m := range maps {
		m.unmap()
	}
}

// corrupt is the error of an entry.
func (p *pack) corrupt(at int64, what string) error {
	return fmt.Errorf("%w: %s: the entry at %d %s", ErrCorrupt, filepath.Base(p.name)+".pack", at, what)
}
