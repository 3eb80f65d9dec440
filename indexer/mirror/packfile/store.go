package packfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"keytrail/storage"
)

// DefaultMaxObject is the size, in bytes, above which an object is not read unless Options says otherwise.
const DefaultMaxObject = 100 << 20

// Options of a Store. The zero value is ready for use.
type Options struct {
	MaxObject int64 // bytes; 0 for DefaultMaxObject
}

// Store is the objects of a repository. It is safe for concurrent use.
type Store struct {
	dir       string
	maxObject int64

	scanning sync.Mutex // held while the directories are looked through

	mu     sync.Mutex
	now    *set // nil when closed
	packed map[string]*pack
}

// set is the files of a Store as they were found at one time. Its maps stay while somebody has it pinned, whatever
// happens to the files.
type set struct {
	packs  []*pack // those with most objects first
	dirs   []string
	scans  []scan
	pinned int // guarded by Store.mu; being the present one counts
}

// scan is when a directory of packs was looked through, to save doing it in vain.
type scan struct {
	dir      string
	modified time.Time
	at       time.Time
}

// Open maps the packs of an objects directory ("repo.git/objects") and of its alternates. It starts nothing.
func Open(dir string, o Options) (*Store, error) {
	if o.MaxObject <= 0 {
		o.MaxObject = DefaultMaxObject
	}
	s := &Store{dir: dir, maxObject: o.MaxObject, packed: map[string]*pack{}}
	first := &set{pinned: 1}
	s.now = first
	if _, err := s.rescan(first); err != nil {
		return nil, errors.Join(fmt.Errorf("open the objects of %s: %w", dir, err), s.Close())
	}
	return s, nil
}

// Close gives the files up. What reads at this time goes on to its end; what begins later fails with ErrClosed.
func (s *Store) Close() error {
	s.scanning.Lock()
	defer s.scanning.Unlock()
	s.mu.Lock()
	now := s.now
	s.now = nil
	s.mu.Unlock()
	if now != nil {
		s.unpin(now)
	}
	return nil
}

// Refresh looks for packs that were added and drops those that are gone. Reading does it by itself when it misses an object.
func (s *Store) Refresh() error {
	now, err := s.pin()
	if err != nil {
		return err
	}
	defer s.unpin(now)
	_, err = s.refresh(now)
	return err
}

// refresh makes the files present ones, unless they are, or are newer than old already. It reports whether they differ from
// old's.
func (s *Store) refresh(old *set) (bool, error) {
	s.scanning.Lock()
	defer s.scanning.Unlock()
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	switch {
	case now == nil:
		return false, ErrClosed
	case now != old:
		return true, nil
	case now.isCurrent():
		return false, nil
	}
	fresh, err := s.rescan(now)
	if err != nil {
		return false, fmt.Errorf("look for new packs: %w", err)
	}
	return !slices.Equal(fresh.packs, now.packs) || !slices.Equal(fresh.dirs, now.dirs), nil
}

// settled is how old a change of a directory must be so that a later change is sure to have another time.
const settled = 2 * time.Second

// isCurrent reports whether no directory has changed since the scan.
func (n *set) isCurrent() bool {
	for _, sc := range n.scans {
		info, err := os.Stat(sc.dir)
		if errors.Is(err, fs.ErrNotExist) && sc.modified.IsZero() {
			continue
		}
		if err != nil || !info.ModTime().Equal(sc.modified) || sc.at.Sub(sc.modified) < settled {
			return false
		}
	}
	return len(n.scans) > 0
}

// rescan replaces the present set, old. The caller holds scanning, or is alone.
func (s *Store) rescan(old *set) (*set, error) {
	dirs, err := objectDirs(s.dir)
	if err != nil {
		return nil, err
	}
	fresh := &set{dirs: dirs, pinned: 1}
	for _, dir := range dirs {
		if err := s.scanPacks(fresh, filepath.Join(dir, "pack")); err != nil {
			s.release(fresh)
			return nil, err
		}
	}
	// An object that is in several packs counts as part of the first. With the large ones first, the many are found
	// at the first try.
	slices.SortStableFunc(fresh.packs, func(a, b *pack) int { return b.index.count - a.index.count })
	s.mu.Lock()
	s.now = fresh
	s.mu.Unlock()
	s.unpin(old)
	return fresh, nil
}

// scanPacks adds the packs of a directory to a set: those that are mapped already, and new ones. One that disappears at
// this moment is passed over.
func (s *Store) scanPacks(fresh *set, dir string) error {
	sc := scan{dir: dir, at: time.Now()}
	if info, err := os.Stat(dir); err == nil {
		sc.modified = info.ModTime()
	}
	fresh.scans = append(fresh.scans, sc)
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".idx")
		if !ok {
			continue
		}
		p, err := s.mapPack(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		fresh.packs = append(fresh.packs, p)
	}
	return nil
}

// mapPack gives the pack of that name for one more set.
func (s *Store) mapPack(name string) (*pack, error) {
	info, err := os.Stat(name + ".pack")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	p := s.packed[name]
	if p != nil && p.maps[0].isFile(info) {
		p.users++
		s.mu.Unlock()
		return p, nil
	}
	s.mu.Unlock()
	if p, err = openPack(name); err != nil {
		return nil, err
	}
	p.users = 1
	s.mu.Lock()
	s.packed[name] = p
	s.mu.Unlock()
	return p, nil
}

// pin keeps the present set's files mapped until it is unpinned.
func (s *Store) pin() (*set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		return nil, ErrClosed
	}
	s.now.pinned++
	return s.now, nil
}

// unpin undoes a pin. The last one unmaps what no other set has.
func (s *Store) unpin(n *set) {
	s.mu.Lock()
	n.pinned--
	last := n.pinned == 0
	s.mu.Unlock()
	if last {
		s.release(n)
	}
}

// release unmaps the packs of a set that nobody has pinned.
func (s *Store) release(n *set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range n.packs {
		if p.users--; p.users > 0 {
			continue
		}
		if s.packed[p.name] == p {
			delete(s.packed, p.name)
		}
		unmapAll(p.maps)
	}
}

// has is nil when the set has an object.
func (n *set) has(oid *storage.OID) error {
	if p, _ := n.find(oid); p != nil {
		return nil
	}
	for _, dir := range n.dirs {
		_, err := os.Stat(loosePath(dir, oid))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return ErrNotFound
}
