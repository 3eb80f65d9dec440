package command

import (
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

func (f *fixture) hold(want ...string) {
	f.t.Helper()
	if got := f.commands(); got != strings.Join(want, "") {
		f.t.Errorf("the commands are\n%swant\n%s", got, strings.Join(want, ""))
	}
}

func TestCommandsOfAPushAreDoneInTheOrderOfItsCommits(t *testing.T) {
	f := begun(t)
	f.push(f.core, f.commit("ACME-1 #resolve"), f.commit("no command"), f.commit("ACME-1 #comment Then #reopen"), f.commit("ACME-1 #start-progress"))
	f.settle()
	f.hold("ACME-1 transition done \"resolve\"\n", "ACME-1 comment done \"Then\"\n", "ACME-1 transition done \"reopen\"\n",
		"ACME-1 transition done \"start-progress\"\n")
	if i := f.jira.Issue("ACME-1"); i.Status != "In Progress" || i.Moves != 3 {
		t.Errorf("the issue is %+v", i)
	}
}

func TestWhatWasThereAtTheFirstIndexIsNeverDone(t *testing.T) {
	f := newFixture(t)
	first := f.commit("ACME-1 #resolve")
	f.push(f.core, first)
	f.settle()
	f.push(f.fork, f.commit("ACME-2 #resolve")) // its first index, with a runner that knows the feed
	f.advance(storage.Advance{Repository: f.core, Reset: true, Commits: all([]storage.Commit{first}), Tips: []storage.TipChange{
		{Tip: storage.Tip{Ref: "refs/heads/main", OID: first.OID, Commit: first.OID}},
	}})
	f.settle()
	f.hold()
	if changes := f.jira.Changes(); len(changes) > 0 {
		t.Errorf("Jira was asked to %q", changes)
	}
}

func TestACommitGivesItsCommandsOnceWhateverBecomesOfIt(t *testing.T) {
	f := begun(t)
	base := f.tips[f.core]
	c := f.commit("ACME-1 #comment Once", base)
	f.push(f.core, c)
	f.settle()
	f.tips[f.core] = c.OID
	other := f.commit("no command", base)
	f.push(f.core, other) // a force push drops it
	f.settle()
	f.push(f.core, f.commit("merge", other.OID, c.OID), c) // and it comes back
	f.settle()
	c.Parents = nil
	f.push(f.fork, c) // and into a fork
	f.settle()
	f.hold("ACME-1 comment done \"Once\"\n")
	if i := f.jira.Issue("ACME-1"); len(i.Comments) != 1 {
		t.Errorf("the comments are %q", i.Comments)
	}
}

func TestACommandThatIsNotToBeDoneIsKeptWithItsReason(t *testing.T) {
	f := begun(t)
	old := f.commit("ACME-1 #comment Old")
	old.Committer.Seconds -= 15 * 24 * 60 * 60
	f.push(f.core, old, f.commit("OTHER-1 #comment Elsewhere"), f.commit("OLD-2 #comment Renamed"))
	f.settle()
	f.hold("ACME-1 comment skipped \"Old\"\n", "OTHER-1 comment skipped \"Elsewhere\"\n", "ACME-2 comment done \"Renamed\"\n")
	for _, reason := range []string{"older than jira.smart_commits.max_age, 336h0m0s", "project OTHER is not among jira.projects"} {
		if !strings.Contains(f.log.String(), reason) {
			t.Errorf("the log does not say %q:\n%s", reason, f.log)
		}
	}
}

func TestOnlyCommandsForTheIssuesThatACommitCameToAreTaken(t *testing.T) {
	f := newFixture(t)
	c := f.commit("ACME-1 #resolve")
	f.push(f.core, c)
	f.settle()
	if _, err := f.store.Associate(t.Context(), []storage.Association{{Key: "ACME-2", OID: c.OID, Verdict: storage.VerdictAdd, At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.hold()
}

func TestCommandsOfANoteKeepTheirPlacesWhenItIsEdited(t *testing.T) {
	f := begun(t)
	c := f.commit("no key")
	f.push(f.core, c)
	f.settle()
	f.note(f.core, c.OID, "ACME-1 #comment By note")
	f.settle()
	f.note(f.core, c.OID, "ACME-2 #comment First\nACME-1 #comment By note\nACME-2 #comment First")
	f.settle()
	f.hold("ACME-1 comment done \"By note\"\n", "ACME-2 comment done \"First\"\n", "ACME-2 comment done \"First\"\n")
}

func TestASearchThatTheFeedDoesNotReachBackToBeginsAtItsEnd(t *testing.T) {
	f := begun(t)
	f.push(f.core, f.commit("ACME-1 #resolve"))
	if err := f.store.TrimFeed(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.hold()
	if !strings.Contains(f.log.String(), "does not reach back") {
		t.Errorf("the log does not say so:\n%s", f.log)
	}
	f.push(f.core, f.commit("ACME-2 #comment Later"))
	f.settle()
	f.hold("ACME-2 comment done \"Later\"\n")
}

func TestWhatIsPushedWithoutARunnerIsNotDoneLater(t *testing.T) {
	f := begun(t)
	if err := Forget(t.Context(), f.store); err != nil {
		t.Fatal(err)
	}
	f.push(f.core, f.commit("ACME-1 #resolve"))
	f.settle()
	f.hold()
}

func TestIndicesOfCommandsAreStableAndTellNotesFromMessages(t *testing.T) {
	f := newFixture(t)
	hit := storage.Hit{Commit: f.commit("ACME-1 ACME-2 #resolve #comment a"), Notes: map[string]string{
		"refs/notes/a": "ACME-1 #comment a #comment a", "refs/notes/b": "ACME-1 #comment a",
	}}
	found := Of(hit, f.options.Rules())
	seen := map[int]bool{}
	for i, c := range found {
		if isOfNote(c.CommandID) != (i >= 4) || i < 4 && c.Index != i || seen[c.Index] || c.Index >= 1<<31 {
			t.Errorf("command %d is %+v", i, c.CommandID)
		}
		seen[c.Index] = true
	}
	if len(found) != 7 {
		t.Errorf("%d commands, want 7", len(found))
	}
	const first = 2105312162 // if it changes, commands of notes that were done are done again
	if found[4].Index != first {
		t.Errorf("the first command of the note has the index %d, want %d", found[4].Index, first)
	}
}
