package indexer

import (
	"context"
	"errors"
	"testing"
	"time"

	"keytrail/storage"
)

func TestWhoWaitsForADiffIsNotStalledAsLongAsAJob(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: shownStall, time.Minute: shownStall, 3 * time.Second: 3 * time.Second} {
		var at Target
		at.Remote.Wire.Stall = given
		if got := briefly(at).Remote.Wire.Stall; got != want || at.Remote.Wire.Stall != given {
			t.Errorf("of %v: %v, want %v", given, got, want)
		}
	}
}

func TestALimitOfDiffsIsNoFailureOfTheRepository(t *testing.T) {
	for _, limit := range []error{storage.ErrDiffTooLarge, storage.ErrDiffTooWide} {
		var failed *storage.SourceError
		if err := sourceError(context.Background(), limit); !errors.As(err, &failed) || failed.Class != "" || !errors.Is(err, storage.ErrDiffTooLarge) {
			t.Errorf("%v: class %q", err, failed.Class)
		}
	}
}
