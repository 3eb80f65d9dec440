package storage

import (
	"fmt"
	"strings"
	"time"
)

// Association is what somebody decided by hand about one key and one commit. It holds in every repository that has the
// commit, now or later, whatever becomes of refs and repositories, and whatever the message and the notes say. Of several
// about the same key and commit the last one stands.
type Association struct {
	Number  uint64 // counts the associations of an index from 1; given by it
	Key     IssueKey
	OID     OID
	Verdict Verdict

	// Who, when and why, for those who ask later.
	At     time.Time
	By     string // as the caller named them; empty when not told
	Token  string // name of the API token that was used; empty without one
	Reason string
}

// Check refuses an association that no index takes over: of a key that is none, or with an unknown verdict.
func (a Association) Check() error {
	project, number := a.Key.Project(), a.Key.Number()
	switch {
	case project == "" || number == "" || len(number) > maxDigits || strings.ContainsRune(project, 0):
		return fmt.Errorf("associate %.60q with commit %s: it is not an issue key", a.Key, a.OID)
	case a.Verdict != VerdictAdd && a.Verdict != VerdictDrop && a.Verdict != VerdictClear:
		return fmt.Errorf("associate %s with commit %s: unknown verdict %.60q", a.Key, a.OID, a.Verdict)
	}
	return nil
}

const maxDigits = 255 // of an issue's number: engines count them in a byte

// Verdict is what an association says.
type Verdict string

// The verdicts.
const (
	VerdictAdd   Verdict = "add"   // the commit belongs to the key
	VerdictDrop  Verdict = "drop"  // it does not
	VerdictClear Verdict = "clear" // nothing is decided any more: its message and notes say
)

// AssociationQuery asks for associations. The zero value asks for all that stand.
type AssociationQuery struct {
	Key     IssueKey // of this one only
	OID     OID      // of this commit only
	History bool     // those too that do not stand any more, and verdicts that cleared
	After   uint64   // with a greater number only
}

// Associated counts what associations changed.
type Associated struct {
	PostingsAdded   int64
	PostingsDropped int64
}
