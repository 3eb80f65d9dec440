package storagetest

import (
	"errors"

	"keytrail/storage"
)

// wholenessPromises are about an Advance being done wholly, once, and only on top of what it expects.
func wholenessPromises() []promise {
	return []promise{
		{"a change of a ref that has moved meanwhile is stale", staleChange},
		{"a change whose new value is there is taken as done", doneChange},
		{"the same advance twice is the same as once", sameAdvanceTwice},
		{"one ref cannot be changed twice at once", refTwice},
		{"a tip without its commit is incomplete", missingTip},
		{"a commit without its parent is incomplete", missingParent},
		{"the parents of a shallow commit are not asked for", shallowParents},
		{"an error of the source of commits leaves nothing", brokenSource},
		{"a refused advance may be mended and made again", mendedAdvance},
		{"an advance of an unknown repository is not found", unknownAdvance},
	}
}

func staleChange(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/main=b")
	for _, stale := range []storage.TipChange{
		{Tip: storage.Tip{Ref: "refs/heads/main", OID: oid("a"), Commit: oid("a")}, Old: oid("c")},
		{Tip: storage.Tip{Ref: "refs/heads/main", OID: oid("a"), Commit: oid("a")}},
		{Tip: storage.Tip{Ref: "refs/heads/main"}, Old: oid("a")},
		{Tip: storage.Tip{Ref: "refs/heads/new", OID: oid("a"), Commit: oid("a")}, Old: oid("b")},
	} {
		a := f.advance(1, "d:K-2<b", "heads/other=d")
		a.Tips = append(a.Tips, stale)
		f.refuse(a, storage.ErrStale)
	}
}

func doneChange(f *fixture) {
	f.register(1)
	a := f.advance(1, "a b:K-1<a", "heads/main=b")
	f.apply(a)
	f.equal("advanced", storage.Advanced{}, f.apply(a))
	a.Tips[0].Old = oid("elsewhere")
	f.equal("advanced", storage.Advanced{}, f.apply(a))
	gone := f.advance(1, "", "heads/never=")
	gone.Tips[0].Old = oid("a")
	f.equal("advanced by a deletion of nothing", storage.Advanced{}, f.apply(gone))
}

func sameAdvanceTwice(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a n:K-9", "heads/main=b", "heads/side=n", "tags/v1=a")
	a := f.advance(1, "c:K-2@9<a", "heads/main=c", "heads/side=", "tags/v2=c")
	a.Notes = []storage.NotesUpdate{notes(note("c", "see K-3", "K-3"))}
	f.apply(a)
	once := f.answers()
	f.equal("advanced", storage.Advanced{}, f.apply(a))
	twice := f.answers()
	twice.Repositories[0].Version = once.Repositories[0].Version
	f.equal("answers", once, twice)
}

func refTwice(f *fixture) {
	f.register(1)
	before := f.answers()
	if _, err := f.store.Advance(f.ctx, f.advance(1, "a b<a", "heads/main=a", "heads/main=b")); err == nil {
		f.Error("advance: no error")
	}
	f.equal("answers", before, f.answers())
}

func missingTip(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	f.refuse(f.advance(1, "", "heads/side=b"), storage.ErrIncomplete)
	f.refuse(f.advance(1, "", "tags/v1=object>b"), storage.ErrIncomplete)
	f.refuse(f.advance(1, "c:K-1<a", "heads/main=c", "heads/side=b"), storage.ErrIncomplete)
}

func missingParent(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	f.refuse(f.advance(1, "c:K-1<b", "heads/main=c"), storage.ErrIncomplete)
	f.refuse(f.advance(1, "c<a,b", "heads/main=c"), storage.ErrIncomplete)
}

func shallowParents(f *fixture) {
	f.register(1)
	f.push(1, "c!:K-1<a,b d:K-1<c", "heads/main=d")
	f.wantMembers(1, "c d")
	h := f.commit(1, "c")
	f.equal("shallow", true, h.Shallow)
	f.equal("parents", oids("a b"), h.Parents)
	f.push(1, "a e<a", "heads/side=e")
	f.wantMembers(1, "a c d e")
	f.equal("a parent is not contained", []string{"side"}, f.commit(1, "a").Branches)
	f.push(1, "", "heads/side=")
	f.wantMembers(1, "c d")
}

func brokenSource(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	broken := errors.New("broken")
	a := f.advance(1, "", "heads/main=b")
	a.Notes = []storage.NotesUpdate{notes(note("a", "text", "K-1"))}
	a.Commits = func(yield func(storage.Commit, error) bool) {
		for _, c := range graph("b:K-1<a") {
			if !yield(c, nil) {
				return
			}
		}
		yield(storage.Commit{}, broken)
	}
	f.refuse(a, broken)
}

func mendedAdvance(f *fixture) {
	f.register(1)
	f.refuse(f.advance(1, "b:K-1<a", "heads/main=b"), storage.ErrIncomplete)
	f.push(1, "a b:K-1<a", "heads/main=b")
	f.wantMembers(1, "a b")
}

func unknownAdvance(f *fixture) {
	f.register(1)
	f.refuse(storage.Advance{Repository: 2, SeenAt: noon()}, storage.ErrNotFound)
	f.refuse(storage.Advance{SeenAt: noon()}, storage.ErrNotFound)
}
