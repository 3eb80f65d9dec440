package mirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// fetch is one Fetch of a Remote.
type fetch struct {
	ctx        context.Context
	remote     *Remote
	look       *Look
	progress   func(Progress)
	objects    *lookup // of the mirror
	filter     string  // of the mirror
	isSliced   bool    // the mirror's refs have changed since the look
	isAsked    bool    // the server was asked for a pack of commits
	isComplete bool    // every ref of the look is here, or known not to be delivered
	fetched    Fetched
}

// filterSuffix names the file that says by which filter a mirror was filled. A mirror keeps its filter for life: after
// a filtered fetch, a have would claim trees that are not here.
const filterSuffix = ".filter"

// noFilter asks for everything.
const noFilter = ""

// filters are the ways to ask for commits without their trees, the best first.
var filters = [...]string{"tree:0", "blob:none", noFilter}

// commits brings the mirror up to the look: objects first, then all refs at one instant.
func (f *fetch) commits(changed []Ref) (err error) {
	mirror := f.remote.mirror
	if err := mirror.ready(); err != nil {
		return err
	}
	if f.objects, err = newLookup(mirror.dirs()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.closeObjects()) }()
	if err := f.receiveCommits(); err != nil {
		return err
	}
	if err := f.resolve(changed); err != nil {
		return err
	}
	behind, gone, err := f.behind(mirror, false)
	if err != nil {
		return err
	}
	edits, missing, err := f.edits(behind, gone)
	if err != nil {
		return err
	}
	leftOut, lacking := f.believe(missing)
	if lacking == nil {
		isRemembered, err := f.remote.undelivered.update(f.look, leftOut)
		if err != nil {
			return err
		}
		f.isComplete = isRemembered && len(leftOut) == len(missing)
	}
	refs, err := f.refs(mirror)
	if err != nil {
		return err
	}
	if err := mirror.editRefs(refs, edits, f.look.Head); err != nil {
		return err
	}
	f.remote.telling.add(edits)
	return errors.Join(lacking, mirror.tend(f.ctx, f.filter != noFilter))
}

// refs gives the refs of one of the two repositories. Of a partial look the mirror's are at hand.
func (f *fetch) refs(b bare) (packedRefs, error) {
	if f.look.IsPartial && b == f.remote.mirror && !f.isSliced {
		return f.look.mirror, nil
	}
	return b.refs()
}

// behind gives the refs of the look that one of the two repositories does not have as they are, sorted by name, and the names of
// those it has and the look has not. These are not only the changed ones: a mirror may be new, or older than the index.
func (f *fetch) behind(b bare, isNotes bool) (behind []Ref, gone []string, err error) {
	isHere := func(name string) bool { return f.remote.specs.IsNotes(name) == isNotes }
	if f.look.IsPartial {
		for _, r := range f.look.Refs {
			if isHere(r.Name) {
				behind = append(behind, r)
			}
		}
		for _, name := range f.look.Gone {
			if isHere(name) {
				gone = append(gone, name)
			}
		}
		return behind, gone, nil
	}
	refs, err := f.refs(b)
	if err != nil {
		return nil, nil, err
	}
	has := refs.cursor()
	more := has.next()
	for _, r := range f.look.Refs {
		if !isHere(r.Name) {
			continue
		}
		for more && string(has.line.name()) < r.Name {
			gone = append(gone, string(has.line.name()))
			more = has.next()
		}
		if more && string(has.line.name()) == r.Name {
			isSame := isHex(has.line.oid(), r.OID)
			if more = has.next(); isSame {
				continue
			}
		}
		behind = append(behind, r)
	}
	for ; more; more = has.next() {
		gone = append(gone, string(has.line.name()))
	}
	return behind, gone, has.err
}

// isHex reports whether digits are those of an object id.
func isHex(digits []byte, oid storage.OID) bool {
	var is [oidDigits]byte
	hex.Encode(is[:], oid[:])
	return bytes.Equal(digits, is[:])
}

// edits gives what changes of the mirror's refs, so that they are as the look has them, without those whose object, or what a tag
// points at, is not here.
func (f *fetch) edits(behind []Ref, gone []string) (edits []packedRef, missing []Ref, err error) {
	for _, r := range behind {
		p, ok, err := f.objects.packed(r)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			missing = append(missing, r)
			p = packedRef{name: r.Name}
		}
		edits = append(edits, p)
	}
	for _, name := range gone {
		edits = append(edits, packedRef{name: name})
	}
	return edits, missing, nil
}

// resolve finds the commits of the changed refs.
func (f *fetch) resolve(changed []Ref) error {
	for _, r := range changed {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		isHere := f.objects.exists(r.OID)
		if !isHere && isBranch(r) {
			f.fetched.Lacking = append(f.fetched.Lacking, r.Name)
			continue
		}
		var err error
		if !isHere {
			f.fetched.Unavailable = append(f.fetched.Unavailable, r.Name)
		} else if r.Commit, err = f.objects.peel(r.OID); err != nil {
			return fmt.Errorf("ref %q: %w", r.Name, err)
		}
		f.fetched.Refs = append(f.fetched.Refs, r)
	}
	return nil
}

// receiveCommits asks for what the mirror is behind by its filter, or for a new mirror by the best one that the server takes.
func (f *fetch) receiveCommits() error {
	mirror := f.remote.mirror
	candidates, isDecided, err := f.candidates()
	if err != nil {
		return err
	}
	for i, filter := range candidates {
		var behind []Ref
		if behind, _, err = f.behind(mirror, false); err != nil {
			return err
		}
		if !isDecided {
			if err := f.decide(filter); err != nil {
				return err
			}
		}
		f.filter = filter
		err = f.receiveHistory(behind, filter)
		if err == nil {
			f.remote.silent = 0
		}
		if !errors.Is(err, wire.ErrFilterRefused) {
			if err != nil && i > 0 && f.fetched.Bytes == 0 {
				// It fails at whatever it is asked: that tells nothing of the filters it refused before.
				if failed := f.decide(candidates[0]); failed != nil {
					return failed
				}
			}
			return err
		}
		if isDecided {
			if isOutage, failed := f.isOutage(err); failed != nil {
				return failed
			} else if isOutage {
				return err
			}
			// The server took this filter once. What it filled is of no use to the next one.
			if err := f.startOver(); err != nil {
				return err
			}
			isDecided = false
		}
	}
	return err
}

// maxSilent is after how many silent refusals in a row a mirror is given up.
const maxSilent = 3

// isOutage tells a server that is silent for a while from one that refuses the mirror's filter: it filled this mirror once.
// A mirror is too much to give up for an outage, but not to be without for good.
func (f *fetch) isOutage(refusal error) (bool, error) {
	if !errors.Is(refusal, wire.ErrProtocol) {
		return false, nil
	}
	refs, err := f.refs(f.remote.mirror)
	if err != nil || refs.isEmpty() {
		return false, err
	}
	f.remote.silent++
	return f.remote.silent%maxSilent != 0, nil
}

func (f *fetch) closeObjects() error {
	if f.objects == nil {
		return nil
	}
	defer func() { f.objects = nil }()
	return f.objects.close()
}

// startOver makes the mirror a new one, which lacks all refs. The notes stay.
func (f *fetch) startOver() (err error) {
	if err := f.look.Whole(); err != nil {
		return err
	}
	f.remote.undelivered.refs = nil
	f.remote.telling = haveMemory{}
	mirror := f.remote.mirror
	if err := errors.Join(f.closeObjects(), mirror.remove(), mirror.ready()); err != nil {
		return err
	}
	f.objects, err = newLookup(mirror.dirs())
	return err
}

// candidates gives the filters to try in turn. isDecided: the first of them is the mirror's own.
func (f *fetch) candidates() (list []string, isDecided bool, err error) {
	own, err := os.ReadFile(f.remote.mirror.dir + filterSuffix)
	switch isFull := f.remote.options.IsFull; {
	case errors.Is(err, fs.ErrNotExist) && (isFull || !f.look.filters):
		return []string{noFilter}, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return filters[:], false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the mirror's filter: %w", err)
	case isFull && string(own) != noFilter:
		return []string{noFilter}, false, f.startOver()
	}
	i := slices.Index(filters[:], string(own))
	if i < 0 {
		return nil, false, fmt.Errorf("%w: it does not say how it was filtered", ErrCorrupt)
	}
	return filters[i:], true, nil
}

// decide notes the filter that the mirror is about to be filled by.
func (f *fetch) decide(filter string) error {
	err := replaceFile(f.remote.mirror.dir+filterSuffix, func(w *bufio.Writer) { w.WriteString(filter) })
	if err != nil {
		return fmt.Errorf("note the mirror's filter: %w", err)
	}
	return nil
}

// notes brings the repository of notes up to the notes refs of the look.
func (f *fetch) notes(changed []Ref) error {
	notes := f.remote.notes
	behind, gone, err := f.behind(notes, true)
	if err != nil {
		return err
	}
	f.fetched.Refs = append(f.fetched.Refs, changed...)
	if len(behind)+len(gone) == 0 {
		return nil
	}
	if err := notes.ready(); err != nil {
		return err
	}
	if err := f.receiveNotes(behind); err != nil {
		return err
	}
	var edits []packedRef
	for _, r := range behind {
		edits = append(edits, packedRef{name: r.Name, oid: r.OID})
	}
	for _, name := range gone {
		edits = append(edits, packedRef{name: name})
	}
	refs, err := notes.refs()
	if err != nil {
		return err
	}
	if err := notes.editRefs(refs, edits, ""); err != nil {
		return err
	}
	return notes.tend(f.ctx, false)
}

// receiveNotes fetches what notes refs lack.
func (f *fetch) receiveNotes(behind []Ref) error {
	notes := f.remote.notes
	objects, err := newLookup(notes.dirs())
	if err != nil {
		return err
	}
	return errors.Join(f.receive(notes, objects, behind, noFilter), objects.close())
}

// receive fetches into one of the two repositories the objects of refs that it lacks.
func (f *fetch) receive(into bare, objects *lookup, refs []Ref, filter string) error {
	var wanted []storage.OID
	for _, r := range refs {
		if !f.remote.undelivered.has(r) {
			wanted = append(wanted, r.OID)
		}
	}
	wants, err := into.lacking(objects, wanted)
	if err != nil || len(wants) == 0 {
		return err
	}
	has, err := f.refs(into)
	if err != nil {
		return err
	}
	telling := &haveMemory{} // of notes, nothing is worth it
	if into == f.remote.mirror {
		telling = &f.remote.telling
	}
	known, err := telling.haves(objects, has, refs, f.look.Head)
	if err != nil {
		return err
	}
	cut, err := readShallow(into.dirs())
	if err != nil {
		return err
	}
	got, err := f.remote.engine.fetch(f.ctx, into, wire.FetchRequest{
		Wants: wants, Haves: known, Shallow: sortedOIDs(cut), Filter: filter,
		// The bases of a thin pack of notes may be blobs that only another notes ref holds.
		ThinPack: into == f.remote.mirror,
	}, f.progress)
	f.isAsked = f.isAsked || into == f.remote.mirror
	f.fetched.Bytes += got.bytes
	f.fetched.Objects += got.objects
	if err != nil || into == f.remote.notes { // of notes, only the tips are read
		return err
	}
	return into.cutAt(objects, cut, got.shallow)
}
