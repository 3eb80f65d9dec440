package daemon

import (
	"runtime"
	"testing"
)

func TestTheHeadroomIsReckonedWithByTheCollectorUnlessGOGCIsSet(t *testing.T) {
	next := func(gogc string) uint64 {
		t.Setenv("GOGC", gogc)
		release := keepHeadroom()
		defer release()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NextGC
	}
	if got := next(""); got < headroomBytes {
		t.Errorf("the next collection is at %d bytes, below the headroom", got)
	}
	if got := next("100"); got > headroomBytes {
		t.Errorf("with GOGC the next collection is at %d bytes", got)
	}
}
