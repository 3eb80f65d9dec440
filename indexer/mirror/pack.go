package mirror

import (
	"bufio"
	"context"
	"fmt"

	git "github.com/libgit2/git2go/v34"
)

// packWriter takes a pack as it comes from the wire. libgit2 indexes it, completes it if it is thin, and syncs it.
type packWriter struct {
	ctx      context.Context
	dir      string
	pack     *git.OdbWritepack
	buffer   *bufio.Writer
	stats    git.TransferProgress // as libgit2 told last
	received int64
	progress func(Progress)
}

// packChunk is how much goes to libgit2 at a time, in bytes.
const packChunk = 64 << 10

// newPackWriter begins a pack. Cancelling the context ends also what libgit2 does after the last byte.
func newPackWriter(ctx context.Context, o *objects, progress func(Progress)) (*packWriter, error) {
	w := &packWriter{ctx: ctx, dir: o.repo.Path(), progress: progress}
	pack, err := o.odb.NewWritePack(func(stats git.TransferProgress) error {
		w.stats = stats
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("begin a pack: %w", err)
	}
	w.pack = pack
	w.buffer = bufio.NewWriterSize(packSink{w}, packChunk)
	return w, nil
}

// Write takes the next bytes of the pack.
func (w *packWriter) Write(b []byte) (int, error) {
	w.received += int64(len(b))
	return w.buffer.Write(b)
}

// commit ends the pack and makes its objects available. A server with nothing to send may send no pack at all.
func (w *packWriter) commit() error {
	if err := w.buffer.Flush(); err != nil {
		return err
	}
	if w.received == 0 {
		return nil
	}
	if err := w.pack.Commit(); err != nil {
		return packError(w.ctx, err)
	}
	return nil
}

// free releases the pack; what was received of one that is not committed is removed.
func (w *packWriter) free() { w.pack.Free() }

// packSink hands chunks to libgit2.
type packSink struct{ w *packWriter }

func (s packSink) Write(b []byte) (int, error) {
	if err := checkSpace(s.w.dir, len(b)); err != nil {
		return 0, err
	}
	n, err := s.w.pack.Write(b)
	if err != nil {
		return n, packError(s.w.ctx, err)
	}
	if s.w.progress != nil {
		s.w.progress(Progress{Bytes: s.w.received, Objects: int(s.w.stats.ReceivedObjects), Total: int(s.w.stats.TotalObjects)})
	}
	return n, nil
}

// packError is the error of a pack that libgit2 does not take: the caller's end, the disk, or the server.
func packError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if classified := classify(err); classified != err {
		return classified
	}
	return fmt.Errorf("the pack received is damaged; it is asked for again at the next look: %w", err)
}
