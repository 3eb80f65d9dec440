package packfile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// mapping is a file in memory. It outlives the removal of the file.
type mapping struct {
	data []byte
	info fs.FileInfo // what was mapped, to tell it from a later file of the same name
}

// mapFile maps a whole file for reading. It keeps no file descriptor.
func mapFile(path string) (mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return mapping{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return mapping{}, err
	}
	if info.Size() == 0 || !info.Mode().IsRegular() || int64(int(info.Size())) != info.Size() {
		return mapping{}, fmt.Errorf("%w: %s is empty or no file that can be mapped", ErrCorrupt, path)
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return mapping{}, fmt.Errorf("map %s: %w", path, err)
	}
	return mapping{data, info}, nil
}

// unmap ends the mapping. Nothing may hold a part of data any more. The zero mapping is none.
func (m mapping) unmap() {
	if m.data != nil {
		_ = syscall.Munmap(m.data) // fails only for what was never mapped
	}
}

// isFile tells whether the file of that description is the one that was mapped.
func (m mapping) isFile(info fs.FileInfo) bool {
	return os.SameFile(m.info, info) && m.info.Size() == info.Size() && m.info.ModTime().Equal(info.ModTime())
}

// willNeed lets the system read data[from:to] ahead. The kernel's own guess for a mapping is made for reading
// it from end to end, and would read the trees and blobs between the commits.
func (m mapping) willNeed(from, to int) {
	page := os.Getpagesize()
	from -= from % page
	if to = min(to, len(m.data)); from < to {
		_ = syscall.Madvise(m.data[from:to], syscall.MADV_WILLNEED) // advice: no harm where it is not taken
	}
}

// expectRandom turns the system's own reading ahead off.
func (m mapping) expectRandom() {
	_ = syscall.Madvise(m.data, syscall.MADV_RANDOM) // see willNeed
}
