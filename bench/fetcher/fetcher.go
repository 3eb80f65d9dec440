// Package fetcher is a process that does nothing but fetch, as keytrail's daemon does it: one [mirror.Remote] that is
// looked at again and again, and fetched when its refs changed. Package bench runs it as a child, so that time and memory
// are those of fetching alone.
//
// It takes turns: a line on its standard input says how many looks the turn has, and when they are done a line on standard
// output tells the user and system time that they took, in microseconds. It ends with its input.
package fetcher

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"keytrail/indexer/mirror"
	"keytrail/storage"
)

// Options say what is fetched, and where to.
type Options struct {
	Dir      string   // of the mirror, made by the first fetch
	URL      string   // of the repository
	Refspecs []string // beside branches and tags
	Engine   string   // mirror.EngineNative or mirror.EngineLibgit2
}

// Fetcher keeps one mirror up to date.
type Fetcher struct {
	remote *mirror.Remote
	known  []mirror.Ref // at the last fetch, as an index has them
	digest mirror.Digest
}

// New makes a Fetcher; nothing is fetched yet.
func New(o Options) (*Fetcher, error) {
	specs, err := mirror.ParseRefspecs(false, false, o.Refspecs)
	if err != nil {
		return nil, err
	}
	remote, err := mirror.OpenRemote(o.Dir, o.URL, specs, mirror.RemoteOptions{Engine: o.Engine})
	if err != nil {
		return nil, err
	}
	return &Fetcher{remote: remote}, nil
}

// Close releases the mirror.
func (f *Fetcher) Close() error { return f.remote.Close() }

// Fetch looks once, and fetches if a ref is new, moved or gone.
func (f *Fetcher) Fetch(ctx context.Context) error {
	look, err := f.remote.Look(ctx, f.digest)
	if err != nil || look.IsSame {
		return err
	}
	known := make(map[string]storage.OID, len(f.known))
	for _, r := range f.known {
		known[r.Name] = r.OID
	}
	var changed []mirror.Ref
	for _, r := range look.Refs {
		if oid, ok := known[r.Name]; !ok || oid != r.OID {
			changed = append(changed, r)
		}
	}
	if _, err := f.remote.Fetch(ctx, look, changed, nil); err != nil {
		return err
	}
	f.known, f.digest = look.Refs, look.Digest
	return nil
}

// Serve takes turns until the input ends.
func (f *Fetcher) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		times, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			return fmt.Errorf("a turn: %w", err)
		}
		user, system, err := used()
		if err != nil {
			return err
		}
		for range times {
			if err := f.Fetch(ctx); err != nil {
				return err
			}
		}
		userNow, systemNow, err := used()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, userNow-user, systemNow-system); err != nil {
			return err
		}
	}
	return lines.Err()
}

// used gives the user and system time of this process so far, in microseconds.
func used() (user, system int64, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, err
	}
	return u.Utime.Nano() / 1000, u.Stime.Nano() / 1000, nil
}
