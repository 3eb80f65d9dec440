package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// OnDemandOptions of an OnDemand. Zero is the limit said below.
type OnDemandOptions struct {
	Fetches    int               // at once, over all repositories; 4
	MaxPack    int64             // bytes of one pack of trees or of contents; 64 MiB
	MaxScratch int64             // bytes kept for one repository; 256 MiB
	Expiry     time.Duration     // how long they are kept unused; 10 minutes
	Now        func() time.Time  // time.Now
	Received   func(bytes int64) // is told of each pack, when set; any goroutine may call it
}

// OnDemand shows what commits changed. A mirror has no trees and no files: those of the commits asked about are fetched
// when they are, into a scratch repository beside it, and kept there for a while. It is safe for concurrent use, and
// does not wait for the fetches and walks of a repository, nor they for it.
type OnDemand struct {
	options   OnDemandOptions
	slots     chan struct{}
	scratches *scratches
}

// Shown is a repository whose commits can be shown: a *Local or a *Remote.
type Shown interface {
	show(ctx context.Context, d *OnDemand, commits []storage.OID, o storage.DiffOptions) ([]storage.DiffResult, error)
}

// NewOnDemand shows commits of the mirrors in a directory, and of any Local. It starts nothing; its owner calls Clean
// once and Sweep from time to time.
func NewOnDemand(mirrors string, o OnDemandOptions) *OnDemand {
	if o.Fetches == 0 {
		o.Fetches = 4
	}
	if o.MaxPack == 0 {
		o.MaxPack = 64 << 20
	}
	if o.MaxScratch == 0 {
		o.MaxScratch = 256 << 20
	}
	if o.Expiry == 0 {
		o.Expiry = 10 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &OnDemand{
		options: o,
		slots:   make(chan struct{}, o.Fetches),
		scratches: &scratches{
			mirrors: mirrors, most: o.MaxScratch, expiry: o.Expiry, now: o.Now,
			current: map[string]*scratch{}, all: map[*scratch]struct{}{},
		},
	}
}

// Clean removes what a process that crashed left.
func (d *OnDemand) Clean() error { return d.scratches.clean() }

// Sweep removes what has not been used for longer than the expiry.
func (d *OnDemand) Sweep() error { return d.scratches.sweep() }

// Diff gives what a commit changed against its first parent. It is storage.ErrNoObjects when the repository's server does
// not hand out trees and blobs, and storage.ErrDiffTooLarge when they are larger than a pack may be.
func (d *OnDemand) Diff(ctx context.Context, from Shown, commit storage.OID, o storage.DiffOptions) (storage.Diff, error) {
	results, err := from.show(ctx, d, []storage.OID{commit}, o)
	if err != nil {
		return storage.Diff{}, err
	}
	return results[0].Diff, results[0].Err
}

// Files gives what several commits changed, in their order. What is missing of all of them is asked for together, unless that
// is too much: then for one after the other. The error is one that no commit has an answer for.
func (d *OnDemand) Files(ctx context.Context, from Shown, commits []storage.OID, o storage.DiffOptions) ([]storage.DiffResult, error) {
	results, err := from.show(ctx, d, commits, o)
	if len(commits) < 2 || !errors.Is(err, storage.ErrDiffTooLarge) {
		return results, err
	}
	results = make([]storage.DiffResult, len(commits))
	for i, oid := range commits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		results[i].Diff, results[i].Err = d.Diff(ctx, from, oid, o)
	}
	return results, nil
}

// again calls try a second time when an object was not found: a pack that is merged into another goes while it is looked at.
func again(try func() ([]storage.DiffResult, error)) ([]storage.DiffResult, error) {
	results, err := try()
	if errors.Is(err, ErrCorrupt) {
		return try()
	}
	for _, r := range results {
		if errors.Is(r.Err, ErrCorrupt) {
			return try()
		}
	}
	return results, err
}

// namedResults adds to each error which repository it is about.
func namedResults(results []storage.DiffResult, err error, named func(error) error) ([]storage.DiffResult, error) {
	for i := range results {
		results[i].Err = named(results[i].Err)
	}
	return results, named(err)
}

func (l *Local) show(ctx context.Context, _ *OnDemand, commits []storage.OID, options storage.DiffOptions) ([]storage.DiffResult, error) {
	results, err := again(func() ([]storage.DiffResult, error) {
		dirs, err := l.locate()
		if err != nil {
			return nil, err
		}
		o, err := openDirs(dirs)
		if err != nil {
			return nil, err
		}
		defer o.close()
		shallow, err := readShallow(dirs)
		if err != nil {
			return nil, err
		}
		return (&differ{ctx: ctx, options: options, objects: o, shallow: shallow}).all(commits)
	})
	return namedResults(results, err, l.named)
}

func (r *Remote) show(ctx context.Context, d *OnDemand, commits []storage.OID, options storage.DiffOptions) ([]storage.DiffResult, error) {
	results, err := again(func() (results []storage.DiffResult, err error) {
		shallow, err := readShallow(r.mirror.dirs())
		if err != nil {
			return nil, err
		}
		v := &visit{ctx: ctx, on: d, remote: r}
		if v.objects, err = openDirs(r.mirror.dirs()); err != nil {
			return nil, err
		}
		defer func() {
			if left := v.end(); err == nil {
				err = left
			}
		}()
		return (&differ{ctx: ctx, options: options, objects: v.objects, shallow: shallow, need: v.need}).all(commits)
	})
	return namedResults(results, err, r.named)
}

// visit is one request to a Remote. It reads the mirror, and from when something is missing there a scratch repository.
type visit struct {
	ctx     context.Context
	on      *OnDemand
	remote  *Remote
	objects *objects
	scratch *scratch
}

// end leaves the repositories.
func (v *visit) end() error {
	v.objects.close()
	if v.scratch == nil {
		return nil
	}
	return v.on.scratches.leave(v.scratch)
}

// enter goes on in the scratch repository, which has what the mirror has.
func (v *visit) enter() error {
	if v.scratch != nil {
		return nil
	}
	s, err := v.on.scratches.enter(v.remote.mirror.dir)
	if err != nil {
		return err
	}
	v.scratch = s
	o, err := openDirs(s.bare.dirs())
	if err != nil {
		return err
	}
	v.objects.close()
	*v.objects = *o // whoever reads from the one goes on with the other
	return nil
}

// need fetches objects that are in neither repository. Requests for one repository take turns, so that what two of them need
// is fetched once.
func (v *visit) need(oids []storage.OID, filter string) error {
	if err := v.enter(); err != nil {
		return err
	}
	for _, turn := range []chan struct{}{v.scratch.turn, v.on.slots} {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-v.ctx.Done():
			return v.ctx.Err()
		}
	}
	wants := v.objects.lacking(oids)
	if len(wants) == 0 {
		return nil
	}
	w, err := newPackWriter(v.ctx, v.objects, nil)
	if err != nil {
		return err
	}
	defer w.free()
	capped := &cappedWriter{w: w, left: v.on.options.MaxPack, most: v.on.options.MaxPack}
	got, err := v.remote.client.Fetch(v.ctx, wire.FetchRequest{Wants: wants, Filter: filter}, capped)
	if v.on.options.Received != nil {
		v.on.options.Received(got.Bytes)
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		return refusal(err, filter)
	}
	v.on.scratches.grew(v.scratch, got.Bytes)
	if left := v.objects.lacking(wants); len(left) > 0 {
		return fmt.Errorf("%w: the server left out %d of %d objects that were asked for: use objects: full", storage.ErrNoObjects, len(left), len(wants))
	}
	return nil
}

// refusal makes out a server that does not hand out single objects. Git's does with protocol version 2, and with
// earlier ones only if it is told to (git-config(1), uploadpack.allowAnySHA1InWant).
func refusal(err error, filter string) error {
	if errors.Is(err, wire.ErrWantRefused) || filter == filterBelow && errors.Is(err, wire.ErrFilterRefused) {
		return fmt.Errorf("%w: the server does not hand out single trees and blobs (uploadpack.allowAnySHA1InWant, or protocol "+
			"version 2), or has these no more: allow it there, or use objects: full: %w", storage.ErrNoObjects, err)
	}
	return err
}

// cappedWriter takes no more than a number of bytes.
type cappedWriter struct {
	w    io.Writer
	left int64
	most int64
}

func (c *cappedWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		return 0, fmt.Errorf("%w: more than %d MiB of trees or contents", storage.ErrDiffTooLarge, c.most>>20)
	}
	c.left -= int64(len(b))
	return c.w.Write(b)
}
