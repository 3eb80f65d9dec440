package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"keytrail/storage"
)

// commitPromises are about the commits that an Advance is given, and repositories that share them.
func commitPromises() []promise {
	return []promise{
		{"commits may come in any order and more than once", anyOrderOfCommits},
		{"commits that no tip reaches are ignored", unreachedCommits},
		{"a commit that is held keeps its keys", heldCommitKeepsKeys},
		{"a commit that was dropped may come again with other keys", droppedCommitReturns},
		{"a tip may move to a commit that is held, without commits", tipToHeldCommit},
		{"the source of commits may ask the index, and is ranged over once", askingSource},
		{"a parent may be named twice", doubledParent},
		{"a long history is dropped whole", longHistoryDropped},
		{"forks share commits, and one that drops them leaves them to the other", forksShare},
		{"a fork must be given the commits that only another repository has", forkMustBeGiven},
		{"each repository has its own keys of a commit", ownKeys},
		{"a history that is cut in one repository is whole in another", ownShallowness},
	}
}

func anyOrderOfCommits(f *fixture) {
	f.register(1)
	a := f.advance(1, "", "heads/main=d")
	commits := graph("a b<a c:K-1<a d<b,c")
	slices.Reverse(commits)
	a.Commits = yield(append(commits, commits...)...)
	f.equal("advanced", storage.Advanced{CommitsAdded: 4, PostingsAdded: 1, TipsChanged: 1}, f.apply(a))
	f.wantMembers(1, "a b c d")
}

func unreachedCommits(f *fixture) {
	f.register(1)
	done := f.push(1, "a b:K-1<a c:K-1", "heads/main=a")
	f.equal("advanced", storage.Advanced{CommitsAdded: 1, TipsChanged: 1}, done)
	f.wantMembers(1, "a")
	f.equal("commits in the index", int64(1), f.answers().Stats.Commits)
}

func heldCommitKeepsKeys(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	done := f.push(1, "a:K-2 b<a", "heads/main=b")
	f.equal("advanced", storage.Advanced{CommitsAdded: 1, TipsChanged: 1}, done)
	f.wantLinked("K-1", "a")
	f.wantLinked("K-2", "")
}

func droppedCommitReturns(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/main=b")
	f.push(1, "", "heads/main=a")
	f.push(1, "b:K-2@2<a", "heads/main=b")
	f.wantLinked("K-1", "")
	f.wantLinked("K-2", "b")
}

func tipToHeldCommit(f *fixture) {
	f.register(1)
	f.push(1, "a b<a", "heads/main=b")
	f.equal("advanced", storage.Advanced{TipsChanged: 1}, f.push(1, "", "heads/side=a"))
	f.wantMembers(1, "a b")
}

func askingSource(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	a := f.advance(1, "", "heads/main=b")
	ranged := 0
	a.Commits = func(yield func(storage.Commit, error) bool) {
		ranged++
		for _, c := range graph("b<a a") {
			held, err := f.store.Holds(f.ctx, 1, c.OID)
			if !held && !yield(c, err) {
				return
			}
		}
	}
	f.apply(a)
	f.equal("times ranged", 1, ranged)
	f.wantMembers(1, "a b")
}

func doubledParent(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a,a", "heads/main=b")
	f.equal("parents", oids("a a"), f.commit(1, "b").Parents)
	f.push(1, "", "heads/main=a")
	f.wantMembers(1, "a")
	f.push(1, "", "heads/main=")
	f.wantMembers(1, "")
}

func longHistoryDropped(f *fixture) {
	f.register(1)
	var line strings.Builder
	line.WriteString("c0:K-1")
	const n = 3000
	for i := 1; i < n; i++ {
		fmt.Fprintf(&line, " c%d:K-%d<c%d", i, 1+i%50, i-1)
	}
	a := f.advance(1, line.String(), fmt.Sprintf("heads/main=c%d", n-1))
	f.equal("advanced", storage.Advanced{CommitsAdded: n, PostingsAdded: n, TipsChanged: 1}, f.apply(a))
	f.equal("advanced", storage.Advanced{CommitsDropped: n - 1, PostingsDropped: n - 1, TipsChanged: 1}, f.push(1, "", "heads/main=c0"))
	f.wantMembers(1, "c0")
}

func forksShare(f *fixture) {
	f.register(3)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b")
	done := f.push(2, "a:K-1 b:K-1<a c:K-1@9<b", "heads/main=c")
	f.equal("advanced by a fork", storage.Advanced{CommitsAdded: 3, PostingsAdded: 3, TipsChanged: 1}, done)
	f.equal("stats", storage.Stats{Repositories: 3, Commits: 5, Postings: 5}, f.answers().Stats)
	f.equal("holders", []storage.RepositoryID{1, 2}, all(f, f.store.Holders(f.ctx, oid("b"))))
	f.wantLinked("K-1", "2c b 2b a 2a")

	f.push(1, "", "heads/main=a")
	f.wantMembers(1, "a")
	f.wantMembers(2, "a b c")
	f.equal("holders", []storage.RepositoryID{2}, all(f, f.store.Holders(f.ctx, oid("b"))))
	f.wantLinked("K-1", "2c 2b a 2a")

	f.push(2, "", "heads/main=")
	f.wantMembers(1, "a")
	f.equal("stats", storage.Stats{Repositories: 3, Commits: 1, Postings: 1}, f.answers().Stats)
	f.equal("holders", []storage.RepositoryID(nil), all(f, f.store.Holders(f.ctx, oid("b"))))
}

func forkMustBeGiven(f *fixture) {
	f.register(2)
	f.push(1, "a b<a", "heads/main=b")
	f.refuse(f.advance(2, "", "heads/main=b"), storage.ErrIncomplete)
	f.refuse(f.advance(2, "b<a", "heads/main=b"), storage.ErrIncomplete)
}

func ownKeys(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1", "heads/main=a")
	f.push(2, "a:K-2", "heads/main=a")
	f.wantLinked("K-1", "a")
	f.wantLinked("K-2", "2a")
	f.equal("keys", keys("K-1"), f.commit(1, "a").Keys)
	f.equal("keys", keys("K-2"), f.commit(2, "a").Keys)
}

func ownShallowness(f *fixture) {
	f.register(2)
	f.push(1, "c!:K-1@3<b", "heads/main=c")
	f.push(2, "a:K-1 b<a c:K-1@3<b", "heads/main=c")
	f.wantMembers(1, "c")
	f.wantMembers(2, "a b c")
	f.equal("shallow", []bool{true, false}, []bool{f.commit(1, "c").Shallow, f.commit(2, "c").Shallow})
	f.equal("parents of a shallow commit", oids("b"), f.commit(1, "c").Parents)
	f.push(1, "", "heads/main=")
	f.wantMembers(2, "a b c")
}
