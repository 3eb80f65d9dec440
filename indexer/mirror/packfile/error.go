package packfile

import "errors"

// The reasons why an object is not read, for errors.Is. None of them says that git or libgit2 cannot read it either:
// a caller that has another way may try it.
var (
	// ErrNotFound: no pack, no loose object and no alternate has it, also after a look at what was added meanwhile.
	ErrNotFound = errors.New("object not found")
	// ErrCorrupt: the bytes contradict the format; `git fsck` tells more.
	ErrCorrupt = errors.New("damaged object or pack")
	// ErrTooLarge: the object is larger than Options.MaxObject.
	ErrTooLarge = errors.New("object too large")
	// ErrOdd: well-formed as far as one can see, and not supported here.
	ErrOdd = errors.New("unsupported object or pack")
	// ErrClosed: the Store was closed.
	ErrClosed = errors.New("the object store is closed")
)
