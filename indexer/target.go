package indexer

import (
	"context"
	"iter"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// Target is one repository to index and how to reach it.
type Target struct {
	Spec     storage.RepositorySpec
	Refspecs mirror.Refspecs
	Remote   mirror.RemoteOptions // for a repository that is fetched; a path is read in place
	// PullRequests reads the repository's pull requests; nil when its host lists none.
	PullRequests PullRequestSource

	// Way stands for all that Refspecs and Remote are made from, whose functions cannot be compared: two targets with the same
	// one, not nil, are reached alike. Its type is comparable.
	Way any
	// IsDormant keeps the repository in the index without looks at it: its host has it and does not let it be fetched.
	IsDormant bool
}

// Source is a repository as the indexer sees it; *mirror.Local and *mirror.Remote are such. One goroutine at a time
// uses it.
type Source interface {
	// Look reads the refs that the refspecs select, unless they are as in the look with a digest. It may be partial if all that
	// changed at that look was fetched.
	Look(ctx context.Context, since mirror.Digest) (*mirror.Look, error)
	// Fetch brings the objects of changed refs here and resolves the refs to commits.
	Fetch(ctx context.Context, look *mirror.Look, changed []mirror.Ref, progress func(mirror.Progress)) (mirror.Fetched, error)
	// Walk yields once, in batches of any order, each commit that tips reach and that is not known. A known commit's ancestors are known.
	Walk(ctx context.Context, tips []storage.OID, known func(storage.OID) (bool, error), keys mirror.FindKeys) iter.Seq2[[]storage.Commit, error]
	// Notes gives the notes that differ between two tips of a notes ref; isWhole when they are all there are.
	Notes(ctx context.Context, ref string, from, to storage.OID) (changes []mirror.Note, isWhole bool, err error)
	// Discard removes what is kept here of the repository, so that the next Fetch begins anew.
	Discard() error
	Close() error
}

var (
	_ Source = (*mirror.Local)(nil)
	_ Source = (*mirror.Remote)(nil)
)

// target is a Target at work.
type target struct {
	Target
	id storage.RepositoryID

	reset   atomic.Bool  // the next look indexes everything again
	nudged  atomic.Int64 // when the oldest nudge came that no look has followed yet; 0: none
	changed atomic.Int64 // since when a change is known that is not indexed; 0: none

	pulls   atomic.Pointer[PullRequestSource] // nil: none
	pulling sync.Mutex                        // held by the one poll of pull requests at a time
	renew   atomic.Bool                       // the next poll reads all pull requests, and believes what it is told

	busy   sync.Mutex // held by the one job at a time; guards what follows
	source Source
	seen   mirror.Digest // of the last look that the index agreed with

	showing sync.Mutex // guards what follows
	shown   mirror.Shown
}

func newTarget(id storage.RepositoryID, t Target) *target {
	made := &target{Target: t, id: id}
	if t.PullRequests != nil {
		made.pulls.Store(&t.PullRequests)
	}
	return made
}

// sameAs reports whether a reload leaves a target as it was.
func (t *target) sameAs(u *target) bool {
	if t.Spec != u.Spec || t.IsDormant != u.IsDormant {
		return false
	}
	return t.Way != nil && t.Way == u.Way || reflect.DeepEqual(t.Refspecs, u.Refspecs) && t.Remote.Same(u.Remote)
}

// host names what the limit of jobs per host counts by.
func (t *target) host() string {
	if t.Spec.Integration != "" {
		return t.Spec.Integration
	}
	if _, isLocal := mirror.LocalPath(t.Spec.URL); isLocal {
		return "local"
	}
	return wire.HostOf(t.Spec.URL)
}

// noteChange remembers since when a change waits to be indexed.
func (t *target) noteChange(at time.Time) { t.changed.CompareAndSwap(0, at.UnixNano()) }

// open gives the target's source, which is kept for the looks that follow.
func (x *Indexer) open(t *target) (Source, error) {
	if t.source != nil {
		return t.source, nil
	}
	source, err := x.newSource(t)
	if err == nil {
		t.source = source
	}
	return t.source, err
}

// shownSource is a source that commits can be shown of.
type shownSource interface {
	Source
	mirror.Shown
}

func (x *Indexer) newSource(t *target) (shownSource, error) {
	if path, ok := mirror.LocalPath(t.Spec.URL); ok {
		return mirror.OpenLocal(path, t.Refspecs, t.Remote.Options)
	}
	return mirror.OpenRemote(x.mirrorDir(t.id), t.Spec.URL, t.Refspecs, t.Remote)
}

// close releases the target's source. The caller sees to it that no job uses it.
func (t *target) close() error {
	if t.source == nil {
		return nil
	}
	s := t.source
	t.source = nil
	return s.Close()
}
