package httpapi

import (
	"context"
	"iter"
	"testing"
	"time"

	"keytrail/storage"
)

// The repositories of the fixture.
const (
	kafka   storage.RepositoryID = 1 // indexed
	fork    storage.RepositoryID = 2 // holds some of kafka's commits; its name is another's too
	twin    storage.RepositoryID = 3 // new; named as fork
	broken  storage.RepositoryID = 4 // failing
	retired storage.RepositoryID = 5
)

func oid(n byte) storage.OID { return storage.OID{0: n, 19: n} }

func at(text string) storage.Signature {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	_, offset := t.Zone()
	return storage.Signature{Name: "Bo Example", Email: "bo@example.com", Seconds: t.Unix(), Offset: int16(offset / 60)}
}

func made(n byte, when, message string, keys []storage.IssueKey, parents ...storage.OID) storage.Commit {
	author := at(when)
	author.Name, author.Email = "Ada Example", "ada@example.com"
	return storage.Commit{OID: oid(n), Parents: parents, Author: author, Committer: at(when), Message: message, Keys: keys}
}

// seed makes this index. kafka's trunk is 1, 2, 4 (a merge of 2 and 3); its branch kafka-7-side is 5 on top of 2; the tag
// 1.0 is on 2, and 2 has a note. The fork's main is 2 and before.
func seed(t testing.TB, s storage.Store) {
	t.Helper()
	ctx := context.Background()
	ids, err := s.Register(ctx, []storage.RepositorySpec{
		{Integration: "acme", HostID: "11", Name: "kafka", URL: "https://git.example.com/kafka.git", WebURL: "https://git.example.com/kafka"},
		{Integration: "acme", HostID: "12", Name: "tools", URL: "https://git.example.com/tools.git"},
		{HostID: "https://mirror.example.com/tools.git", Name: "tools", URL: "https://mirror.example.com/tools.git"},
		{Integration: "acme", HostID: "14", Name: "broken", URL: "https://git.example.com/broken.git"},
		{Integration: "acme", HostID: "15", Name: "attic", URL: "https://git.example.com/attic.git"},
	})
	if err != nil || len(ids) != 5 || ids[0] != kafka || ids[4] != retired {
		t.Fatalf("register: %v %v", ids, err)
	}
	k7 := []storage.IssueKey{"KAFKA-7"}
	first := made(1, "2024-10-20T10:00:00Z", "KAFKA-7: begin\n", k7)
	second := made(2, "2024-10-21T10:00:00+05:00", "KAFKA-7, ZK-1: <go> on & on\n", []storage.IssueKey{"KAFKA-7", "ZK-1"}, oid(1))
	third := made(3, "2024-10-22T10:00:00Z", "no key\n", nil, oid(1))
	merge := made(4, "2024-10-25T11:00:00-08:00", "KAFKA-7: merge\n", k7, oid(2), oid(3))
	side := made(5, "2024-10-23T10:00:00Z", "KAFKA-7: aside\n", k7, oid(2))
	advance(t, s, storage.Advance{
		Repository:    kafka,
		DefaultBranch: "refs/heads/trunk",
		SeenAt:        now.Add(-time.Minute),
		Tips: []storage.TipChange{
			tip("refs/heads/trunk", 4), tip("refs/heads/kafka-7-side", 5, "KAFKA-7"), tip("refs/tags/1.0", 2), tip("refs/notes/commits", 0),
		},
		Commits: commits(first, second, third, merge, side),
		Notes: []storage.NotesUpdate{{Ref: "refs/notes/commits", Reset: true, Changes: []storage.Note{
			{Ref: "refs/notes/commits", Object: oid(2), Text: "reviewed, ZK-2\n", Keys: []storage.IssueKey{"ZK-2"}},
		}}},
	})
	advance(t, s, storage.Advance{
		Repository:    fork,
		DefaultBranch: "refs/heads/main",
		SeenAt:        now.Add(-time.Hour),
		Tips:          []storage.TipChange{tip("refs/heads/main", 2)},
		Commits:       commits(first, second),
	})
	look := storage.Look{At: now.Add(-2 * time.Minute), Class: storage.ClassAuth, Text: "the server refuses the credentials: renew the token"}
	if err := s.RecordLook(ctx, broken, look); err != nil {
		t.Fatal(err)
	}
	if err := s.Retire(ctx, retired, now.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// tip makes a ref that points to a commit; zero makes one that points to something else.
func tip(ref string, n byte, keys ...storage.IssueKey) storage.TipChange {
	if n == 0 {
		return storage.TipChange{Tip: storage.Tip{Ref: ref, OID: oid(0xee)}}
	}
	return storage.TipChange{Tip: storage.Tip{Ref: ref, OID: oid(n), Commit: oid(n), Keys: keys}}
}

func commits(list ...storage.Commit) iter.Seq2[storage.Commit, error] {
	return func(yield func(storage.Commit, error) bool) {
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func advance(t testing.TB, s storage.Writer, a storage.Advance) {
	t.Helper()
	if _, err := s.Advance(context.Background(), a); err != nil {
		t.Fatalf("advance of repository %d: %v", a.Repository, err)
	}
}
