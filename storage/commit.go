package storage

import (
	"cmp"
	"strings"
	"time"
)

// IssueKey is a Jira issue key in its canonical form: upper case, with project aliases followed, as "KAFKA-16845".
type IssueKey string

// Project gives the part of the key before its last hyphen.
func (k IssueKey) Project() string {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i] == '-' {
			return string(k[:i])
		}
	}
	return string(k)
}

// Number gives the digits after the key's last hyphen.
func (k IssueKey) Number() string {
	if p := len(k.Project()); p < len(k) {
		return string(k[p+1:])
	}
	return ""
}

// Compare orders keys by project, then by number: ABC-9 comes before ABC-10.
func (k IssueKey) Compare(l IssueKey) int {
	return cmp.Or(
		strings.Compare(k.Project(), l.Project()),
		cmp.Compare(len(k.Number()), len(l.Number())),
		strings.Compare(string(k), string(l)),
	)
}

// Signature is who wrote or committed, and when, as the commit says it.
type Signature struct {
	Name, Email string
	Seconds     int64 // since 1970-01-01 UTC; negative before
	Offset      int16 // minutes east of UTC, as written: it may be no time zone on earth
}

// Bounds of a time that RFC 3339 can write: the years 1 to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799 - 24*60*60
)

// Time gives the instant in the signature's own zone. Years outside 1 to 9999 become the nearest that a JSON date
// can say, and an offset of a day or more becomes UTC.
func (s Signature) Time() time.Time {
	t := time.Unix(min(max(s.Seconds, minSeconds+24*60*60), maxSeconds), 0)
	if s.Offset == 0 || s.Offset <= -24*60 || s.Offset >= 24*60 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(s.Offset)*60))
}

// Commit is one commit as git has it, its text decoded to UTF-8.
type Commit struct {
	OID       OID
	Parents   []OID
	Shallow   bool // the history was cut here: the parents are named but are not followed
	Author    Signature
	Committer Signature
	Message   string
	Keys      []IssueKey // found in the message; sorted, unique
}

// Note is one git note of a repository: the text that a notes ref attaches to an object.
type Note struct {
	Ref     string // "refs/notes/commits"
	Object  OID
	Text    string
	Keys    []IssueKey // found in the text; sorted, unique
	Deleted bool       // in a NotesUpdate: the note is gone
}

// Tip is a ref as last indexed.
type Tip struct {
	Ref    string
	OID    OID        // what the ref points at: a commit, an annotated tag, or something that is no commit
	Commit OID        // the commit it peels to; zero when there is none, then the ref holds no commits
	Keys   []IssueKey // found in the ref's name; sorted, unique
}

// Member is one commit in the index of one repository.
type Member struct {
	OID  OID
	Keys []IssueKey // of the message
}
