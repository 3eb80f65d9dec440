package storage

import "time"

// Command is one smart-commit command: what the message of a commit asks to be done to one issue. The index keeps it from the
// moment it is found, so that it is done once, whatever happens meanwhile.
type Command struct {
	CommandID
	Key        IssueKey
	Repository RepositoryID // in which the commit was seen first
	Name       string       // "comment", "time", "assign", "fixversion", "affectsversion", "label" or "transition"
	Text       string       // what follows it, its arguments, as written; of a transition, its name and then its comment
	FoundAt    time.Time

	State    CommandState
	Attempts int
	TriedAt  time.Time // the beginning of the last attempt
	DueAt    time.Time // not to be tried before
	Outcome  string    // what came of it, for people; holds no secret
}

// CommandID names a command for ever: a commit is seen in many repositories, its commands are done once.
type CommandID struct {
	OID   OID
	Index int // its place among the commands of the commit, an issue each, from 0
}

// CommandState says where a command stands.
type CommandState string

// The states of a command.
const (
	CommandWaiting CommandState = "waiting" // to be done, for the first time or again
	CommandTrying  CommandState = "trying"  // begun: after a crash, whether it was done must be asked
	CommandDone    CommandState = "done"
	CommandFailed  CommandState = "failed"  // it will not be tried again
	CommandSkipped CommandState = "skipped" // too old, or its project is not configured
)

// CommandQuery asks for commands. The zero value asks for all.
type CommandQuery struct {
	Key   IssueKey     // of this issue only
	OID   OID          // of this commit only
	State CommandState // in this state only
}
