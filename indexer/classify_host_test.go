package indexer

import (
	"fmt"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

func TestAHostsErrorsHaveTheirClassAlsoBehindThoseOfGit(t *testing.T) {
	for kind, want := range map[error]storage.ErrorClass{
		host.ErrAuth:        storage.ClassAuth,
		host.ErrOrigin:      storage.ClassAuth,
		host.ErrConfig:      storage.ClassAuth,
		host.ErrGone:        storage.ClassGone,
		host.ErrThrottled:   storage.ClassThrottled,
		host.ErrTooLarge:    storage.ClassCorrupt,
		host.ErrServer:      storage.ClassTransient,
		host.ErrUnreachable: storage.ClassTransient,
		host.ErrAnswer:      storage.ClassTransient,
		host.ErrShape:       storage.ClassCorrupt,
	} {
		err := fmt.Errorf("list repositories: %w", &host.Error{Kind: kind})
		if got := Classify(err); got != want {
			t.Errorf("%v: got %s, want %s", kind, got, want)
		}
	}
	if got := Classify(&wire.Error{Kind: wire.ErrAuth, Err: &host.Error{Kind: host.ErrServer}}); got != storage.ClassTransient {
		t.Errorf("credentials that a failing host does not give: got %s", got)
	}
}

func TestAFiltersErrorsAreForSomebodyToMend(t *testing.T) {
	for _, kind := range []error{filter.ErrEvaluation, filter.ErrShape, filter.ErrTooSlow} {
		if got := Classify(fmt.Errorf("apply the filter: %w", kind)); got != storage.ClassCorrupt {
			t.Errorf("%v: got %s", kind, got)
		}
	}
}

func TestAHostsLimitIsWaitedFor(t *testing.T) {
	err := &wire.Error{Kind: wire.ErrAuth, Err: &host.Error{Kind: host.ErrThrottled, Until: time.Now().Add(time.Hour)}}
	if wait := waitAfter(err); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("got %v", wait)
	}
}
