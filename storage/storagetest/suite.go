// Package storagetest holds every engine to the contract of package storage.
//
// An engine's test calls two functions. Run makes one subtest of each promise of the contract, so that a failure
// names what is broken. Differential drives random operations against the engine and memstore, the model, and
// compares all answers.
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store { return open(t, t.TempDir()) })
//	}
//
// World makes the random histories; engines use it in their own tests of crashes and faults, with Compare.
package storagetest

import (
	"slices"
	"testing"

	"keytrail/storage"
)

// promise is one sentence of the contract and the test of it.
type promise struct {
	says string
	test func(f *fixture)
}

// Run tests every promise of the contract. Each gets an empty index from open, and closes it at its end.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, p := range slices.Concat(
		tipPromises(), commitPromises(), wholenessPromises(), resetPromises(), notePromises(), repositoryPromises(),
		pagePromises(), queryPromises(), textPromises(), issuePromises(), releasePromises(), pullPromises(),
		associationPromises(), feedPromises(), commandPromises(), lifePromises(), lookupPromises(), concurrencyPromises(),
	) {
		t.Run(p.says, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			p.test(&fixture{T: t, store: s, ctx: t.Context()})
		})
	}
}
