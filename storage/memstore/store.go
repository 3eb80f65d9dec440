// Package memstore is the model of an index: the contract of package storage in the plainest code there is.
//
// It keeps maps of what each repository holds and works everything else out anew whenever it is asked. The commits
// of a repository are what a search from its tips finds, never a count of references; which branches contain a
// commit is another search. So it is slow, and easy to believe. Tests compare engines with it, and use it where
// they need an index but no disk.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"keytrail/storage"
)

// ErrClosed answers every call after Close.
var ErrClosed = errors.New("the index is closed")

// Store is an index in memory.
type Store struct {
	write   sync.Mutex            // held by a writer from reading the current state until replacing it
	current atomic.Pointer[state] // nil once closed
}

var _ storage.Store = (*Store)(nil)

// New returns an empty index.
func New() *Store {
	s := &Store{}
	s.current.Store(&state{repositories: map[storage.RepositoryID]*repository{}, feed: newFeed()})
	return s
}

// Close makes every later call fail.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	if st := s.current.Swap(nil); st != nil {
		close(st.feed.moved)
	}
	return nil
}

// state is the whole index between two writes. A published state is not changed any more, and neither is a
// repository in it: a writer replaces both.
type state struct {
	last         storage.RepositoryID // the last id given out
	repositories map[storage.RepositoryID]*repository
	decided      []storage.Association // every one, by number
	verdicts     verdicts              // those that stand
	feed         feed
	commands     []storage.Command
	searched     storage.FeedCursor // for commands
}

func (st *state) repository(id storage.RepositoryID) (*repository, error) {
	if r := st.repositories[id]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("repository %d: %w", id, storage.ErrNotFound)
}

// sorted gives the repositories in order of their ids.
func (st *state) sorted() []*repository {
	var all []*repository
	for _, id := range slices.Sorted(maps.Keys(st.repositories)) {
		all = append(all, st.repositories[id])
	}
	return all
}

// read gives the state that a reader answers from.
func (s *Store) read(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st := s.current.Load()
	if st == nil {
		return nil, ErrClosed
	}
	return st, nil
}

// change replaces the state by a changed copy, or leaves it when the change fails.
func (s *Store) change(ctx context.Context, change func(next *state) error) error {
	s.write.Lock()
	defer s.write.Unlock()
	st, err := s.read(ctx)
	if err != nil {
		return err
	}
	next := *st
	next.repositories = maps.Clone(st.repositories)
	if err := change(&next); err != nil {
		return err
	}
	next.feed.record(st, &next)
	s.current.Store(&next)
	return nil
}

// rows yields what list finds in the state as of the first row.
func rows[T any](ctx context.Context, s *Store, list func(*state) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var found []T
		st, err := s.read(ctx)
		if err == nil {
			found, err = list(st)
		}
		for _, row := range found {
			if err = ctx.Err(); err != nil {
				break
			}
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}
