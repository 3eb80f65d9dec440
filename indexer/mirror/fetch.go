package mirror

import (
	"bufio"
	"context"
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
	ctx      context.Context
	remote   *Remote
	look     *Look
	progress func(Progress)
	filter   string // of the mirror
	isAsked  bool   // the server was asked for a pack of commits
	fetched  Fetched
}

// filterSuffix names the file that says by which filter a mirror was filled. A mirror keeps its filter for life: after
// a filtered fetch, a have would claim trees that are not here.
const filterSuffix = ".filter"

// noFilter asks for everything.
const noFilter = ""

// filters are the ways to ask for commits without their trees, the best first.
var filters = [...]string{"tree:0", "blob:none", noFilter}

// commits brings the mirror up to the look: objects first, then all refs at one instant.
func (f *fetch) commits(changed []Ref) error {
	mirror := f.remote.mirror
	if err := mirror.ready(); err != nil {
		return err
	}
	if err := f.receiveCommits(); err != nil {
		return err
	}
	o, err := openDirs(mirror.dirs())
	if err != nil {
		return err
	}
	defer o.close()
	if err := f.resolve(o, changed); err != nil {
		return err
	}
	refs, missing, err := f.refsNow(o)
	if err != nil {
		return err
	}
	missing, lacking := f.believe(missing)
	if lacking == nil {
		if err := f.remote.undelivered.replace(missing); err != nil {
			return err
		}
	}
	if err := mirror.setRefs(refs, f.look.Head); err != nil {
		return err
	}
	return errors.Join(lacking, mirror.tend(f.ctx, f.filter != noFilter))
}

// behind gives the refs of the look that one of the two repositories does not have as they are. These are not only the
// changed ones: a mirror may be new, or older than the index.
func (f *fetch) behind(b bare, isNotes bool) ([]Ref, error) {
	refs, err := b.refs()
	if err != nil {
		return nil, err
	}
	has := make(map[string]storage.OID, len(refs))
	for _, r := range refs {
		has[r.name] = r.oid
	}
	var behind []Ref
	for _, r := range f.look.Refs {
		if f.remote.specs.IsNotes(r.Name) == isNotes && has[r.Name] != r.OID {
			behind = append(behind, r)
		}
	}
	return behind, nil
}

// refsNow gives the mirror's refs as the look has them, without those whose object, or what a tag points at, is not here.
func (f *fetch) refsNow(o *objects) (refs []packedRef, missing []Ref, err error) {
	before, err := f.remote.mirror.refs()
	if err != nil {
		return nil, nil, err
	}
	old := make(map[string]packedRef, len(before))
	for _, p := range before {
		old[p.name] = p
	}
	refs = make([]packedRef, 0, len(f.look.Refs))
	for _, r := range f.look.Refs {
		if f.remote.specs.IsNotes(r.Name) {
			continue
		}
		p, ok := old[r.Name]
		if !ok || p.oid != r.OID {
			if p, ok, err = o.packed(r); err != nil {
				return nil, nil, err
			}
		}
		if ok {
			refs = append(refs, p)
		} else {
			missing = append(missing, r)
		}
	}
	return refs, missing, nil
}

// packed gives a ref as it stands in packed-refs, if its object, and what a tag points at, are here.
func (o *objects) packed(r Ref) (p packedRef, ok bool, err error) {
	if !o.exists(r.OID) {
		return p, false, nil
	}
	target, _, err := o.target(r.OID)
	if err != nil {
		return p, false, fmt.Errorf("ref %q: %w", r.Name, err)
	}
	p = packedRef{name: r.Name, oid: r.OID}
	if target != r.OID {
		p.peeled = target
	}
	return p, target == r.OID || o.exists(target), nil
}

// resolve finds the commits of the changed refs.
func (f *fetch) resolve(o *objects, changed []Ref) error {
	for _, r := range changed {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		var err error
		if !o.exists(r.OID) && isBranch(r) {
			f.fetched.Lacking = append(f.fetched.Lacking, r.Name)
			continue
		}
		if !o.exists(r.OID) {
			f.fetched.Unavailable = append(f.fetched.Unavailable, r.Name)
		} else if r.Commit, err = o.peel(r.OID); err != nil {
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
		if behind, err = f.behind(mirror, false); err != nil {
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
	refs, err := f.remote.mirror.refs()
	if err != nil || len(refs) == 0 {
		return false, err
	}
	f.remote.silent++
	return f.remote.silent%maxSilent != 0, nil
}

// startOver makes the mirror a new one. The notes stay.
func (f *fetch) startOver() error {
	f.remote.undelivered.refs = nil
	if err := f.remote.mirror.remove(); err != nil {
		return err
	}
	return f.remote.mirror.ready()
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
	behind, err := f.behind(notes, true)
	if err != nil {
		return err
	}
	f.fetched.Refs = append(f.fetched.Refs, changed...)
	if len(behind) == 0 {
		return nil
	}
	if err := notes.ready(); err != nil {
		return err
	}
	if err := f.receive(notes, behind, noFilter); err != nil {
		return err
	}
	var refs []packedRef
	for _, r := range f.look.Refs {
		if f.remote.specs.IsNotes(r.Name) {
			refs = append(refs, packedRef{name: r.Name, oid: r.OID})
		}
	}
	if err := notes.setRefs(refs, ""); err != nil {
		return err
	}
	return notes.tend(f.ctx, false)
}

// receive fetches into one of the two repositories the objects of refs that it lacks.
func (f *fetch) receive(into bare, refs []Ref, filter string) error {
	o, err := openDirs(into.dirs())
	if err != nil {
		return err
	}
	defer o.close()
	var wanted []storage.OID
	for _, r := range refs {
		if !f.remote.undelivered.has(r) {
			wanted = append(wanted, r.OID)
		}
	}
	wants, err := into.lacking(o, wanted)
	if err != nil || len(wants) == 0 {
		return err
	}
	has, err := into.refs()
	if err != nil {
		return err
	}
	cut, err := readShallow(into.dirs())
	if err != nil {
		return err
	}
	got, err := f.remote.engine.fetch(f.ctx, o, wire.FetchRequest{
		Wants: wants, Haves: haves(o, has, refs, f.look.Head), Shallow: sortedOIDs(cut), Filter: filter,
		// The bases of a thin pack of notes may be blobs that only another notes ref holds.
		ThinPack: into == f.remote.mirror,
	}, f.progress)
	f.isAsked = f.isAsked || into == f.remote.mirror
	f.fetched.Bytes += got.bytes
	f.fetched.Objects += got.objects
	if err != nil || into == f.remote.notes { // of notes, only the tips are read
		return err
	}
	return into.cutAt(o, cut, got.shallow)
}
