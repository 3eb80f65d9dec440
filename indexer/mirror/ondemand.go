package mirror

import (
	"context"
	"errors"
	"runtime"
	"time"

	"keytrail/storage"
)

// OnDemandOptions of an OnDemand. Zero is the limit said below.
type OnDemandOptions struct {
	Fetches    int               // at once, over all repositories; 8
	PerHost    int               // fetches at once from one host; 2
	Compute    int               // commits compared at once; as many as Go uses processors
	MaxPack    int64             // bytes of one pack of trees or of contents; 64 MiB
	MaxScratch int64             // bytes kept for one repository; 256 MiB
	Expiry     time.Duration     // how long they are kept unused; 10 minutes
	Now        func() time.Time  // time.Now
	Received   func(bytes int64) // is told of each pack, when set; any goroutine may call it
}

// OnDemand shows what commits changed. A mirror has no trees and no files: those of the commits asked about are fetched
// when they are, into a scratch repository beside it, and kept there for a while. It is safe for concurrent use, and
// does not wait for the fetches and walks of a repository, nor they for it.
//
// What it costs is limited: so many fetches at once, of them few from one host, and so many comparisons. Those who ask wait
// for their turn as long as their contexts allow.
type OnDemand struct {
	options   OnDemandOptions
	fetching  gate
	computing gate
	hosts     hosts
	scratches *scratches
}

// Shown is a repository whose commits can be shown: a *Local or a *Remote.
type Shown interface {
	show(ctx context.Context, d *OnDemand, host string, commits []storage.OID, o storage.DiffOptions) ([]storage.DiffResult, error)
}

// NewOnDemand shows commits of the mirrors in a directory, and of any Local. It starts nothing; its owner calls Clean
// once and Sweep from time to time.
func NewOnDemand(mirrors string, o OnDemandOptions) *OnDemand {
	if o.Fetches == 0 {
		o.Fetches = 8
	}
	if o.PerHost == 0 {
		o.PerHost = 2
	}
	if o.Compute == 0 {
		o.Compute = runtime.GOMAXPROCS(0)
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
		options:   o,
		fetching:  make(gate, o.Fetches),
		computing: make(gate, o.Compute),
		hosts:     hosts{most: o.PerHost, gates: map[string]gate{}},
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

// Diff gives what a commit changed against its first parent. The host names what the limit of fetches per host counts by. It is storage.ErrNoObjects when the repository's server does
// not hand out trees and blobs, and storage.ErrDiffTooLarge when they are larger than a pack may be.
func (d *OnDemand) Diff(ctx context.Context, from Shown, host string, commit storage.OID, o storage.DiffOptions) (storage.Diff, error) {
	results, err := from.show(ctx, d, host, []storage.OID{commit}, o)
	if err != nil {
		return storage.Diff{}, err
	}
	return results[0].Diff, results[0].Err
}

// Files gives what several commits changed, in their order. What is missing of all of them is asked for together, unless that
// is too much: then for one after the other. The error is one that no commit has an answer for.
func (d *OnDemand) Files(ctx context.Context, from Shown, host string, commits []storage.OID, o storage.DiffOptions) ([]storage.DiffResult, error) {
	results, err := from.show(ctx, d, host, commits, o)
	if len(commits) < 2 || !errors.Is(err, storage.ErrDiffTooLarge) {
		return results, err
	}
	results = make([]storage.DiffResult, len(commits))
	for i, oid := range commits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		results[i].Diff, results[i].Err = d.Diff(ctx, from, host, oid, o)
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

func (l *Local) show(ctx context.Context, d *OnDemand, _ string, commits []storage.OID, options storage.DiffOptions) ([]storage.DiffResult, error) {
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
		return (&differ{ctx: ctx, options: options, objects: o, shallow: shallow, turn: &turn{gate: d.computing}}).all(commits)
	})
	return namedResults(results, err, l.named)
}

func (r *Remote) show(ctx context.Context, d *OnDemand, host string, commits []storage.OID, options storage.DiffOptions) ([]storage.DiffResult, error) {
	results, err := again(func() (results []storage.DiffResult, err error) {
		shallow, err := readShallow(r.mirror.dirs())
		if err != nil {
			return nil, err
		}
		v := &visit{ctx: ctx, on: d, remote: r, host: host}
		if v.objects, err = openDirs(r.mirror.dirs()); err != nil {
			return nil, err
		}
		defer func() {
			if left := v.end(); err == nil {
				err = left
			}
		}()
		return (&differ{
			ctx: ctx, options: options, objects: v.objects, shallow: shallow, turn: &turn{gate: d.computing}, need: v.need,
		}).all(commits)
	})
	return namedResults(results, err, r.named)
}
