package mirror

import (
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
	if err := f.receiveCommits(changed); err != nil {
		return err
	}
	o, err := openDirs(mirror.dirs())
	if err != nil {
		return err
	}
	defer o.close()
	available, err := f.resolve(o, changed)
	if err != nil {
		return err
	}
	before, err := mirror.refs()
	if err != nil {
		return err
	}
	return mirror.setRefs(f.refsNow(before, available), f.look.Head)
}

// refsNow gives the mirror's refs as the look has them: those that changed and are available, and those that did not.
func (f *fetch) refsNow(before []packedRef, available map[string]packedRef) []packedRef {
	old := make(map[string]packedRef, len(before))
	for _, p := range before {
		old[p.name] = p
	}
	refs := make([]packedRef, 0, len(f.look.Refs))
	for _, r := range f.look.Refs {
		if p, ok := available[r.Name]; ok {
			refs = append(refs, p)
		} else if p, ok := old[r.Name]; ok && p.oid == r.OID {
			refs = append(refs, p)
		}
	}
	return refs
}

// resolve finds the commits of the changed refs, and gives the refs whose object is here.
func (f *fetch) resolve(o *objects, changed []Ref) (map[string]packedRef, error) {
	available := make(map[string]packedRef, len(changed))
	for _, r := range changed {
		if err := f.ctx.Err(); err != nil {
			return nil, err
		}
		if !o.exists(r.OID) {
			f.fetched.Unavailable = append(f.fetched.Unavailable, r.Name)
			f.fetched.Refs = append(f.fetched.Refs, r)
			continue
		}
		var err error
		if r.Commit, err = o.peel(r.OID); err != nil {
			return nil, fmt.Errorf("ref %q: %w", r.Name, err)
		}
		p := packedRef{name: r.Name, oid: r.OID}
		if r.Commit != r.OID {
			p.peeled = r.Commit
		}
		available[r.Name] = p
		f.fetched.Refs = append(f.fetched.Refs, r)
	}
	return available, nil
}

// receiveCommits asks for the changed refs by the mirror's filter, or for a new mirror by the best one that the server takes.
func (f *fetch) receiveCommits(changed []Ref) error {
	mirror := f.remote.mirror
	candidates, isDecided, err := f.candidates()
	if err != nil {
		return err
	}
	for i, filter := range candidates {
		err = f.receive(mirror, changed, filter)
		if err == nil {
			if f.fetched.Objects > 0 && !isDecided {
				return f.decide(filter)
			}
			return nil
		}
		if !errors.Is(err, wire.ErrFilterRefused) {
			return err
		}
		if isDecided {
			// The server took this filter once. What it filled is of no use to the next one.
			if err := Remove(mirror.dir); err != nil {
				return err
			}
			if err := mirror.ready(); err != nil {
				return err
			}
			isDecided = false
		}
		if i == len(candidates)-1 {
			return err
		}
	}
	return err
}

// candidates gives the filters to try in turn. isDecided: the first of them is the mirror's own.
func (f *fetch) candidates() (list []string, isDecided bool, err error) {
	b, err := os.ReadFile(f.remote.mirror.dir + filterSuffix)
	switch {
	case err == nil:
		if i := slices.Index(filters[:], string(b)); i >= 0 {
			return filters[i:], true, nil
		}
		return nil, false, fmt.Errorf("%w: it does not say how it was filtered", ErrCorrupt)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("read the mirror's filter: %w", err)
	}
	if f.remote.options.IsFull || !f.look.filters {
		return []string{noFilter}, false, nil
	}
	return filters[:], false, nil
}

// decide notes the filter that the mirror is filled by.
func (f *fetch) decide(filter string) error {
	if err := os.WriteFile(f.remote.mirror.dir+filterSuffix, []byte(filter), 0o640); err != nil {
		return fmt.Errorf("note the mirror's filter: %w", err)
	}
	return nil
}

// notes brings the repository of notes up to the changed notes refs.
func (f *fetch) notes(changed []Ref) error {
	notes := f.remote.notes
	if len(changed) == 0 {
		return nil
	}
	if err := notes.ready(); err != nil {
		return err
	}
	if err := f.receive(notes, changed, noFilter); err != nil {
		return err
	}
	var refs []packedRef
	for _, r := range f.look.Refs {
		if f.remote.specs.IsNotes(r.Name) {
			refs = append(refs, packedRef{name: r.Name, oid: r.OID})
		}
	}
	f.fetched.Refs = append(f.fetched.Refs, changed...)
	return notes.setRefs(refs, "")
}

// receive fetches into one of the two repositories what it lacks of the changed refs.
func (f *fetch) receive(into bare, changed []Ref, filter string) error {
	o, err := openDirs(into.dirs())
	if err != nil {
		return err
	}
	defer o.close()
	wanted := make([]storage.OID, len(changed))
	for i, r := range changed {
		wanted[i] = r.OID
	}
	wants := o.lacking(wanted)
	if len(wants) == 0 {
		return nil
	}
	refs, err := into.refs()
	if err != nil {
		return err
	}
	w, err := newPackWriter(o, f.progress)
	if err != nil {
		return err
	}
	defer w.free()
	request := wire.FetchRequest{
		Wants: wants, Haves: haves(o, refs, changed), Filter: filter,
		// The bases of a thin pack of notes may be blobs that only another notes ref holds.
		ThinPack: into == f.remote.mirror,
	}
	err = f.remote.client.Fetch(f.ctx, request, w)
	f.fetched.Bytes += w.received
	if err == nil {
		err = w.commit()
	}
	f.fetched.Objects += int(w.stats.ReceivedObjects)
	return err
}
