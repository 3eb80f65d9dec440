package wire

import (
	"bytes"
	"fmt"
	"io"
	"time"

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

	patience time.Duration // how long the server may talk without sending any of the pack; 0: for ever
	since    time.Time     // when it began to
	talk     int64         // bytes other than the pack
}

const (
	// maxTalk is how many bytes other than the pack an answer may have: acknowledgments, progress, keep-alives.
	maxTalk = 64 << 20
	// patienceStalls is how many times the stall limit a server may work, keeping the connection alive, before it sends some
	// of the pack: half an hour, if that limit is a minute.
	patienceStalls = 30
)

// heard takes note of what is not the pack. A server that only talks would hold a fetch for ever.
func (s *packSink) heard(line []byte) error {
	s.talk += int64(len(line)) + 4
	switch now := time.Now(); {
	case s.talk > maxTalk:
		return problem(ErrProtocol, "the answer has more than %d bytes beside the pack: look at the server", maxTalk)
	case s.since.IsZero():
		s.since = now
	case s.patience > 0 && now.Sub(s.since) > s.patience:
		return problem(ErrStalled, "the server keeps the connection alive, and sent nothing of the pack for %v: look at its load; it is tried again later",
			s.patience)
	}
	return nil
}

func (s *packSink) write(b []byte) error {
	s.n += int64(len(b))
	s.since = time.Time{}
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
	case len(line) == 0 || line[0] == bandProgress || line[0] == bandPack && len(line) == 1:
		return s.heard(line)
	case line[0] == bandPack:
		return s.write(line[1:])
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
