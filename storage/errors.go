package storage

import "errors"

// Errors that callers act upon.
var (
	ErrNotFound    = errors.New("not found")
	ErrStale       = errors.New("the tips have moved since they were read")
	ErrIncomplete  = errors.New("the history is incomplete")
	ErrFeedGone    = errors.New("the feed does not reach back to this cursor")
	ErrCorrupt     = errors.New("the index is corrupt")
	ErrFull        = errors.New("no space left for the index")
	ErrNewerFormat = errors.New("the index was written by a newer keytrail")
	ErrOlderFormat = errors.New("the index was written by an older keytrail")
	ErrLocked      = errors.New("the index is in use by another process")
)

// ErrorClass says what an error means for what happens next: retry, log level, readiness and the label of
// errors_total follow from it. The table that classifies every error is in package indexer.
type ErrorClass string

// The classes.
const (
	ClassTransient ErrorClass = "transient" // try again soon: a reset, a 5xx, a stall
	ClassThrottled ErrorClass = "throttled" // try again when told
	ClassAuth      ErrorClass = "auth"      // somebody must mend the credentials
	ClassGone      ErrorClass = "gone"      // not there (any more)
	ClassCorrupt   ErrorClass = "corrupt"   // the data is damaged or of a kind that cannot be read
	ClassFull      ErrorClass = "full"      // no space
	ClassFenced    ErrorClass = "fenced"    // another writer was first; read again
	ClassBug       ErrorClass = "bug"       // must not happen
)
