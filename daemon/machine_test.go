package daemon

import (
	"strings"
	"testing"
	"testing/fstest"

	"keytrail/daemon/config"
)

func TestAMemoryLimitAboveWhatTheMachineOrItsContainerHasIsWarnedOf(t *testing.T) {
	const mib = 1 << 20
	meminfo := "MemTotal:        1048576 kB\nMemFree:          12 kB\n"
	for _, c := range []struct {
		name, meminfo, group string
		allowed              int64
		want                 string // empty: no warning
	}{
		{"less", meminfo, "", 512 * mib, ""},
		{"all", meminfo, "max\n", 1024 * mib, ""},
		{"more", meminfo, "", 1025 * mib, "is 1025 MiB, more than the 1024 MiB"},
		{"more than the container", meminfo, "268435456\n", 384 * mib, "is 384 MiB, more than the 256 MiB"},
		{"a container that allows more than there is", meminfo, "9223372036854771712\n", 1025 * mib, "more than the 1024 MiB"},
		{"not told", "", "268435456\n", 1 << 50, ""},
		{"not understood", "MemTotal: much kB\nMemTotal:\n", "", 1 << 50, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range map[string]string{"proc/meminfo": c.meminfo, "sys/fs/cgroup/memory.max": c.group} {
				if text != "" {
					files[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			got := strings.Join(warnings(&config.Config{Limits: config.Limits{Memory: c.allowed}}, files), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if memoryIn(machine()) < mib {
		t.Errorf("this machine has %d bytes", memoryIn(machine()))
	}
}
