//go:build cgo && !nolibdeflate

package packfile

/*
#cgo pkg-config: libdeflate
#cgo noescape inflate_streams
#cgo nocallback inflate_streams
#include <stdint.h>
#include <libdeflate.h>

struct stream { uint64_t in, out, len, bad; };

static void inflate_streams(struct libdeflate_decompressor *d, const uint8_t *src, uint64_t src_len,
                            uint8_t *dst, uint64_t dst_len, struct stream *streams, uint64_t n)
{
	for (struct stream *s = streams; s < streams + n; s++)
		s->bad = s->in > src_len || s->out > dst_len || s->len > dst_len - s->out ||
			libdeflate_zlib_decompress(d, src + s->in, src_len - s->in, dst + s->out, s->len, NULL) != LIBDEFLATE_SUCCESS;
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Inflate names the library that inflates.
const Inflate = "libdeflate"

// inflater inflates many streams in one call into C, since the call would cost as much as a short stream. It belongs to one
// goroutine at a time.
type inflater struct {
	d *C.struct_libdeflate_decompressor
}

func newInflater() (*inflater, error) {
	d := C.libdeflate_alloc_decompressor()
	if d == nil {
		return nil, errors.New("libdeflate: out of memory")
	}
	return &inflater{d}, nil
}

// close frees the C memory.
func (f *inflater) close() { C.libdeflate_free_decompressor(f.d) }

var _ [unsafe.Sizeof(C.struct_stream{})]byte = [unsafe.Sizeof(stream{})]byte{}

// inflate inflates streams of src into dst.
func (f *inflater) inflate(src, dst []byte, streams []stream) {
	if len(streams) == 0 {
		return
	}
	C.inflate_streams(f.d,
		(*C.uint8_t)(unsafe.SliceData(src)), C.uint64_t(len(src)),
		(*C.uint8_t)(unsafe.SliceData(dst)), C.uint64_t(len(dst)),
		(*C.struct_stream)(unsafe.Pointer(unsafe.SliceData(streams))), C.uint64_t(len(streams)))
}
