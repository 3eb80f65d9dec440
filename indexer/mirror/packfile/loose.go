package packfile

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"keytrail/storage"
)

// maxLooseHead is how long the head of a loose object may be: its type, a space, its size and a NUL.
const maxLooseHead = 32

// loosePath is the file of a loose object.
func loosePath(dir string, oid *storage.OID) string {
	hex := oid.String()
	return filepath.Join(dir, hex[:2], hex[2:])
}

// looseReader reads loose objects: zlib streams whose size stands inside, which is why libdeflate, that wants to know it
// before, has no part in it. It belongs to one goroutine at a time.
type looseReader struct {
	file bufio.Reader
	z    io.ReadCloser // also a zlib.Resetter; nil before the first
	head bufio.Reader
}

// openLoose opens the file of an object.
func openLoose(dir string, oid *storage.OID) (*os.File, error) {
	f, err := os.Open(loosePath(dir, oid))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return f, err
}

// typeOf gives the type of an object of an objects directory.
func (l *looseReader) typeOf(dir string, oid *storage.OID) (Type, error) {
	f, err := openLoose(dir, oid)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	t, _, err := l.open(f)
	return t, err
}

// read gives an object of an objects directory, its content in buf where that is large enough.
func (l *looseReader) read(dir string, oid *storage.OID, maxSize int64, buf []byte) (Type, []byte, error) {
	f, err := openLoose(dir, oid)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	t, size, err := l.open(f)
	if err != nil {
		return 0, nil, err
	}
	if size > maxSize {
		return 0, nil, fmt.Errorf("%w: it has %d bytes", ErrTooLarge, size)
	}
	content := resize(buf, size)
	if _, err := io.ReadFull(&l.head, content); err != nil {
		return 0, nil, fmt.Errorf("%w: loose object: %w", ErrCorrupt, err)
	}
	if _, err := l.head.ReadByte(); err != io.EOF { // io.EOF: the checksum was right too
		return 0, nil, fmt.Errorf("%w: a loose object does not end where it says", ErrCorrupt)
	}
	return t, content, nil
}

// open begins an object and reads its head.
func (l *looseReader) open(f io.Reader) (Type, int64, error) {
	l.file.Reset(f)
	var err error
	if l.z == nil {
		l.z, err = zlib.NewReader(&l.file)
	} else {
		err = l.z.(zlib.Resetter).Reset(&l.file, nil)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w: loose object: %w", ErrCorrupt, err)
	}
	l.head.Reset(l.z)
	head, _ := l.head.Peek(maxLooseHead) // an object may be shorter
	end := bytes.IndexByte(head, 0)
	if end < 0 {
		return 0, 0, fmt.Errorf("%w: a loose object has no head", ErrCorrupt)
	}
	word, digits, _ := bytes.Cut(head[:end], []byte{' '})
	t, ok := parseType(string(word))
	size, err := strconv.ParseUint(string(digits), 10, 62)
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("%w: a loose object begins with %q", ErrCorrupt, head[:end])
	}
	_, err = l.head.Discard(end + 1)
	return t, int64(size), err
}

// parseType is the inverse of Type.String.
func parseType(word string) (Type, bool) {
	for t := Commit; t <= Tag; t++ {
		if t.String() == word {
			return t, true
		}
	}
	return 0, false
}

// resize gives a slice of that length, which is buf's memory where it is large enough.
func resize(buf []byte, n int64) []byte {
	if int64(cap(buf)) >= n {
		return buf[:n]
	}
	return make([]byte, n)
}
