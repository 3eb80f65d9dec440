package daemon

import (
	"testing"

	"keytrail/daemon/config"
)

func TestCachesAndWalksShareTheMemoryThatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		fetches int
		allowed int64
		walk    int
	}{
		{1, 384 << 20, 64 << 20},
		{8, 384 << 20, 8 << 20},
		{8, 3 << 30, 64 << 20},
		{64, 384 << 20, leastWalk}, // more walks than the memory is enough for: they are slow with less, and wrong with none
	} {
		m := memoryOf(config.Limits{Fetches: c.fetches, Memory: c.allowed})
		if m.walk != c.walk {
			t.Errorf("%d walks in %d bytes: %d for each, want %d", c.fetches, c.allowed, m.walk, c.walk)
		}
		if all := m.blocks + m.graphs + int64(min(c.fetches, 8)*m.walk); all > c.allowed {
			t.Errorf("%d walks in %d bytes: %d in all", c.fetches, c.allowed, all)
		}
	}
}
