package wire

import (
	"bytes"
	"fmt"
	"io"

	"keytrail/storage"
)

// The first byte of a side-band packet (gitprotocol-pack.txt).
const (
	bandPack     = 1
	bandProgress = 2
	bandFatal    = 3
)

// packSink writes the pack out and counts it.
type packSink struct {
	w     io.Writer
	n     int64
	limit int64 // 0: none

	shallow []storage.OID // the server's boundary, told before the pack
}

func (s *packSink) write(b []byte) error {
	s.n += int64(len(b))
	if s.limit > 0 && s.n > s.limit {
		return problem(ErrTooLarge, "the pack has more than the allowed %d bytes: raise the limit if this repository is to be indexed", s.limit)
	}
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("store the pack: %w", err)
	}
	return nil
}

// sideband takes packets up to the flush, the first of them at hand unless it is nil. Empty packets are keep-alives.
func (s *packSink) sideband(p *pktReader, line []byte) error {
	kind := pktData
	for {
		if line != nil {
			if err := s.packet(line); err != nil {
				return err
			}
		}
		var err error
		if kind, line, err = p.next(); err != nil {
			return cut(err)
		}
		switch {
		case kind == pktFlush && s.n == 0:
			return problem(ErrTruncated, "the answer ends before the pack begins")
		case kind == pktFlush:
			return nil
		case kind != pktData:
			return problem(ErrProtocol, "a marker %04x within the pack", kind)
		}
	}
}

func (s *packSink) packet(line []byte) error {
	switch {
	case len(line) == 0:
		return nil
	case line[0] == bandPack:
		if len(line) == 1 {
			return nil
		}
		return s.write(line[1:])
	case line[0] == bandProgress:
		return nil
	case line[0] == bandFatal:
		return remoteError(string(line[1:]))
	case bytes.HasPrefix(line, []byte("ERR ")):
		return remoteError(string(line[4:]))
	}
	return problem(ErrProtocol, "want a side-band packet, have %.40q", line)
}

// bare takes a pack without side band: all there is. Only the pack's own trailer tells whether it is whole.
func (s *packSink) bare(p *pktReader) error {
	for {
		b, err := p.rest()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.write(b); err != nil {
			return err
		}
	}
}
