package mirror

import (
	"bytes"
	"math/bits"
)

// libgit2 does not look whether a comparison is still waited for, so what it is given is limited: on a slow processor either
// limit is about a third of a second.
const (
	// maxLines is of the lines of both contents from their first difference to their last. In the worst case, where each line
	// occurs often, the time grows with their number and its square root.
	maxLines = 150_000
	// maxProbes is of the lines that each line is held against while libgit2 numbers the different ones. There are few but for
	// lines made so that their hashes collide.
	maxProbes = 50_000_000
)

// isCostly tells that two contents would take too long to compare.
func isCostly(old, now []byte) bool {
	n := lineCount(old) + lineCount(now)
	return n > maxLines && linesBetween(old, now) > maxLines || n*n/2 > maxProbes && probes(old, now) > maxProbes
}

// linesBetween counts the lines of two contents from their first difference to their last.
func linesBetween(old, now []byte) int {
	n := 0
	for n < min(len(old), len(now)) && old[n] == now[n] {
		n++
	}
	old, now = old[n:], now[n:]
	for len(old) > 0 && len(now) > 0 && old[len(old)-1] == now[len(now)-1] {
		old, now = old[:len(old)-1], now[:len(now)-1]
	}
	return lineCount(old) + lineCount(now)
}

// probes gives an upper bound of the steps that libgit2 takes to number the different lines. Its table has chains, and as many
// of them as there seem to be lines, rounded up to a power of two (libgit2, src/xdiff/xprepare.c).
func probes(old, now []byte) (steps int) {
	width := bits.Len(uint(seemingLines(old) + seemingLines(now)))
	chains := make([]int, 1<<width)
	seen := map[string]struct{}{}
	for _, content := range [][]byte{old, now} {
		for line := range bytes.Lines(content) {
			hash := lineHash(firstHash, string(bytes.TrimSuffix(line, []byte("\n"))))
			chain := &chains[(hash+hash>>width)&(1<<width-1)]
			steps += *chain
			if _, isKnown := seen[string(line)]; !isKnown {
				seen[string(line)] = struct{}{}
				*chain++
			}
		}
	}
	return steps
}

// seemingLines guesses from the first lines of a content how many there are.
func seemingLines(content []byte) int {
	const sample = 256
	size, n := 0, 0
	for line := range bytes.Lines(content) {
		size += len(line)
		if n++; n == sample {
			break
		}
	}
	if n == 0 {
		return 1
	}
	return len(content)/(size/n) + 1
}

// firstHash is the hash of an empty line.
const firstHash = 5381

// lineHash goes on with libgit2's hash of a line. Its chars have a sign, as on amd64.
func lineHash(hash uint64, line string) uint64 {
	for i := range len(line) {
		hash = hash*33 ^ uint64(int8(line[i]))
	}
	return hash
}
