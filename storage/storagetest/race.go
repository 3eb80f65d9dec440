//go:build race

package storagetest

// UnderRace tells of the race detector, which makes an engine ten times slower and has nothing to find where there is one goroutine.
const UnderRace = true
