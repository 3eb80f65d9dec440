// Package folder is a tracked folder: a directory of this machine, or a network share mounted on it, that holds repositories.
//
// Nobody has to be asked there: List looks into the folders down to a depth of 1 to 5, where 1 is what lies in the folder itself. A
// repository is a bare one, or a work tree with a directory .git; what lies in it is not looked into. The document that filters see is
// an array of {name, fullPath}, as users of Git Integration for Jira know it: the name of the directory without .git, and its whole path.
//
// A repository's identity is its path below the folder, so a folder may move to another place, but a repository that is renamed is
// another one. Links are not followed, neither out of the folder nor within it: whoever may write into the folder must not
// have another directory read. So linked worktrees and submodules, whose .git is a file, are left out, and so are hidden directories
// and lost+found: file servers keep copies of everything there.
//
// A network share is written as the directory that it is mounted at, or as //host/share, which is found in the table of mounts
// (share.go). A folder has no webhooks, no pull requests and no pages.
package folder

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"keytrail/indexer/host"
)

// maxDepth is how many levels may be looked into.
const maxDepth = 5

// Host is a folder. It is for use by many goroutines.
type Host struct {
	path   string // as filters see it, without a slash at its end; two before it are a share's
	depth  int
	mounts string // the table of mounts
}

// New makes the host of a folder. It takes Path, absolute, at whose end there may be /* for all that lies in it, and Depth.
func New(c host.Config) (host.Host, error) {
	h := &Host{depth: max(c.Depth, 1), mounts: "/proc/self/mountinfo"}
	if c.Depth < 0 || c.Depth > maxDepth {
		return nil, host.Problem(host.ErrConfig, "the depth is %d: write one from 1 to %d", c.Depth, maxDepth)
	}
	if !filepath.IsAbs(c.Path) {
		return nil, host.Problem(host.ErrConfig, "the path %q is not absolute: write it as /srv/git, or //host/share for a network share", c.Path)
	}
	h.path = strings.TrimRight(filepath.Clean(strings.TrimSuffix(c.Path, "/*")), "/")
	if strings.HasPrefix(c.Path, "//") {
		h.path = "/" + h.path
		if server, share, _ := strings.Cut(strings.TrimPrefix(h.path, "//"), "/"); server == "" || share == "" {
			return nil, host.Problem(host.ErrConfig, "the path %q names no share: write it as //host/share", c.Path)
		}
	}
	return h, nil
}

// Select reads repositories. Their clone URLs are paths on this machine.
func (h *Host) Select(document any) ([]host.Repository, error) {
	elements, err := host.Elements(document)
	if err != nil {
		return nil, err
	}
	local, err := h.local()
	if err != nil {
		return nil, err
	}
	repositories := make([]host.Repository, len(elements))
	for i, o := range elements {
		full := o.String("fullPath")
		if full == "" {
			continue // a filter may have dropped it; the caller refuses a repository without identity
		}
		below, ok := strings.CutPrefix(full, h.path+"/")
		if !ok || !filepath.IsLocal(below) || path.Clean(below) != below {
			return nil, host.Problem(host.ErrOrigin, "the path %q does not lie in %s: let the filter keep fullPath as it is", full, h.path)
		}
		repositories[i] = host.Repository{ID: below, Name: strings.TrimSuffix(below, ".git"), CloneHTTP: filepath.Join(local, below)}
	}
	return repositories, nil
}

// Credentials gives none: the user that keytrail runs as reads the files.
func (h *Host) Credentials(context.Context, host.Repository) (host.Credentials, error) {
	return host.Credentials{}, nil
}
