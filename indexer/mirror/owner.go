package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// trust says which directories are read in place: those of one user, and those below the roots that an operator named. Whoever
// owns a repository decides what its objects are and where more of them lie, so that reading a stranger's could show to
// everyone who asks the index what this process alone may read.
type trust struct {
	uid   int
	roots []string
}

// check refuses with ErrOwner a repository with a directory that is not trusted: where its refs are, or any of its objects,
// those that it borrows by objects/info/alternates (gitrepository-layout(5)) among them. Links are followed first.
func (t trust) check(dirs gitDirs) error {
	for _, dir := range []string{dirs.own, dirs.common} {
		if _, err := t.real(dir); err != nil {
			return err
		}
	}
	return t.checkObjects(filepath.Join(dirs.common, "objects"), map[string]bool{})
}

// checkObjects checks a directory of objects and those that it borrows from, each once.
func (t trust) checkObjects(dir string, seen map[string]bool) error {
	dir, err := t.real(dir)
	if err != nil || seen[dir] {
		return err
	}
	seen[dir] = true
	list, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(list)) {
		alternate := strings.TrimRight(line, "\r\n")
		if alternate == "" || alternate[0] == '#' {
			continue
		}
		if !filepath.IsAbs(alternate) {
			alternate = filepath.Join(dir, alternate)
		}
		// From one that is not there nothing can be read. That objects are missing is said when they are wanted.
		if err := t.checkObjects(alternate, seen); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// real gives a trusted directory's path without links, and refuses others.
func (t trust) real(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) == t.uid || t.isBelowRoot(real) {
		return real, nil
	}
	owner := "another user"
	if ok {
		owner = fmt.Sprintf("user %d", stat.Uid)
	}
	return "", fmt.Errorf("%w: %s belongs to %s and keytrail runs as user %d: have it run as the owner, or name a directory above "+
		"as trusted, by local.roots in the configuration or --trust on the command line", ErrOwner, real, owner, t.uid)
}

// isBelowRoot reports whether a path without links is one of the roots or below one. A root that is not there holds nothing.
func (t trust) isBelowRoot(path string) bool {
	for _, root := range t.roots {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			continue
		}
		if below, err := filepath.Rel(real, path); err == nil && filepath.IsLocal(below) {
			return true
		}
	}
	return false
}
