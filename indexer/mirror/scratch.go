package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	git "github.com/libgit2/git2go/v34"
)

// scratchSuffix names the directory of a mirror's scratch repositories after the mirror.
const scratchSuffix = ".scratch"

// scratch is a bare repository for trees and blobs that were fetched on demand. The mirror is its alternate, so that
// it reads as one with it, while the mirror keeps commits only.
//
// It only grows. When it is larger than allowed it takes no new users, and another one is made for them; it is removed when
// its last user leaves.
type scratch struct {
	mirror string // directory
	bare   bare
	queue  queue // of those that fetch into it

	// Guarded by scratches.mu.
	users     int
	bytes     int64 // of packs
	used      time.Time
	isRetired bool
}

// scratches keeps the scratch repositories of all mirrors below one directory. It is safe for concurrent use.
type scratches struct {
	mirrors string
	most    int64         // bytes of one scratch repository, beyond which it takes no new users
	expiry  time.Duration // how long an unused one is kept
	now     func() time.Time

	mu      sync.Mutex
	current map[string]*scratch   // by mirror: the one for new users
	all     map[*scratch]struct{} // those with users too that are retired
	made    int                   // so many have been made; names the next
}

// enter gives the scratch repository of a mirror, which is made if there is none. Its user leaves it in the end.
func (s *scratches) enter(mirror string) (*scratch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current[mirror]
	if c != nil && c.bytes > s.most {
		c.isRetired = true // of its users the last removes it; without any it goes now
		if c.users == 0 {
			delete(s.all, c)
			if err := c.remove(); err != nil {
				return nil, err
			}
		}
		c = nil
	}
	if c == nil {
		var err error
		if c, err = s.make(mirror); err != nil {
			return nil, err
		}
	}
	c.users++
	c.used = s.now()
	return c, nil
}

// make makes an empty scratch repository. The caller holds s.mu.
func (s *scratches) make(mirror string) (*scratch, error) {
	s.made++
	c := &scratch{
		mirror: mirror,
		bare:   bare{filepath.Join(mirror+scratchSuffix, strconv.Itoa(s.made))},
		queue:  queue{gate: make(gate, 1)},
	}
	// A crash may have left one of the same name.
	if err := os.RemoveAll(c.bare.dir); err != nil {
		return nil, fmt.Errorf("make a scratch repository: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.bare.dir), 0o750); err != nil {
		return nil, fmt.Errorf("make a scratch repository: %w", err)
	}
	repo, err := git.InitRepository(c.bare.dir, true)
	if err != nil {
		return nil, fmt.Errorf("make a scratch repository: %w", err)
	}
	repo.Free()
	// Relative to the directory of objects (gitrepository-layout(5)), so that no name in the path needs quoting.
	alternate := filepath.Join("..", "..", "..", filepath.Base(mirror), "objects") + "\n"
	if err := os.WriteFile(filepath.Join(c.bare.dir, "objects", "info", "alternates"), []byte(alternate), 0o640); err != nil {
		return nil, fmt.Errorf("make a scratch repository: %w", err)
	}
	s.current[mirror] = c
	s.all[c] = struct{}{}
	return c, nil
}

// leave ends the use that began with enter.
func (s *scratches) leave(c *scratch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.users--
	c.used = s.now()
	if c.users > 0 || !c.isRetired {
		return nil
	}
	delete(s.all, c)
	return c.remove()
}

// grew notes what was fetched into a scratch repository.
func (s *scratches) grew(c *scratch, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.bytes += bytes
}

// sweep removes the scratch repositories that nobody has used for longer than the expiry.
func (s *scratches) sweep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for c := range maps.Keys(s.all) {
		if c.users == 0 && s.now().Sub(c.used) >= s.expiry {
			errs = append(errs, c.remove())
			delete(s.all, c)
			if s.current[c.mirror] == c {
				delete(s.current, c.mirror)
			}
		}
	}
	return errors.Join(errs...)
}

// clean removes what an earlier process left.
func (s *scratches) clean() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(s.mirrors)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list scratch repositories: %w", err)
	}
	inUse := map[string]bool{}
	for c := range s.all {
		inUse[c.bare.dir] = true
	}
	var errs []error
	for _, e := range entries {
		if filepath.Ext(e.Name()) != scratchSuffix {
			continue
		}
		parent := filepath.Join(s.mirrors, e.Name())
		left, err := os.ReadDir(parent)
		errs = append(errs, err)
		for _, l := range left {
			if dir := filepath.Join(parent, l.Name()); !inUse[dir] {
				errs = append(errs, os.RemoveAll(dir))
			}
		}
		_ = os.Remove(parent) // stays while there is something in it
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove scratch repositories: %w", err)
	}
	return nil
}

// remove deletes the repository, and the directory it is in if it was the last there.
func (c *scratch) remove() error {
	if err := os.RemoveAll(c.bare.dir); err != nil {
		return fmt.Errorf("remove a scratch repository: %w", err)
	}
	_ = os.Remove(filepath.Dir(c.bare.dir))
	return nil
}
