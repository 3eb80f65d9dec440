package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LocalPath gives the path of a repository on this machine that a place names: a path, or a file:// URL. Anything with
// another scheme, and scp's user@host:path, is not local.
func LocalPath(place string) (path string, ok bool) {
	if p, isFile := strings.CutPrefix(place, "file://"); isFile {
		return p, true
	}
	if strings.Contains(place, "://") {
		return "", false
	}
	if host, _, isSCP := strings.Cut(place, ":"); isSCP && !strings.ContainsAny(host, `/\`) {
		return "", false
	}
	return place, true
}

// gitDirs are the directories of a repository: they differ for a worktree only.
type gitDirs struct {
	own    string // HEAD
	common string // objects, packed-refs and refs
}

// locate finds the git directory of a bare repository, a work tree, or a linked worktree at a path.
func locate(path string) (gitDirs, error) {
	info, err := os.Stat(path)
	if err != nil {
		return gitDirs{}, fmt.Errorf("%w: %w: correct the path, or take the repository out", ErrNotRepository, err)
	}
	if !info.IsDir() {
		return gitDirs{}, fmt.Errorf("%w: %s is a file", ErrNotRepository, path)
	}
	dir := path
	dotGit := filepath.Join(path, ".git")
	if info, err := os.Stat(dotGit); err == nil {
		dir = dotGit
		if !info.IsDir() {
			if dir, err = linked(dotGit, "gitdir: "); err != nil {
				return gitDirs{}, err
			}
		}
	}
	for _, part := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, part)); err != nil && part != "HEAD" && hasCommon(dir) {
			continue
		} else if errors.Is(err, fs.ErrNotExist) {
			return gitDirs{}, fmt.Errorf("%w: %s has no %s; name the directory that holds .git, or a bare repository", ErrNotRepository, path, part)
		} else if err != nil {
			return gitDirs{}, fmt.Errorf("%w: %w", ErrNotRepository, err)
		}
	}
	dirs := gitDirs{own: dir, common: dir}
	if hasCommon(dir) {
		if dirs.common, err = linked(filepath.Join(dir, "commondir"), ""); err != nil {
			return gitDirs{}, err
		}
	}
	return dirs, nil
}

func hasCommon(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "commondir"))
	return err == nil
}

// linked reads a file that names a directory, relative to its own if it is not absolute.
func linked(file, prefix string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotRepository, err)
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(b), "\r\n"), prefix)
	if !ok {
		return "", fmt.Errorf("%w: %s does not name a git directory", ErrNotRepository, file)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(file), target)
	}
	return target, nil
}
