package storage

import (
	"errors"
	"fmt"
)

// Change says what a commit did to a file.
type Change string

// The changes.
const (
	ChangeAdded       Change = "added"
	ChangeModified    Change = "modified" // its content or its mode
	ChangeDeleted     Change = "deleted"
	ChangeRenamed     Change = "renamed"     // its content may have changed too
	ChangeTypeChanged Change = "typechanged" // of file, symbolic link and submodule it became another
)

// FileChange is one file that a commit changed against its first parent.
//
// A path that is not UTF-8, or that begins with a double quote, is given as git quotes it: in double quotes, with C's
// escapes and bytes in octal. Every other path is given as it is.
type FileChange struct {
	Path      string
	OldPath   string // of a renamed file, else empty
	Change    Change
	Added     int  // lines; 0 when binary or not counted
	Removed   int  // lines
	IsBinary  bool // a NUL is among the first 8000 bytes of one of the sides, as git decides it
	Uncounted bool // its content is beyond a limit: whether it is binary, and its lines, are not known
}

// Diff is what one commit changed against its first parent, or against nothing when it has none. A merge is compared with
// its first parent too: what it brought into that branch.
type Diff struct {
	Commit OID
	Parent OID          // zero of a commit without parents
	Files  []FileChange // sorted by path as bytes
	Total  int          // of files changed, those beyond DiffOptions.MaxFiles too
	// Patch is in git's unified format, for git apply, with the bytes of the files as they are: it need not be UTF-8. It
	// holds whole files, in order; files that a limit leaves out are not in it.
	Patch          string
	PatchTruncated bool // some file is not in the patch on account of a limit
	// ExactRenames says that the commit adds and deletes so many files that only those renamed without a change are
	// recognised as renamed.
	ExactRenames bool
}

// DiffOptions limit a Diff. Zero is none of it.
type DiffOptions struct {
	MaxFiles int // files listed
	MaxFile  int // bytes of a file whose lines are counted and shown
	MaxPatch int // bytes of the patch
	Context  int // lines around a change in the patch
}

// DiffResult is the answer about one of several commits.
type DiffResult struct {
	Diff Diff
	Err  error // why there is no Diff
}

// Errors of diffs.
var (
	// ErrNoObjects says that the trees or contents of a commit cannot be had from where its repository is.
	ErrNoObjects = errors.New("objects not to be had")
	// ErrDiffTooLarge says that more would have to be transferred or compared for a diff than is allowed.
	ErrDiffTooLarge = errors.New("diff too large")
	// ErrDiffTooWide is the ErrDiffTooLarge of a commit that changes more files than are compared, wherever its objects are.
	ErrDiffTooWide = fmt.Errorf("%w: too many files differ", ErrDiffTooLarge)
)

// SourceError is the failure of a question that a repository itself was asked, not the index. Class says what to do.
type SourceError struct {
	Class ErrorClass
	Err   error
}

func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *SourceError) Unwrap() error { return e.Err }
