package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"weak"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// RemoteOptions of a Remote.
type RemoteOptions struct {
	Options
	Wire   wire.Options
	IsFull bool // transfer trees and blobs too, not commits only
	// Engine fetches packs: EngineNative, which "" means too, or EngineLibgit2.
	Engine string
}

// Same reports whether two options are alike. Functions cannot be compared: options with credentials never are.
func (o RemoteOptions) Same(p RemoteOptions) bool {
	return o.Options.same(p.Options) && o.IsFull == p.IsFull && o.Engine == p.Engine && o.Wire.Same(p.Wire)
}

// Remote is a repository behind a URL and its mirror: a bare repository with its commits, and one beside it with its
// notes, which need their trees and blobs.
type Remote struct {
	mirror  bare
	notes   bare
	url     string
	specs   Refspecs
	options RemoteOptions
	client  *wire.Client
	engine  engine
	// What follows is for one goroutine at a time.
	undelivered undelivered
	telling     haveMemory
	room        weak.Pointer[lookRoom]
	has         Digest // of the look whose refs are here, as far as this process knows
	silent      int    // looks in a row at which the server gave no answer to the mirror's filter
	lacking     int    // looks in a row at which the server left out branches
}

// notesSuffix names the repository of notes after the mirror.
const notesSuffix = ".notes"

// OpenRemote names a repository by its URL and the directory of its mirror, which is made by the first Fetch.
func OpenRemote(dir, url string, specs Refspecs, o RemoteOptions) (*Remote, error) {
	if err := setUp(); err != nil {
		return nil, err
	}
	client, err := wire.New(url, o.Wire)
	if err != nil {
		return nil, err
	}
	var e engine = native{client}
	switch o.Engine {
	case "", EngineNative:
	case EngineLibgit2:
		e = libgit2Engine{client}
	default:
		return nil, fmt.Errorf("unknown engine %q: use %s or %s", o.Engine, EngineNative, EngineLibgit2)
	}
	return &Remote{
		mirror: bare{dir}, notes: bare{dir + notesSuffix}, url: client.RedactedURL(), specs: specs, options: o, client: client,
		engine:      e,
		undelivered: undelivered{path: dir + undeliveredSuffix},
	}, nil
}

// Remove deletes the mirror in a directory, with the notes beside it.
func Remove(dir string) error {
	if err := (bare{dir}).remove(); err != nil {
		return err
	}
	return bare{dir + notesSuffix}.remove()
}

// Discard removes the mirror, so that the next Fetch begins anew.
func (r *Remote) Discard() error {
	r.undelivered.refs = nil
	r.has, r.telling = Digest{}, haveMemory{}
	return Remove(r.mirror.dir)
}

// Close does nothing: nothing is kept open.
func (*Remote) Close() error { return nil }

func (r *Remote) named(err error) error {
	if err == nil {
		return nil
	}
	var w *wire.Error
	if errors.As(err, &w) && w.URL != "" {
		return err // it names the URL
	}
	if errors.Is(err, ErrNotRepository) {
		err = fmt.Errorf("%w: %v", ErrCorrupt, err) // the mirror is ours, and was one
	}
	return fmt.Errorf("mirror of %s: %w", r.url, classify(err))
}

// Look lists the server's refs: one round trip where it speaks protocol version 2 and has been met before. A look whose digest is
// the given one is not read further. When that is of the look that was fetched last, the new one may be partial: it is then made in one
// pass over the server's answer and the mirror's refs, and costs what differs.
func (r *Remote) Look(ctx context.Context, since Digest) (*Look, error) {
	if r.mirror.isShallow() {
		since = Digest{} // that the refs are the same says nothing of what they reach
	}
	room := r.takeRoom()
	known := wire.Since{Digest: since, Room: room.answer}
	var held *heldRefs
	if since != (Digest{}) && since == r.has && r.specs.keepNames() {
		known.Held = func() wire.Held {
			if held = r.held(room); held == nil {
				return nil
			}
			return held
		}
	}
	advertised, err := r.client.ListRefsSince(ctx, r.specs.Prefixes(), known)
	if err != nil {
		return nil, r.named(err)
	}
	room.answer = advertised.Room
	look := &Look{Digest: since, IsSame: true}
	switch {
	case advertised.IsSame:
	case advertised.IsDifference:
		look, err = r.partial(advertised, held, room)
	default:
		look, err = r.whole(advertised)
	}
	if err != nil {
		return nil, err
	}
	if !look.IsPartial {
		r.giveRoom(room)
	}
	if look.IsSame {
		return look, nil
	}
	if err := r.checkBoundary(ctx, look, advertised.Version); err != nil {
		return nil, r.named(err)
	}
	return look, nil
}

// whole makes a look of what a server has.
func (r *Remote) whole(advertised *wire.Advertisement) (*Look, error) {
	b := lookBuilder{specs: r.specs, look: Look{Head: advertised.Head, Digest: advertised.Digest, filters: advertised.Filter}}
	for _, ref := range advertised.Refs {
		if err := b.add(ref.Name, ref.OID); err != nil {
			return nil, r.named(err)
		}
	}
	for _, name := range advertised.Refused {
		b.refuse(name, "its name holds a space or control characters: rename it")
	}
	return b.finish(), nil
}

// A look is partial if few refs differ: so many, or a part of those that do not.
const (
	fewDiffer  = 64
	partDiffer = 8
)

// partial makes a partial look of what a server has other than the mirror, or a whole one if that is much.
func (r *Remote) partial(advertised *wire.Advertisement, held *heldRefs, room *lookRoom) (*Look, error) {
	readWhole := func() (*Look, error) {
		all, err := advertised.Whole()
		if err != nil {
			return nil, r.named(err)
		}
		return r.whole(all)
	}
	if held.err != nil || len(advertised.Refs)+len(advertised.Gone) > max(fewDiffer, advertised.Same/partDiffer) {
		return readWhole()
	}
	look, err := r.whole(advertised)
	if err != nil {
		return nil, err
	}
	look.IsPartial, look.Gone = true, advertised.Gone
	look.whole, look.mirror, look.room = readWhole, held.mirror, room
	look.Count += advertised.Same
	if len(look.Refs)+len(look.Gone) == 0 {
		r.has = look.Digest
	}
	return look, nil
}

// Fetch receives what the changed refs need and is not here, and resolves them to commits.
func (r *Remote) Fetch(ctx context.Context, look *Look, changed []Ref, progress func(Progress)) (Fetched, error) {
	r.has = Digest{}
	defer r.leave(look)
	var notes, history []Ref
	for _, ref := range changed {
		if r.specs.IsNotes(ref.Name) {
			notes = append(notes, ref)
		} else {
			history = append(history, ref)
		}
	}
	f := &fetch{ctx: ctx, remote: r, look: look, progress: progress}
	if err := f.commits(history); err != nil {
		return f.fetched, r.named(err)
	}
	if err := f.notes(notes); err != nil {
		return f.fetched, r.named(err)
	}
	if f.isComplete {
		r.has = look.Digest
	}
	return f.fetched, nil
}

// lookRoom is memory that a look of many refs takes. The next one uses it again, unless garbage was collected meanwhile: many
// repositories that are looked at now and then keep none.
type lookRoom struct{ answer, refs []byte }

func (r *Remote) takeRoom() *lookRoom {
	if room := r.room.Value(); room != nil {
		return room
	}
	return &lookRoom{}
}

func (r *Remote) giveRoom(room *lookRoom) { r.room = weak.Make(room) }

// leave ends the use of a partial look's memory.
func (r *Remote) leave(look *Look) {
	if look.room != nil {
		r.giveRoom(look.room)
		look.whole, look.mirror, look.room = nil, nil, nil
	}
}

// Walk yields each commit that tips reach and known does not know, in batches, with the keys that are found in its message. A batch is the
// caller's until it asks for the next one; what the commits refer to stays.
func (r *Remote) Walk(ctx context.Context, tips []storage.OID, known func(storage.OID) (bool, error), keys FindKeys) iter.Seq2[[]storage.Commit, error] {
	return func(yield func([]storage.Commit, error) bool) {
		if len(tips) == 0 {
			return
		}
		for commits, err := range walkCommits(ctx, r.mirror.dirs(), r.options.Options, tips, known, keys) {
			if !yield(commits, r.named(err)) || err != nil {
				return
			}
		}
	}
}

// Notes gives the notes that differ between two tips of a notes ref.
func (r *Remote) Notes(ctx context.Context, ref string, from, to storage.OID) (changes []Note, isWhole bool, err error) {
	if _, err := os.Stat(r.notes.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, false, r.named(fmt.Errorf("%w: the notes of %q are missing", ErrCorrupt, ref))
	}
	changes, isWhole, err = readNotes(ctx, r.notes.dirs(), from, to)
	if err != nil {
		err = r.named(fmt.Errorf("notes %q: %w", ref, err))
	}
	return changes, isWhole, err
}
