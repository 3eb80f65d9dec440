package storagetest

import (
	"fmt"
	"time"

	"keytrail/storage"
)

// StepAssociations decides about some keys and commits. The commits need not be anywhere yet.
func (w *World) StepAssociations() []storage.Association {
	var decided []storage.Association
	for range 1 + w.choose(3) {
		w.steps++
		a := storage.Association{
			Key: pick(w, issueKeys()), OID: w.object(), At: noon().Add(time.Duration(w.steps) * time.Minute), By: "ann", Token: "desk",
			Verdict: pick(w, []storage.Verdict{storage.VerdictAdd, storage.VerdictAdd, storage.VerdictDrop, storage.VerdictDrop, storage.VerdictClear}),
		}
		if len(w.commits) > 0 {
			a.OID = pick(w, w.commits).OID
		}
		a.Reason = fmt.Sprint("reason ", w.steps)
		decided = append(decided, a)
	}
	return decided
}

// stepCommands makes commands of commits, some of which were made before.
func (w *World) stepCommands() []storage.Command {
	var found []storage.Command
	for range w.choose(4) {
		if len(w.commits) == 0 {
			break
		}
		w.steps++
		found = append(found, storage.Command{
			CommandID: storage.CommandID{OID: pick(w, w.commits).OID, Index: w.choose(2)}, Key: pick(w, issueKeys()), Repository: 1,
			Name: "comment", Text: fmt.Sprint("text ", w.steps), FoundAt: noon(), State: w.commandState(),
		})
	}
	return found
}

func (w *World) commandState() storage.CommandState {
	return pick(w, []storage.CommandState{
		storage.CommandWaiting, storage.CommandTrying, storage.CommandDone, storage.CommandFailed, storage.CommandSkipped,
	})
}
