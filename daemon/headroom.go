package daemon

import (
	"os"
	"runtime"
)

// headroomBytes are counted as used by Go's collector and never touched, so that they take no memory: only the addresses. The index
// keeps little in Go's heap, and beside so little the garbage of some dozen answers has a collection begin, which every answer
// then waits for. With these the garbage of a daemon may be 32 MiB more, at half of what is in use (GOGC=50), whatever that
// is, and the p99 of answers is half of what it was (bench query).
const headroomBytes = 64 << 20

// keepHeadroom keeps the headroom until the function that it gives is called. Who sets GOGC has the last word.
func keepHeadroom() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	headroom := make([]byte, headroomBytes)
	return func() { runtime.KeepAlive(headroom) }
}
