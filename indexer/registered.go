package indexer

import (
	"time"

	"keytrail/storage"
)

// Registered is a repository that is being indexed.
type Registered struct {
	ID   storage.RepositoryID
	Spec storage.RepositorySpec
}

// Registered gives the repositories that are being indexed, by id, and the generation of that set.
func (x *Indexer) Registered() (all []Registered, generation uint64) {
	generation = x.Generation() // before the set: a change meanwhile has it read again
	for _, t := range x.snapshot() {
		all = append(all, Registered{t.id, t.Spec})
	}
	return all, generation
}

// Generation changes whenever the set of repositories has been changed, or what is known of one of them.
func (x *Indexer) Generation() uint64 { return x.generation.Load() }

// Nudge has repositories looked at as soon as there is room: a person says that they changed. Nudges that arrive while one
// waits are one. Unknown ids are passed over.
func (x *Indexer) Nudge(ids ...storage.RepositoryID) { x.NudgeSince(x.now(), ids...) }

// NudgeSince is Nudge for a change that was announced a while ago, as by a webhook.
func (x *Indexer) NudgeSince(announced time.Time, ids ...storage.RepositoryID) {
	for _, id := range ids {
		if t, err := x.target(id); err == nil {
			t.noteChange(announced)
			t.nudged.CompareAndSwap(0, announced.UnixNano())
		}
	}
	x.schedule.Nudge(ids...)
}
