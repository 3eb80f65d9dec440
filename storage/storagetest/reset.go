package storagetest

import "keytrail/storage"

// resetPromises are about an Advance that rebuilds a repository.
func resetPromises() []promise {
	return []promise{
		{"a reset brings other keys into effect", resetKeys},
		{"a reset to the same changes nothing", resetToSame},
		{"a reset drops tips, commits and notes that it does not give", resetDrops},
		{"a reset must give every commit", resetMustGiveAll},
		{"a reset takes the tips as absent", resetTipsAbsent},
		{"a reset makes a shallow history whole, and cuts a whole one", resetShallow},
		{"the keys in a ref's name change with the ref", refKeysChange},
	}
}

func resetKeys(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1 b:K-1,K-2<a", "heads/main=b")
	f.push(2, "a:K-1", "heads/main=a")
	again := f.advance(1, "a:K-3 b:K-2<a", "heads/main=b")
	again.Rules = "other rules"
	f.equal("advanced", storage.Advanced{PostingsAdded: 1, PostingsDropped: 2}, f.apply(reset(again)))
	f.wantLinked("K-1", "2a")
	f.wantLinked("K-2", "b")
	f.wantLinked("K-3", "a")
	f.equal("rules", "other rules", f.repository(1).Rules)
}

func resetToSame(f *fixture) {
	f.register(1)
	a := f.advance(1, "a b:K-1<a", "heads/main=b", "tags/v1=a")
	a.Notes = []storage.NotesUpdate{notes(note("a", "see K-2", "K-2"))}
	f.apply(a)
	before := f.answers()
	f.equal("advanced", storage.Advanced{}, f.apply(reset(a)))
	after := f.answers()
	after.Repositories[0].Version = before.Repositories[0].Version
	f.equal("answers", before, after)
}

func resetDrops(f *fixture) {
	f.register(1)
	a := f.advance(1, "a b:K-1<a c<a", "heads/main=b", "heads/side=c")
	a.Notes = []storage.NotesUpdate{notes(note("a", "see K-2", "K-2"))}
	f.apply(a)
	done := f.apply(reset(f.advance(1, "a c@3<a", "heads/main=c")))
	f.equal("advanced", storage.Advanced{CommitsDropped: 1, PostingsDropped: 2, TipsChanged: 2}, done)
	f.wantMembers(1, "a c")
	f.equal("refs", 1, len(f.tips(1)))
	f.equal("notes", []storage.Note(nil), all(f, f.store.NotesOf(f.ctx, 1)))
	f.wantLinked("K-2", "")
}

func resetMustGiveAll(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/main=b")
	f.refuse(reset(f.advance(1, "b<a", "heads/main=b")), storage.ErrIncomplete)
	f.refuse(reset(f.advance(1, "", "heads/main=b")), storage.ErrIncomplete)
}

func resetTipsAbsent(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	a := f.advance(1, "a", "heads/main=a")
	a.Reset = true
	a.Tips[0].Tip.OID = oid("b")
	f.refuse(a, storage.ErrStale)
	f.apply(reset(f.advance(1, "", "heads/main=")))
	f.wantMembers(1, "")
}

func resetShallow(f *fixture) {
	f.register(1)
	f.push(1, "b!<a c<b", "heads/main=c")
	f.apply(reset(f.advance(1, "a b@1<a c@2<b", "heads/main=c")))
	f.wantMembers(1, "a b c")
	f.equal("shallow", false, f.commit(1, "b").Shallow)
	f.apply(reset(f.advance(1, "b!@1<a c@2<b", "heads/main=c")))
	f.wantMembers(1, "b c")
	f.equal("parents", oids("a"), f.commit(1, "b").Parents)
}

func refKeysChange(f *fixture) {
	f.register(1)
	a := f.advance(1, "a", "heads/k-1=a")
	a.Tips[0].Keys = keys("K-1")
	f.apply(a)
	f.equal("branches", 1, len(f.issue("K-1").Branches))
	a.Tips[0].Keys = keys("K-2")
	f.equal("advanced", storage.Advanced{TipsChanged: 1}, f.apply(reset(a)))
	f.equal("branches", 0, len(f.issue("K-1").Branches))
	f.equal("branches", 1, len(f.issue("K-2").Branches))
	f.push(1, "", "heads/k-1=")
	f.equal("branches", 0, len(f.issue("K-2").Branches))
}
