package mirror

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// Local is a repository on this machine, read in place: nothing of it is copied, and nothing is written to it.
type Local struct {
	path    string
	specs   Refspecs
	options Options
	trust   trust

	boundary map[storage.OID]bool // where the history was cut at the last look; nil before the first
}

// OpenLocal names the repository at a path: bare, with a work tree, or a linked worktree. Whether it is there shows at
// the first Look, and at each one after it; so does whether it may be read, by Options.Roots.
func OpenLocal(path string, specs Refspecs, o Options) (*Local, error) {
	if err := setUp(); err != nil {
		return nil, err
	}
	return &Local{path: path, specs: specs, options: o, trust: trust{uid: os.Geteuid(), roots: o.Roots}}, nil
}

// named adds which repository an error is about.
func (l *Local) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("repository %s: %w", l.path, classify(err))
}

// locate finds the repository, and refuses it with ErrOwner if it is a stranger's.
func (l *Local) locate() (gitDirs, error) {
	dirs, err := locate(l.path)
	if err == nil {
		err = l.trust.check(dirs)
	}
	return dirs, err
}

// Look reads the refs. It fails for a repository whose format libgit2 cannot read.
func (l *Local) Look(ctx context.Context, since Digest) (*Look, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dirs, err := l.locate()
	if err != nil {
		return nil, l.named(err)
	}
	o, err := openDirs(dirs)
	if err != nil {
		return nil, l.named(err)
	}
	o.close()
	if err := l.checkBoundary(dirs); err != nil {
		return nil, l.named(err)
	}
	refs, err := readRefs(dirs)
	if err != nil {
		return nil, l.named(err)
	}
	b := lookBuilder{specs: l.specs, look: Look{Refs: make([]Ref, 0, len(refs.direct)), Head: refs.head}}
	for _, r := range refs.direct {
		if err := b.add(r.name, r.oid); err != nil {
			return nil, l.named(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refs.broken)) {
		if err := l.specs.names(name, func(string) { b.refuse(name, refs.broken[name]) }); err != nil {
			return nil, l.named(err)
		}
	}
	look := b.finish()
	look.sum()
	if look.Digest == since {
		return &Look{Digest: since, IsSame: true}, nil
	}
	return look, nil
}

// openDirs opens the objects of a located repository.
func openDirs(dirs gitDirs) (*objects, error) {
	o, err := openObjects(dirs.common)
	if git.IsErrorCode(err, git.ErrorCodeNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrNotRepository, err)
	}
	return o, err
}

// Fetch resolves the changed refs to commits; the objects are here already.
func (l *Local) Fetch(ctx context.Context, _ *Look, changed []Ref, _ func(Progress)) (Fetched, error) {
	dirs, err := l.locate()
	if err != nil {
		return Fetched{}, l.named(err)
	}
	p, err := newLookup(dirs)
	if err != nil {
		return Fetched{}, l.named(err)
	}
	defer p.close()
	fetched := Fetched{Refs: make([]Ref, 0, len(changed))}
	for _, r := range changed {
		if err := ctx.Err(); err != nil {
			return Fetched{}, err
		}
		if !l.specs.IsNotes(r.Name) {
			if r.Commit, err = p.peel(r.OID); err != nil {
				return Fetched{}, l.named(fmt.Errorf("ref %q: %w; run git fsck there", r.Name, err))
			}
		}
		fetched.Refs = append(fetched.Refs, r)
	}
	return fetched, nil
}

// Walk yields each commit that tips reach and known does not know, in batches, with the keys that are found in its message. A batch is the
// caller's until it asks for the next one; what the commits refer to stays.
func (l *Local) Walk(ctx context.Context, tips []storage.OID, known func(storage.OID) (bool, error), keys FindKeys) iter.Seq2[[]storage.Commit, error] {
	return func(yield func([]storage.Commit, error) bool) {
		dirs, err := l.locate()
		if err != nil {
			yield(nil, l.named(err))
			return
		}
		for commits, err := range walkCommits(ctx, dirs, l.options, tips, known, keys) {
			if !yield(commits, l.named(err)) || err != nil {
				return
			}
		}
	}
}

// Notes gives the notes that differ between two tips of a notes ref.
func (l *Local) Notes(ctx context.Context, ref string, from, to storage.OID) (changes []Note, isWhole bool, err error) {
	dirs, err := l.locate()
	if err != nil {
		return nil, false, l.named(err)
	}
	changes, isWhole, err = readNotes(ctx, dirs, from, to)
	if err != nil {
		err = l.named(fmt.Errorf("notes %q: %w", ref, err))
	}
	return changes, isWhole, err
}

// Discard does nothing: what is read in place is not ours to remove.
func (*Local) Discard() error { return nil }

// Close does nothing: nothing is kept open.
func (*Local) Close() error { return nil }
