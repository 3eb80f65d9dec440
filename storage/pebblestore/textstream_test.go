package pebblestore

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"keytrail/storage"
)

// TestAStreamOfTextsThatEndsEarlyLeavesNothing ends an Advance of many commits in every way but well. Its files go, its goroutine ends
// (see TestMain), and the index is as it was.
func TestAStreamOfTextsThatEndsEarlyLeavesNothing(t *testing.T) {
	errBroken := errors.New("broken")
	line, tip := lineOf(3 * checkEvery)
	for _, c := range []struct {
		name string
		end  func(s *Store, id storage.RepositoryID, cancel func()) error // when the last commit but some has come
		want error
	}{
		{"its source fails", func(*Store, storage.RepositoryID, func()) error { return errBroken }, errBroken},
		{"it is cancelled", func(_ *Store, _ storage.RepositoryID, cancel func()) error { cancel(); return nil }, context.Canceled},
		{"its repository is forgotten", func(s *Store, id storage.RepositoryID, _ func()) error {
			return s.Forget(context.Background(), id)
		}, storage.ErrNotFound},
		{"its repository is advanced", func(s *Store, id storage.RepositoryID, _ func()) error {
			_, err := s.Advance(context.Background(), storage.Advance{Repository: id})
			return err
		}, storage.ErrStale},
		{"its source panics", func(*Store, storage.RepositoryID, func()) error { panic(errBroken) }, errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			disk := vfs.NewMem()
			s := openOn(t, disk)
			id := registerOne(t, s)
			read := 0
			a := pushOf(id, func(yield func(storage.Commit, error) bool) {
				for commit, err := range line {
					if read++; read == 2*checkEvery-5 {
						err = c.end(s, id, cancel)
					}
					if !yield(commit, err) {
						return
					}
				}
			}, storage.OID{}, tip)
			if err := advanceOrPanic(ctx, s, a); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.want == context.Canceled && read > 2*checkEvery {
				t.Errorf("it went on for %d commits", read)
			}
			wantNothingBuilt(t, disk)
			wantSound(t, s)
		})
	}
}

// advanceOrPanic makes an error of a panic.
func advanceOrPanic(ctx context.Context, s *Store, a storage.Advance) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	_, err = s.Advance(ctx, a)
	return err
}

func TestAFullDiskFailsTheWriteAndLeavesTheIndexAsItWas(t *testing.T) {
	line, tip := lineOf(3000)
	for at := int64(0); ; at = 2*at + 1 {
		disk := vfs.NewMem()
		var left atomic.Int64 // writes until the disk is full
		left.Store(at)
		s := openOn(t, errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			isBuilt := strings.Contains(op.Path, tablePrefix) && op.Kind != errorfs.OpRemove && op.Kind.ReadOrWrite() == errorfs.OpIsWrite
			if isBuilt && left.Add(-1) < 0 {
				return syscall.ENOSPC
			}
			return nil
		})))
		a := pushOf(registerOne(t, s), line, storage.OID{}, tip)
		_, err := s.Advance(context.Background(), a)
		if err == nil {
			return
		}
		if !errors.Is(err, storage.ErrFull) {
			t.Errorf("after %d writes: got %v, want %v", at, err, storage.ErrFull)
		}
		wantNothingBuilt(t, disk)
		wantSound(t, s)
		left.Store(1 << 40)
		advanceTo(t, s, a)
	}
}

func TestATableThatIsNotRemovedDoesNotFailTheWrite(t *testing.T) {
	s := openOn(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.Contains(op.Path, tablePrefix) && op.Kind == errorfs.OpRemove {
			return syscall.EIO
		}
		return nil
	})))
	line, tip := lineOf(100)
	advanceTo(t, s, pushOf(registerOne(t, s), line, storage.OID{}, tip))
	wantSound(t, s)
}

// openOn opens an index whose texts are all written as they come.
func openOn(t *testing.T, disk vfs.FS) *Store {
	t.Helper()
	s, err := openBy(ways[2], Options{Dir: "index", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func wantNothingBuilt(t *testing.T, disk vfs.FS) {
	t.Helper()
	names, err := disk.List("index")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, tablePrefix) {
			t.Errorf("%s is left", n)
		}
	}
}

func wantSound(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Verify(context.Background(), func(p storage.Problem) { t.Errorf("verify: %+v", p) }); err != nil {
		t.Error(err)
	}
}

func registerOne(t *testing.T, s *Store) storage.RepositoryID {
	t.Helper()
	ids, err := s.Register(context.Background(), []storage.RepositorySpec{{HostID: "shop", Name: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

// pushOf moves the main branch of a repository.
func pushOf(id storage.RepositoryID, commits iter.Seq2[storage.Commit, error], old, tip storage.OID) storage.Advance {
	return storage.Advance{
		Repository: id, Commits: commits, SeenAt: time.Unix(1700000000, 0),
		Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: tip, Commit: tip}, Old: old}},
	}
}

func advanceTo(t *testing.T, s *Store, a storage.Advance) {
	t.Helper()
	if _, err := s.Advance(context.Background(), a); err != nil {
		t.Fatal(err)
	}
}
