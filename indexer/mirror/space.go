package mirror

import (
	"fmt"
	"syscall"
)

// reserve is how many bytes of the mirrors' disk no fetch takes: the index is on it too as a rule, and so are the files that say
// how far a mirror is. They are small.
const reserve = 8 << 20

// checkSpace demands room for n bytes more in a directory, beside the reserve.
func checkSpace(dir string, n int) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < uint64(reserve+n) {
		return fmt.Errorf("%w: %d bytes are left, of which %d are kept free: free some, it is tried again", ErrFull, free, reserve)
	}
	return nil
}
