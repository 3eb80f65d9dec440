package storagetest

import (
	"errors"

	"keytrail/storage"
)

// tipPromises are about what the movements of refs do to the commits that a repository holds.
func tipPromises() []promise {
	return []promise{
		{"a first advance holds what the tips reach", firstAdvance},
		{"an advance adds only what is new", laterAdvance},
		{"a force push drops exactly the commits that no ref reaches", forcePush},
		{"a force push backwards drops what it leaves", forcePushBackwards},
		{"a deleted branch drops only what was its own", deletedBranch},
		{"a repository whose last ref goes is empty", lastRefGone},
		{"a moved tag lets go of what only it reached", movedTag},
		{"a commit that only a tag reaches counts", tagOnly},
		{"a commit that only another ref reaches counts, and has no branch or tag", otherRefOnly},
		{"an annotated tag holds the commit that it peels to", annotatedTag},
		{"a ref without a commit is a tip and holds nothing", refWithoutCommit},
		{"a ref's name is any bytes", oddRefNames},
		{"tips are sorted by name", sortedTips},
		{"a single tip is what all of them say, and one that is not there is not found", singleTips},
	}
}

func firstAdvance(f *fixture) {
	f.register(1)
	done := f.push(1, "a:K-1 b:K-1,K-2<a c<b", "heads/main=c", "tags/v1=b")
	f.equal("advanced", storage.Advanced{CommitsAdded: 3, PostingsAdded: 3, TipsChanged: 2}, done)
	f.wantMembers(1, "a b c")
	f.wantLinked("K-1", "b a")
	f.wantLinked("K-2", "b")
	r := f.repository(1)
	f.equal("counts", []int64{2, 0, 3, 3}, []int64{int64(r.Tips), int64(r.NoCommit), r.Commits, r.Postings})
}

func laterAdvance(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	done := f.push(1, "c:K-1@9<b", "heads/main=c")
	f.equal("advanced", storage.Advanced{CommitsAdded: 1, PostingsAdded: 1, TipsChanged: 1}, done)
	f.wantMembers(1, "a b c")
	f.wantLinked("K-1", "c a")
}

func forcePush(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a c:K-1<b d<c e:K-1<b", "heads/main=d", "heads/side=e")
	done := f.push(1, "f:K-1@9<a", "heads/main=f")
	f.equal("advanced", storage.Advanced{CommitsAdded: 1, CommitsDropped: 2, PostingsAdded: 1, PostingsDropped: 1, TipsChanged: 1}, done)
	f.wantMembers(1, "a b e f")
	f.wantLinked("K-1", "f e b")
}

func forcePushBackwards(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a c:K-1<b", "heads/main=c")
	f.push(1, "", "heads/main=a")
	f.wantMembers(1, "a")
	f.wantLinked("K-1", "a")
}

func deletedBranch(f *fixture) {
	f.register(1)
	f.push(1, "a b<a c:K-1<a d:K-1<b,c e<c", "heads/main=b", "heads/merged=d", "heads/side=e")
	done := f.push(1, "", "heads/merged=")
	f.equal("advanced", storage.Advanced{CommitsDropped: 1, PostingsDropped: 1, TipsChanged: 1}, done)
	f.wantMembers(1, "a b c e")
	f.push(1, "", "heads/side=")
	f.wantMembers(1, "a b")
	f.wantLinked("K-1", "")
}

func lastRefGone(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	f.push(1, "", "heads/main=")
	f.wantMembers(1, "")
	f.equal("tips", map[string]storage.Tip{}, f.tips(1))
	f.equal("stats", storage.Stats{Repositories: 1}, f.answers().Stats)
}

func movedTag(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a c<a", "heads/main=a", "tags/v1=b")
	f.push(1, "c<a", "tags/v1=c")
	f.wantMembers(1, "a c")
	f.wantLinked("K-1", "")
	f.equal("tags", []string{"v1"}, f.commit(1, "a").Tags)
}

func tagOnly(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/main=a", "tags/v1=b")
	f.wantMembers(1, "a b")
	h := f.commit(1, "b")
	f.equal("branches and tags", [][]string{nil, {"v1"}}, [][]string{h.Branches, h.Tags})
}

func otherRefOnly(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "pull/7/head=a")
	f.wantLinked("K-1", "a")
	h := f.commit(1, "a")
	f.equal("branches and tags", [][]string{nil, nil}, [][]string{h.Branches, h.Tags})
	f.equal("branches of the issue", []storage.IssueRef(nil), f.issue("K-1").Branches)
}

func annotatedTag(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "tags/v1=object>a")
	f.wantMembers(1, "a")
	f.equal("tip", storage.Tip{Ref: "refs/tags/v1", OID: oid("object"), Commit: oid("a")}, f.tips(1)["refs/tags/v1"])
	f.equal("tags of the issue", []storage.IssueRef{{Repository: 1, Name: "v1", OID: oid("a"), ByCommit: true}}, f.issue("K-1").Tags)
	f.equal("advanced by a new tag object", storage.Advanced{TipsChanged: 1}, f.push(1, "", "tags/v1=newer>a"))
}

func refWithoutCommit(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a", "tags/tree=t>", "heads/blob=t>")
	f.wantMembers(1, "a")
	f.equal("tip", storage.Tip{Ref: "refs/tags/tree", OID: oid("t")}, f.tips(1)["refs/tags/tree"])
	f.equal("refs without a commit", 2, f.repository(1).NoCommit)
	f.push(1, "", "tags/tree=a")
	f.equal("refs without a commit", 1, f.repository(1).NoCommit)
	f.push(1, "", "heads/main=t>", "tags/tree=")
	f.wantMembers(1, "")
	f.equal("refs without a commit", 2, f.repository(1).NoCommit)
}

func oddRefNames(f *fixture) {
	f.register(1)
	odd := []string{"heads/\xff\xfe", "heads/a b", "heads/ü", "tags/\x01", "heads/a/b/c", "heads/a"}
	for _, ref := range odd {
		f.push(1, "a:K-1", ref+"=a")
	}
	f.equal("branches", []string{"a", "a b", "a/b/c", "ü", "\xff\xfe"}, f.commit(1, "a").Branches)
	f.equal("tags", []string{"\x01"}, f.commit(1, "a").Tags)
	a := f.advance(1, "b:K-2", "heads/side=b")
	a.DefaultBranch = "refs/heads/\xff\xfe"
	f.apply(a)
	f.equal("default branch", "refs/heads/\xff\xfe", f.repository(1).DefaultBranch)
	f.equal("branches that the default branch has not merged", 1, len(f.issue("K-2").Branches))
	f.equal("branches that the default branch has merged", 0, len(f.issue("K-1").Branches))
}

func sortedTips(f *fixture) {
	f.register(1)
	f.push(1, "a", "tags/v1=a", "heads/b=a", "heads/a/b=a", "heads/a=a", "pull/1/head=a")
	var refs []string
	for _, t := range all(f, f.store.Tips(f.ctx, 1)) {
		refs = append(refs, t.Ref)
	}
	f.equal("refs", []string{"refs/heads/a", "refs/heads/a/b", "refs/heads/b", "refs/pull/1/head", "refs/tags/v1"}, refs)
}

func singleTips(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/K-2=b", "heads/K-2/c=a", "tags/v1=object>a", "tags/tree=t>")
	f.push(1, "", "heads/K-2=", "tags/v2=b")
	for ref, want := range f.tips(1) {
		have, err := f.store.Tip(f.ctx, 1, ref)
		f.equal("tip "+ref, want, have)
		f.equal("its error", nil, err)
	}
	for _, absent := range []struct {
		id  storage.RepositoryID
		ref string
	}{{1, "refs/heads/K-2"}, {1, "refs/tags/v"}, {2, "refs/tags/v1"}} {
		_, err := f.store.Tip(f.ctx, absent.id, absent.ref)
		f.equal("no tip "+absent.ref, true, errors.Is(err, storage.ErrNotFound))
	}
}
