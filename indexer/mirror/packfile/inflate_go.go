//go:build !cgo || nolibdeflate

package packfile

import (
	"bytes"
	"compress/zlib"
	"io"
)

// Inflate names the library that inflates.
const Inflate = "compress/zlib"

// inflater inflates streams. It belongs to one goroutine at a time.
type inflater struct {
	src bytes.Reader
	z   io.ReadCloser // also a zlib.Resetter; nil before the first stream that begins well
}

func newInflater() (*inflater, error) { return new(inflater), nil }

func (f *inflater) close() {}

// inflate inflates streams of src into dst.
func (f *inflater) inflate(src, dst []byte, streams []stream) {
	for i := range streams {
		s := &streams[i]
		s.bad = 1
		if s.in > uint64(len(src)) || s.out > uint64(len(dst)) || s.len > uint64(len(dst))-s.out {
			continue
		}
		if f.one(src[s.in:], dst[s.out:][:s.len]) == nil {
			s.bad = 0
		}
	}
}

func (f *inflater) one(src, dst []byte) error {
	f.src.Reset(src)
	if f.z == nil {
		z, err := zlib.NewReader(&f.src)
		if err != nil {
			return err
		}
		f.z = z
	} else if err := f.z.(zlib.Resetter).Reset(&f.src, nil); err != nil {
		return err
	}
	if _, err := io.ReadFull(f.z, dst); err != nil {
		return err
	}
	var more [1]byte
	if n, err := f.z.Read(more[:]); n != 0 || err != io.EOF { // io.EOF: the checksum was right too
		return zlib.ErrChecksum
	}
	return nil
}
