package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	git "github.com/libgit2/git2go/v34"

	"keytrail/storage"
)

// The kinds of failure that a caller acts upon. Errors of package wire pass through wrapped.
var (
	ErrNotRepository = errors.New("not a git repository")
	ErrObjectFormat  = errors.New("repository format not supported") // SHA-256 names, reftable, a newer format
	ErrCorrupt       = errors.New("repository damaged")              // of a Remote: Discard the mirror and fetch again
	ErrFull          = errors.New("no space left for the mirror")
	ErrOwner         = errors.New("repository of another user")
	ErrRefspec       = errors.New("bad refspec")
)

// classify gives an error of libgit2 or the file system its kind. It returns errors that have none, or one already, as
// they are.
func classify(err error) error {
	for _, kind := range []error{ErrNotRepository, ErrObjectFormat, ErrCorrupt, ErrFull} {
		if errors.Is(err, kind) {
			return err
		}
	}
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("%w: free some, it is tried again: %w", ErrFull, err)
	case isFormat(err):
		return fmt.Errorf("%w (only SHA-1 repositories with file refs are): take it out of the selection: %w", ErrObjectFormat, err)
	}
	return err
}

func isFull(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	// libgit2 tells the system's error by its text only.
	var g *git.GitError
	return errors.As(err, &g) &&
		(strings.Contains(g.Message, syscall.ENOSPC.Error()) || strings.Contains(strings.ToLower(g.Message), "no space left") ||
			strings.Contains(strings.ToLower(g.Message), "quota exceeded"))
}

// isFormat tells of the two refusals that libgit2 1.5 has for formats: an unknown extension and a newer version.
func isFormat(err error) bool {
	var g *git.GitError
	return errors.As(err, &g) &&
		(strings.HasPrefix(g.Message, "unsupported extension") || strings.HasPrefix(g.Message, "unsupported repository version"))
}

// corruptObject is the error of an object that cannot be read from a repository.
func corruptObject(oid storage.OID, err error) error {
	err = classify(err)
	if errors.Is(err, ErrFull) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	if git.IsErrorCode(err, git.ErrorCodeNotFound) {
		return fmt.Errorf("%w: object %s is missing", ErrCorrupt, oid)
	}
	return fmt.Errorf("%w: object %s: %w", ErrCorrupt, oid, err)
}
