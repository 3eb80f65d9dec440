package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"keytrail/indexer/mirror/wire"
)

// slicing is how a fetch goes on that did not get through at once: the protocol cannot resume a pack, but it can send a
// repository in several, each with some of the refs. What came of one stays, so that the next attempt, of this process or
// another, asks for the rest only. The state is in a file beside the mirror while there is need of it.
type slicing struct {
	path string
	size int // refs in the next slice: more after each that gets through, fewer after each that does not
	skip int // refs, in the order from old to new, that did not get through alone
}

// slicesSuffix names the file of the state after the mirror. A first fetch that its process did not survive leaves it too.
const slicesSuffix = ".slices"

// readSlicing gives the state, and whether there is one. One that cannot be read is a new one.
func readSlicing(b bare) (s slicing, isOn bool, err error) {
	s = slicing{path: b.dir + slicesSuffix, size: 1}
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("read how far the mirror is: %w", err)
	}
	var size, skip int
	if n, _ := fmt.Sscan(string(content), &size, &skip); n == 2 && size > 0 && skip >= 0 {
		s.size, s.skip = size, skip
	}
	return s, true, nil
}

// save is not synced: without the file the next attempt is one request again, and finds out anew.
func (s *slicing) save() error {
	if err := os.WriteFile(s.path, fmt.Appendln(nil, s.size, s.skip), 0o640); err != nil {
		return fmt.Errorf("note how far the mirror is: %w", err)
	}
	return nil
}

func (s *slicing) end() error { return os.RemoveAll(s.path) }

// failed tells that a slice of n refs did not get through.
func (s *slicing) failed(n int) error {
	if n == 1 {
		s.skip++
	}
	s.size = max(1, n/4)
	return s.save()
}

// order puts the refs so that what matters most comes first: the default branch, branches, tags, the rest. When one of them
// is too much by itself, they go from old to new instead, as far as names tell: an old tag holds a part of what the default
// branch does, and after some of them the rest of it is no longer too much.
func (s *slicing) order(refs []Ref, head string) []Ref {
	class := func(r Ref) int {
		if r.Name == head {
			return -1
		}
		return rank(r.Name)
	}
	refs = slices.Clone(refs)
	if s.skip == 0 {
		slices.SortStableFunc(refs, func(q, r Ref) int { return cmp.Compare(class(q), class(r)) })
		return refs
	}
	age := map[int]int{1: 0, 2: 1, 0: 2, -1: 3} // of tags, of others, of branches, of the default branch
	slices.SortFunc(refs, func(q, r Ref) int {
		return cmp.Or(cmp.Compare(age[class(q)], age[class(r)]), compareNatural([]byte(q.Name), []byte(r.Name)))
	})
	if len(refs) == 0 {
		return refs
	}
	first := (s.skip - 1) % len(refs)
	return slices.Concat(refs[first:], refs[:first])
}

// receiveHistory receives in one request, or in slices once a request did not get through.
func (f *fetch) receiveHistory(behind []Ref, filter string) error {
	mirror := f.remote.mirror
	s, isOn, err := readSlicing(mirror)
	if err != nil {
		return err
	}
	if isOn {
		return f.receiveSlices(s, behind, filter)
	}
	has, err := f.refs(mirror)
	if err != nil {
		return err
	}
	if isFirst := has.isEmpty() && len(behind) > 0; isFirst {
		if err := s.save(); err != nil {
			return err
		}
	}
	before := f.fetched.Bytes
	err = f.receive(mirror, f.objects, behind, filter)
	after := s.end
	if isCut(err, f.fetched.Bytes-before) {
		after = s.save
	}
	if failed := after(); err == nil {
		return failed
	}
	return err
}

// receiveSlices receives slice after slice, and ends at the first that fails since the one before failed or since it began: a
// server that lets something through is asked on.
func (f *fetch) receiveSlices(s slicing, behind []Ref, filter string) error {
	hasKept := false
	for queue := s.order(behind, f.look.Head); len(queue) > 0; {
		n := min(s.size, len(queue))
		before := f.fetched.Bytes
		err := f.receive(f.remote.mirror, f.objects, queue[:n], filter)
		if isCut(err, f.fetched.Bytes-before) {
			if failed := s.failed(n); failed != nil {
				return failed
			}
			if hasKept && f.ctx.Err() == nil {
				hasKept = false
				queue = s.order(queue, f.look.Head)
				continue
			}
		}
		if err != nil {
			return err
		}
		if err := f.keep(queue[:n]); err != nil {
			return err
		}
		hasKept = true
		queue = queue[n:]
		s.size = n * 2
		if err := s.save(); err != nil {
			return err
		}
	}
	return s.end()
}

// isCut tells a transfer that might get through if it were smaller.
func isCut(err error, bytes int64) bool {
	if err == nil || errors.Is(err, ErrFull) {
		return false
	}
	for _, kind := range []error{wire.ErrTruncated, wire.ErrStalled, wire.ErrTimeout, wire.ErrTooLarge} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return bytes > 0
}

// keep writes down which refs the mirror has by now.
func (f *fetch) keep(refs []Ref) error {
	f.isSliced = true
	var edits []packedRef
	for _, r := range refs {
		p, ok, err := f.objects.packed(r)
		if err != nil {
			return err
		}
		if !ok {
			p = packedRef{name: r.Name}
		}
		edits = append(edits, p)
	}
	has, err := f.remote.mirror.refs()
	if err != nil {
		return err
	}
	f.remote.telling.add(edits)
	return f.remote.mirror.editRefs(has, edits, f.look.Head)
}
