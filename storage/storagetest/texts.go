package storagetest

import (
	"fmt"
	"strings"

	"keytrail/storage"
)

// textPromises are about texts that are kept as they are.
func textPromises() []promise {
	return []promise{
		{"any message is kept as it is", anyMessage},
		{"a message of 5 MB is kept whole, and many of them at once", longMessages},
		{"a commit may have many keys, parents, notes and refs", manyOfAll},
	}
}

func anyMessage(f *fixture) {
	f.register(1)
	for i, message := range []string{
		"", "\n", "\x00", "K-1\x00K-2\x00", " leading and trailing \n\n", "日本 K-1 語", "\r\n", "\ufeffmark", strings.Repeat("\x00\xc3\xbf", 4096),
	} {
		commits := graph(fmt.Sprintf("m%d:K-1", i))
		commits[0].Message = message
		commits[0].Author.Name, commits[0].Author.Email = message, "no address\x00"
		a := f.advance(1, "", fmt.Sprintf("heads/%d=m%d", i, i))
		a.Commits = yield(commits...)
		a.Notes = []storage.NotesUpdate{notes(storage.Note{Object: commits[0].OID, Text: message})}
		f.apply(a)
		h := f.commit(1, nameOf(commits[0].OID))
		f.equal("commit", commits[0], h.Commit)
		f.equal("notes", map[string]string{"refs/notes/commits": message}, h.Notes)
	}
}

func longMessages(f *fixture) {
	f.register(2)
	commits := graph("a:K-1 b:K-1<a c:K-1<b")
	for i := range commits {
		commits[i].Message = strings.Repeat(fmt.Sprintf("line %d of a long message\n", i), 200_000)
	}
	for id := range storage.RepositoryID(2) {
		a := f.advance(id+1, "", "heads/main=c")
		a.Commits = yield(commits...)
		f.apply(a)
	}
	page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1", Repository: 2})
	f.must(err)
	for i, h := range page.Hits {
		if h.Message != commits[len(commits)-1-i].Message {
			f.Errorf("the message of %s has changed", nameOf(h.OID))
		}
	}
	f.push(1, "", "heads/main=")
	f.equal("hits", "2c 2b 2a", f.find(storage.CommitQuery{Key: "K-1"}))
}

func manyOfAll(f *fixture) {
	f.register(1)
	var line, parents strings.Builder
	var many []storage.IssueKey
	refs := []string{"heads/main=m"}
	for i := range 300 {
		fmt.Fprintf(&line, "p%d@1 ", i)
		fmt.Fprintf(&parents, ",p%d", i)
		many = append(many, storage.IssueKey(fmt.Sprintf("K-%d", 1000+i)))
		refs = append(refs, fmt.Sprintf("tags/v%03d=m", i))
	}
	commits := graph(line.String() + "m<" + parents.String()[1:])
	octopus := &commits[len(commits)-1]
	octopus.Keys = many
	a := f.advance(1, "", refs...)
	a.Commits = yield(commits...)
	for i := range 50 {
		a.Notes = append(a.Notes, storage.NotesUpdate{Ref: fmt.Sprint("refs/notes/", i), Changes: []storage.Note{{Object: octopus.OID, Text: "text", Keys: keys("N-1")}}})
	}
	done := f.apply(a)
	f.equal("advanced", storage.Advanced{CommitsAdded: 301, PostingsAdded: 301, TipsChanged: 301}, done)
	h := f.commit(1, "m")
	f.equal("parents", octopus.Parents, h.Parents)
	f.equal("keys, notes, tags", []int{301, 50, 300}, []int{len(h.Keys), len(h.Notes), len(h.Tags)})
	f.equal("tags of a parent", 300, len(f.commit(1, "p7").Tags))
}
