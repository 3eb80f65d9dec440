// Package hosttest holds every git host to one contract, over real HTTP against recorded answers.
//
//	func TestGitHubKeepsTheContract(t *testing.T) {
//		hosttest.Run(t, hosttest.Case{Dir: "testdata/github", New: github.New, ...})
//	}
//
// A folder of recordings holds exchanges.json, which names the bodies beside it. [Server] replays them at an address of its own, in
// place of every origin that the recorded requests name, and refuses what was not recorded. [Run] scripts failures on top of that.
//
// In the files: recording.go reads a folder; server.go replays it; case.go is what a host gives; the suite is in discovery.go,
// failure.go, webhook.go, pullrequest.go and create.go.
package hosttest

import (
	"testing"

	"keytrail/indexer/host"
)

// clause is a part of the contract, or of a part.
type clause struct {
	name  string
	holds func(t *testing.T, c Case)
}

// Run holds a host to the contract. Parts for which it lacks the power, or the case the data, are skipped by name.
func Run(t *testing.T, c Case) {
	runAll(t, c, []clause{
		{"discovery", discovery},
		{"failure", failure},
		{"credentials", credentials},
		{"webhook", webhook},
		{"pull requests", pullRequests},
		{"create branch", createBranch},
		{"create pull request", createPullRequest},
	})
}

func runAll(t *testing.T, c Case, clauses []clause) {
	for _, one := range clauses {
		t.Run(one.name, func(t *testing.T) { one.holds(t, c) })
	}
}

// power gives an optional power of a host, or skips the test.
func power[P any](t *testing.T, h host.Host) P {
	t.Helper()
	p, ok := h.(P)
	if !ok {
		t.Skip("the host does not have this power")
	}
	return p
}
