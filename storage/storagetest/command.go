package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"keytrail/storage"
)

// commandPromises are about smart-commit commands.
func commandPromises() []promise {
	return []promise{
		{"commands are kept in the order in which they were taken up, each once", commandsInOrder},
		{"a command that is set is found by its new state", setCommand},
		{"a command whose issue was renamed is found by the new key", commandChangesIssue},
		{"a command that was not taken up cannot be set", setUnknownCommand},
		{"commands outlive their repository", commandsStay},
	}
}

// command makes the n-th command of a commit, which is to be done.
func command(name string, n int) storage.Command {
	return storage.Command{
		CommandID: storage.CommandID{OID: oid(name), Index: n}, Key: storage.IssueKey(fmt.Sprint("K-", n+1)), Repository: 1,
		Name: "comment", Text: "text of " + name, FoundAt: noon(), State: storage.CommandWaiting, DueAt: noon().Add(time.Minute),
	}
}

// wantCommands checks the commands of a query, each named by its commit and its place.
func (f *fixture) wantCommands(q storage.CommandQuery, names string) {
	f.Helper()
	var have []string
	for _, c := range all(f, f.store.Commands(f.ctx, q)) {
		have = append(have, fmt.Sprint(nameOf(c.OID), c.Index))
	}
	f.equal(fmt.Sprintf("commands of %+v", q), names, strings.Join(have, " "))
}

func commandsInOrder(f *fixture) {
	cursor, err := f.store.CommandCursor(f.ctx)
	f.must(err)
	f.equal("cursor", storage.FeedCursor(""), cursor)
	b, again := command("b", 0), command("b", 0)
	again.Text = "found again"
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{b, command("a", 1), again, command("a", 0)}, "one"))
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{again, command("c", 0)}, "two"))
	f.must(f.store.TakeCommands(f.ctx, nil, "three"))
	f.verify()
	cursor, err = f.store.CommandCursor(f.ctx)
	f.must(err)
	f.equal("cursor", storage.FeedCursor("three"), cursor)
	f.wantCommands(storage.CommandQuery{}, "b0 a1 a0 c0")
	f.wantCommands(storage.CommandQuery{OID: oid("a")}, "a1 a0")
	f.wantCommands(storage.CommandQuery{Key: "K-1"}, "b0 a0 c0")
	f.wantCommands(storage.CommandQuery{Key: "K-1", OID: oid("a")}, "a0")
	f.wantCommands(storage.CommandQuery{OID: oid("d")}, "")
	f.equal("the first", []storage.Command{b}, all(f, f.store.Commands(f.ctx, storage.CommandQuery{OID: oid("b")})))
	f.equal("left early and ranged over again", [2]int{1, 4}, leave(f.store.Commands(f.ctx, storage.CommandQuery{State: storage.CommandWaiting})))
}

func setCommand(f *fixture) {
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{command("a", 0), command("a", 1), command("b", 0)}, ""))
	c := command("a", 1)
	for _, state := range []storage.CommandState{
		storage.CommandTrying, storage.CommandWaiting, storage.CommandDone, storage.CommandFailed, storage.CommandTrying, storage.CommandSkipped,
	} {
		c.State, c.Outcome = state, "moved"
		c.Attempts, c.TriedAt = c.Attempts+1, noon().Add(time.Hour).In(time.FixedZone("", 60))
		f.must(f.store.SetCommand(f.ctx, c))
		f.verify()
		c.TriedAt = c.TriedAt.UTC()
		if state == storage.CommandWaiting {
			f.wantCommands(storage.CommandQuery{State: state}, "a0 a1 b0")
		} else {
			f.wantCommands(storage.CommandQuery{State: state}, "a1")
			f.wantCommands(storage.CommandQuery{State: storage.CommandWaiting}, "a0 b0")
		}
		f.equal("commands of the commit", []storage.Command{command("a", 0), c}, all(f, f.store.Commands(f.ctx, storage.CommandQuery{OID: oid("a")})))
	}
}

func commandChangesIssue(f *fixture) {
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{command("a", 0), command("b", 0)}, ""))
	c := command("a", 0)
	c.Key = "NEW-1"
	f.must(f.store.SetCommand(f.ctx, c))
	f.verify()
	f.wantCommands(storage.CommandQuery{Key: "K-1"}, "b0")
	f.wantCommands(storage.CommandQuery{Key: "NEW-1", State: storage.CommandWaiting}, "a0")
	f.wantCommands(storage.CommandQuery{Key: "NEW-1", OID: oid("b")}, "")
}

func setUnknownCommand(f *fixture) {
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{command("a", 0)}, ""))
	if err := f.store.SetCommand(f.ctx, command("a", 1)); !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("have error %v, want %v", err, storage.ErrNotFound)
	}
	f.wantCommands(storage.CommandQuery{}, "a0")
}

func commandsStay(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	f.must(f.store.TakeCommands(f.ctx, []storage.Command{command("a", 0)}, ""))
	f.must(f.store.Forget(f.ctx, 1))
	f.verify()
	f.wantCommands(storage.CommandQuery{State: storage.CommandWaiting}, "a0")
}
