package storagetest

import (
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"keytrail/storage"
)

// oid makes the object id of a name of up to 20 letters: the letters themselves, so that a difference is readable.
func oid(name string) (o storage.OID) {
	copy(o[:], name)
	return o
}

// oids makes the object ids of names between spaces.
func oids(names string) []storage.OID {
	var all []storage.OID
	for n := range strings.FieldsSeq(names) {
		all = append(all, oid(n))
	}
	return all
}

// nameOf is the inverse of oid.
func nameOf(o storage.OID) string { return strings.TrimRight(string(o[:]), "\x00") }

// graph makes the commits that a line describes: words of a name, "!" when it is shallow, ":" and its keys, "@" and
// its committer date, "<" and its parents, as in
//
//	a:K-1 b<a c:K-1,K-2@-5<a d<b,c
//
// A commit without a date is one second younger than the one before it; the first has second 1.
func graph(line string) []storage.Commit {
	word := regexp.MustCompile(`^(\w+)(!)?(?::([^@<]+))?(?:@(-?\d+))?(?:<(\S+))?$`)
	var commits []storage.Commit
	var seconds int64
	for w := range strings.FieldsSeq(line) {
		m := word.FindStringSubmatch(w)
		if m == nil {
			panic(fmt.Sprintf("not a commit: %q", w))
		}
		seconds++
		if m[4] != "" {
			var err error
			if seconds, err = strconv.ParseInt(m[4], 10, 64); err != nil {
				panic(err)
			}
		}
		who := storage.Signature{Name: "Ann", Email: "ann@example.com", Seconds: seconds}
		c := storage.Commit{OID: oid(m[1]), Shallow: m[2] != "", Author: who, Committer: who, Message: "change " + m[1] + "\n"}
		c.Keys = keys(m[3])
		for p := range strings.SplitSeq(m[5], ",") {
			if p != "" {
				c.Parents = append(c.Parents, oid(p))
			}
		}
		commits = append(commits, c)
	}
	return commits
}

// keys makes the keys between commas; nil of none.
func keys(list string) []storage.IssueKey {
	var all []storage.IssueKey
	for k := range strings.SplitSeq(list, ",") {
		if k != "" {
			all = append(all, storage.IssueKey(k))
		}
	}
	return all
}

// yield makes a source of commits.
func yield(commits ...storage.Commit) iter.Seq2[storage.Commit, error] {
	return func(yield func(storage.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// note makes a note of refs/notes/commits.
func note(object, text, list string) storage.Note {
	return storage.Note{Ref: "refs/notes/commits", Object: oid(object), Text: text, Keys: keys(list)}
}

// notes makes an update of refs/notes/commits.
func notes(changes ...storage.Note) storage.NotesUpdate {
	return storage.NotesUpdate{Ref: "refs/notes/commits", Changes: changes}
}
