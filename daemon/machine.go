package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"keytrail/daemon/config"
)

// machine is the file system that Linux tells of a machine in (proc(5), and the kernel's Documentation/admin-guide/cgroup-v2.rst).
func machine() fs.FS { return os.DirFS("/") }

// memoryIn gives how many bytes of memory a process may have: what the machine has, or less where its control group allows less. It is 0
// when that is not known.
func memoryIn(machine fs.FS) int64 {
	var bytes int64
	text, err := fs.ReadFile(machine, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			if n, err := strconv.ParseInt(fields[1], 10, 50); err == nil {
				bytes = n << 10
			}
		}
	}
	text, err = fs.ReadFile(machine, "sys/fs/cgroup/memory.max")
	if n, perr := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && perr == nil && n > 0 { // else "max", or another version
		bytes = min(bytes, n)
	}
	return bytes
}

// warnings say what in a configuration is allowed and probably not meant.
func warnings(c *config.Config, machine fs.FS) []string {
	has := memoryIn(machine)
	if has == 0 || c.Limits.Memory <= has {
		return nil
	}
	return []string{fmt.Sprintf("limits.memory is %d MiB, more than the %d MiB that this machine or its container has: lower it to half of that at the most, "+
		"or keytrail may be killed when it has filled its caches", c.Limits.Memory>>20, has>>20)}
}
