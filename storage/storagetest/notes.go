package storagetest

import "keytrail/storage"

// notePromises are about git notes.
func notePromises() []promise {
	return []promise{
		{"a note on a commit that is held links it", noteAfterCommit},
		{"a note that comes before its commit links it when it comes", noteBeforeCommit},
		{"a note that comes with its commit links it", noteWithCommit},
		{"a note outlives its commit and links it again when it comes back", noteOutlivesCommit},
		{"an edited note links by its new text", noteEdited},
		{"a deleted note links no more, but the message and other notes do", noteDeleted},
		{"a notes ref that is reset holds only what is given", notesReset},
		{"notes are a repository's own", notesOwn},
		{"notes are sorted by object and ref", notesSorted},
	}
}

func noteAfterCommit(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	done := f.annotate(1, note("a", "see K-2 and K-1", "K-1,K-2"))
	f.equal("advanced", storage.Advanced{PostingsAdded: 1}, done)
	f.wantLinked("K-2", "a")
	h := f.commit(1, "a")
	f.equal("keys", keys("K-1,K-2"), h.Keys)
	f.equal("notes", map[string]string{"refs/notes/commits": "see K-2 and K-1"}, h.Notes)
	f.equal("notes of another", map[string]string(nil), f.commit(1, "b").Notes)
	for _, m := range all(f, f.store.Members(f.ctx, 1)) {
		if m.OID == oid("a") {
			f.equal("keys of the message", keys("K-1"), m.Keys)
		}
	}
}

func noteBeforeCommit(f *fixture) {
	f.register(1)
	done := f.annotate(1, note("b", "see K-2", "K-2"))
	f.equal("advanced", storage.Advanced{}, done)
	f.wantLinked("K-2", "")
	f.equal("notes", []storage.Note{note("b", "see K-2", "K-2")}, all(f, f.store.NotesOf(f.ctx, 1)))
	done = f.push(1, "a b<a", "heads/main=b")
	f.equal("advanced", storage.Advanced{CommitsAdded: 2, PostingsAdded: 1, TipsChanged: 1}, done)
	f.wantLinked("K-2", "b")
}

func noteWithCommit(f *fixture) {
	f.register(1)
	a := f.advance(1, "a:K-1", "heads/main=a")
	a.Notes = []storage.NotesUpdate{notes(note("a", "see K-2", "K-2"))}
	f.equal("advanced", storage.Advanced{CommitsAdded: 1, PostingsAdded: 2, TipsChanged: 1}, f.apply(a))
	f.wantLinked("K-2", "a")
}

func noteOutlivesCommit(f *fixture) {
	f.register(1)
	f.push(1, "a b<a", "heads/main=b")
	f.annotate(1, note("b", "see K-2", "K-2"))
	done := f.push(1, "", "heads/main=a")
	f.equal("advanced", storage.Advanced{CommitsDropped: 1, PostingsDropped: 1, TipsChanged: 1}, done)
	f.wantLinked("K-2", "")
	f.push(1, "b@2<a", "heads/main=b")
	f.wantLinked("K-2", "b")
}

func noteEdited(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	f.annotate(1, note("a", "see K-1, K-2", "K-1,K-2"))
	done := f.annotate(1, note("a", "see K-3", "K-3"))
	f.equal("advanced", storage.Advanced{PostingsAdded: 1, PostingsDropped: 1}, done)
	f.equal("keys", keys("K-1,K-3"), f.commit(1, "a").Keys)
	f.wantLinked("K-2", "")
}

func noteDeleted(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	a := f.advance(1, "")
	a.Notes = []storage.NotesUpdate{
		notes(note("a", "K-1 K-2 K-3", "K-1,K-2,K-3")),
		{Ref: "refs/notes/review", Changes: []storage.Note{{Object: oid("a"), Text: "K-3", Keys: keys("K-3")}}},
	}
	f.apply(a)
	f.equal("notes", map[string]string{"refs/notes/commits": "K-1 K-2 K-3", "refs/notes/review": "K-3"}, f.commit(1, "a").Notes)
	f.equal("advanced", storage.Advanced{PostingsDropped: 1}, f.annotate(1, storage.Note{Object: oid("a"), Deleted: true}))
	f.equal("keys", keys("K-1,K-3"), f.commit(1, "a").Keys)
	f.equal("advanced by a deletion of nothing", storage.Advanced{}, f.annotate(1, storage.Note{Object: oid("a"), Deleted: true}))
}

func notesReset(f *fixture) {
	f.register(1)
	f.push(1, "a b<a", "heads/main=b")
	a := f.advance(1, "")
	a.Notes = []storage.NotesUpdate{
		notes(note("a", "K-1", "K-1"), note("b", "K-2", "K-2"), note("gone", "K-4", "K-4")),
		{Ref: "refs/notes/review", Changes: []storage.Note{{Object: oid("a"), Text: "K-3", Keys: keys("K-3")}}},
	}
	f.apply(a)
	update := notes(note("b", "K-1", "K-1"))
	update.Reset = true
	a.Notes = []storage.NotesUpdate{update}
	f.equal("advanced", storage.Advanced{PostingsAdded: 1, PostingsDropped: 2}, f.apply(a))
	f.equal("notes", []storage.Note{
		{Ref: "refs/notes/review", Object: oid("a"), Text: "K-3", Keys: keys("K-3")},
		note("b", "K-1", "K-1"),
	}, all(f, f.store.NotesOf(f.ctx, 1)))
	a.Notes = []storage.NotesUpdate{{Ref: "refs/notes/review", Reset: true}}
	f.apply(a)
	f.equal("keys", keys(""), f.commit(1, "a").Keys)
}

func notesOwn(f *fixture) {
	f.register(2)
	f.push(1, "a", "heads/main=a")
	f.push(2, "a", "heads/main=a")
	f.annotate(2, note("a", "see K-2", "K-2"))
	f.wantLinked("K-2", "2a")
	f.equal("notes", map[string]string(nil), f.commit(1, "a").Notes)
	f.equal("postings", []int64{0, 1}, []int64{f.repository(1).Postings, f.repository(2).Postings})
}

func notesSorted(f *fixture) {
	f.register(1)
	a := f.advance(1, "")
	for _, ref := range []string{"refs/notes/z", "refs/notes/a"} {
		a.Notes = append(a.Notes, storage.NotesUpdate{Ref: ref, Changes: []storage.Note{
			{Object: oid("b"), Text: "text of b"}, {Object: oid("a"), Text: "text of a"},
		}})
	}
	f.apply(a)
	var have []string
	for _, n := range all(f, f.store.NotesOf(f.ctx, 1)) {
		have = append(have, nameOf(n.Object)+" "+n.Ref)
	}
	f.equal("notes", []string{"a refs/notes/a", "a refs/notes/z", "b refs/notes/a", "b refs/notes/z"}, have)
}
