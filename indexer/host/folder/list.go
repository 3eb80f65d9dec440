package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"keytrail/indexer/host"
)

// maxDirectories is how many directories may be looked at.
const maxDirectories = 1_000_000

// List gives the repositories in the folder. One that vanishes meanwhile is left out; whatever else cannot be read fails the list,
// for what lies there would be taken for deleted.
func (h *Host) List(ctx context.Context) (any, error) {
	local, err := h.local()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(local)
	if err != nil {
		return nil, unreadable(h.path, err)
	}
	defer root.Close()
	w := &walk{ctx: ctx, root: root, files: root.FS(), path: h.path, found: []any{}}
	if is, err := w.look("."); err != nil {
		return nil, err
	} else if is != plain {
		return nil, host.Problem(host.ErrConfig, "%s is itself a repository: name the folder above it as path, or the repository under repositories", h.path)
	}
	if err := w.in(".", h.depth); err != nil {
		return nil, err
	}
	if w.entries == 0 {
		return nil, host.Problem(host.ErrUnreachable, "%s is empty, as a mount point is where nothing is mounted: mount it, "+
			"or put any file into a folder that is meant to be empty", h.path)
	}
	return w.found, nil
}

// unreadable is the error of a file or directory.
func unreadable(name string, err error) error {
	e := &host.Error{Kind: host.ErrUnreachable, Text: name + " cannot be read: check that it is a directory, and the share if it is one", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Text = host.ErrGone, name+" is not there: correct the path of the integration, or mount it"
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Text = host.ErrAuth, name+" may not be read: grant it to the user that keytrail runs as"
	}
	return e
}

// walk is a look at a folder. Its names are paths below the root, which no link can lead out of.
type walk struct {
	ctx     context.Context
	root    *os.Root
	files   fs.FS  // of the root
	path    string // of the root, for people and filters
	looks   int    // directories looked at
	entries int    // of the root
	found   []any
}

// kind says what a directory is.
type kind int

const (
	plain      kind = iota // may hold repositories
	repository             // is one
	linked                 // belongs to a repository elsewhere
)

// in looks at the directories in one, down to a depth.
func (w *walk) in(dir string, depth int) error {
	entries, err := fs.ReadDir(w.files, dir)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return nil
	} else if err != nil {
		return unreadable(w.full(dir), err)
	}
	if dir == "." {
		w.entries = len(entries)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || strings.HasPrefix(name, ".") || name == "lost+found" {
			continue
		}
		child := path.Join(dir, name)
		is, err := w.look(child)
		switch {
		case err != nil:
			return err
		case is == repository:
			w.found = append(w.found, map[string]any{"name": strings.TrimSuffix(name, ".git"), "fullPath": w.full(child)})
		case is == plain && depth > 1:
			if err := w.in(child, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// look tells what a directory is.
func (w *walk) look(dir string) (kind, error) {
	if err := w.ctx.Err(); err != nil {
		return plain, err
	}
	if w.looks++; w.looks > maxDirectories {
		return plain, host.Problem(host.ErrTooLarge, "%s holds more than %d directories: choose a smaller depth", w.path, maxDirectories)
	}
	git, err := w.stat(path.Join(dir, ".git"))
	switch {
	case err != nil:
		return plain, err
	case git != nil && !git.IsDir():
		return linked, nil
	case git != nil:
		dir = path.Join(dir, ".git")
	}
	head, err := w.stat(path.Join(dir, "HEAD"))
	if err != nil || head == nil || head.IsDir() {
		return plain, err
	}
	for _, part := range []string{"objects", "refs"} {
		if info, err := w.stat(path.Join(dir, part)); err != nil || info == nil || !info.IsDir() {
			return plain, err
		}
	}
	return repository, nil
}

// stat tells of a file, or of a link itself; nil when it is not there.
func (w *walk) stat(name string) (fs.FileInfo, error) {
	info, err := w.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, unreadable(w.full(name), err)
	}
	return info, nil
}

// full gives the path of a name as filters see it.
func (w *walk) full(name string) string {
	if name == "." {
		return w.path
	}
	return w.path + "/" + name
}
