package indexer

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// classes is the one table that says what an error means. The first row that matches decides; what no row
// matches is transient, because trying again later is the safe answer to the unknown.
var classes = [...]struct {
	is    error
	class storage.ErrorClass
}{
	{ErrPanic, storage.ClassBug},
	// A filter that does not fit its host's answer does not fit the next one either: somebody has to mend it.
	{filter.ErrEvaluation, storage.ClassCorrupt},
	{filter.ErrShape, storage.ClassCorrupt},
	{filter.ErrTooSlow, storage.ClassCorrupt},
	{host.ErrShape, storage.ClassCorrupt},
	{storage.ErrStale, storage.ClassFenced},
	{storage.ErrFull, storage.ClassFull},
	{mirror.ErrFull, storage.ClassFull},
	{syscall.ENOSPC, storage.ClassFull},
	{storage.ErrCorrupt, storage.ClassCorrupt},
	{storage.ErrIncomplete, storage.ClassCorrupt},
	{mirror.ErrCorrupt, storage.ClassCorrupt},
	{mirror.ErrObjectFormat, storage.ClassCorrupt},
	{wire.ErrObjectFormat, storage.ClassCorrupt},
	{wire.ErrTooLarge, storage.ClassCorrupt},
	{storage.ErrNoObjects, storage.ClassAuth}, // somebody has to allow it at the server
	// Before wire.ErrAuth, whose cause they are when a host does not give the credentials for git.
	{host.ErrThrottled, storage.ClassThrottled},
	{host.ErrServer, storage.ClassTransient},
	{host.ErrUnreachable, storage.ClassTransient},
	{host.ErrGone, storage.ClassGone},
	{host.ErrTooLarge, storage.ClassCorrupt},
	{host.ErrAuth, storage.ClassAuth},
	{host.ErrOrigin, storage.ClassAuth}, // somebody has to allow it in the configuration
	{host.ErrConfig, storage.ClassAuth},
	{wire.ErrAuth, storage.ClassAuth},
	{wire.ErrRedirect, storage.ClassAuth},
	{wire.ErrHostKey, storage.ClassAuth},
	{mirror.ErrOwner, storage.ClassAuth},
	{wire.ErrThrottled, storage.ClassThrottled},
	{wire.ErrNotFound, storage.ClassGone},
	{wire.ErrUnsupported, storage.ClassGone}, // a URL that names nothing to fetch from
	{mirror.ErrNotRepository, storage.ClassGone},
	{fs.ErrNotExist, storage.ClassGone},
	{fs.ErrPermission, storage.ClassAuth},
	{storage.ErrNotFound, storage.ClassGone},
	{context.DeadlineExceeded, storage.ClassTransient},
}

// Classify says what an error means for what happens next; empty for no error.
func Classify(err error) storage.ErrorClass {
	if err == nil {
		return ""
	}
	for _, row := range classes {
		if errors.Is(err, row.is) {
			return row.class
		}
	}
	return storage.ClassTransient
}

// Waits that do not follow from back-off.
const (
	authWait    = 15 * time.Minute // somebody has to act
	corruptWait = 30 * time.Minute // the repair has been tried at once
	fullWait    = 30 * time.Second // space may come back any time
)

// waitAfter gives how long to leave a repository alone after an error; 0: back off, a little longer each time.
func waitAfter(err error) time.Duration {
	switch Classify(err) {
	case storage.ClassThrottled:
		var w *wire.Error
		if errors.As(err, &w) && w.RetryAfter > 0 {
			return w.RetryAfter
		}
		var h *host.Error
		if errors.As(err, &h) {
			return max(0, time.Until(h.Until))
		}
	case storage.ClassAuth, storage.ClassGone, storage.ClassBug:
		return authWait
	case storage.ClassCorrupt:
		return corruptWait
	case storage.ClassFull:
		return fullWait
	}
	return 0
}
