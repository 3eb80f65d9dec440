package storagetest

import "keytrail/storage"

// issuePromises are about the summary of an issue.
func issuePromises() []promise {
	return []promise{
		{"an issue counts distinct commits, and those of each repository", issueCounts},
		{"first and last are the ends of the order of answers", issueEnds},
		{"a branch belongs to an issue that it is named after", branchByName},
		{"a branch belongs to an issue while it holds a commit that the default branch lacks", branchByCommit},
		{"a branch may belong to an issue twice over", branchTwiceOver},
		{"without a known default branch every branch that holds a linked commit belongs to the issue", unknownDefaultBranch},
		{"a branch counts by notes as by messages", branchByNote},
		{"a tag belongs to an issue when it contains a linked commit", tagsOfIssue},
	}
}

func issueCounts(f *fixture) {
	f.register(3)
	f.push(1, "a:K-1@10 b:K-1@30<a", "heads/main=b")
	f.push(2, "x", "heads/main=x")
	f.push(3, "a:K-1@10 c:K-1@20<a", "heads/main=c")
	i := f.issue("K-1")
	f.equal("commits", int64(3), i.Commits)
	f.equal("repositories", []storage.IssueRepository{{Repository: 1, Commits: 2}, {Repository: 3, Commits: 2}}, i.Repositories)
	f.equal("first and last", []int64{10, 30}, []int64{i.First.Seconds, i.Last.Seconds})
}

func issueEnds(f *fixture) {
	f.register(1)
	commits := graph("d:K-1@5 b:K-1@5<d a:K-1@5<b c:K-1@5<a")
	for i := range commits {
		commits[i].Committer.Name = nameOf(commits[i].OID)
	}
	a := f.advance(1, "", "heads/main=c")
	a.Commits = yield(commits...)
	f.apply(a)
	i := f.issue("K-1")
	f.equal("first and last", []string{"d", "a"}, []string{i.First.Name, i.Last.Name})
}

func branchByName(f *fixture) {
	f.register(1)
	a := f.advance(1, "a", "heads/main=a", "heads/k-1=a", "heads/k-1-2=a", "tags/k-1=a", "pull/k-1=a", "heads/k-1-tree=t>")
	for i := range a.Tips[1:] {
		a.Tips[i+1].Keys = keys("K-1")
	}
	a.Tips[2].Keys = keys("K-1,K-2")
	f.apply(a)
	f.equal("branches", []storage.IssueRef{branch("k-1", "a", true, false), branch("k-1-2", "a", true, false)}, f.issue("K-1").Branches)
	f.equal("branches", []storage.IssueRef{branch("k-1-2", "a", true, false)}, f.issue("K-2").Branches)
	f.equal("tags", []storage.IssueRef(nil), f.issue("K-1").Tags)
	f.push(1, "", "heads/k-1-2=")
	f.equal("branches", []storage.IssueRef(nil), f.issue("K-2").Branches)
}

func branchByCommit(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a c:K-1<b d<b", "heads/main=b", "heads/fix=c", "heads/other=d")
	f.equal("branches", []storage.IssueRef{branch("fix", "c", false, true)}, f.issue("K-1").Branches)
	f.push(1, "m<b,c", "heads/main=m")
	f.equal("branches once merged", []storage.IssueRef(nil), f.issue("K-1").Branches)
	f.push(1, "", "heads/main=a")
	f.equal("branches once taken back", []storage.IssueRef{branch("fix", "c", false, true)}, f.issue("K-1").Branches)
}

func branchTwiceOver(f *fixture) {
	f.register(1)
	a := f.advance(1, "a c:K-1<a", "heads/main=a", "heads/k-1=c")
	a.Tips[1].Keys = keys("K-1")
	f.apply(a)
	f.equal("branches", []storage.IssueRef{branch("k-1", "c", true, true)}, f.issue("K-1").Branches)
}

func unknownDefaultBranch(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b", "heads/side=a")
	f.equal("branches", []storage.IssueRef(nil), f.issue("K-1").Branches)
	want := []storage.IssueRef{branch("main", "b", false, true), branch("side", "a", false, true)}
	for _, unknown := range []string{"", "refs/heads/gone", "main"} {
		a := f.advance(1, "")
		a.DefaultBranch = unknown
		f.apply(a)
		f.equal("branches", want, f.issue("K-1").Branches)
	}
}

func branchByNote(f *fixture) {
	f.register(1)
	f.push(1, "a b<a", "heads/main=a", "heads/side=b")
	f.annotate(1, note("b", "see K-1", "K-1"))
	f.equal("branches", []storage.IssueRef{branch("side", "b", false, true)}, f.issue("K-1").Branches)
}

func tagsOfIssue(f *fixture) {
	f.register(2)
	f.push(1, "a b:K-1<a c<b", "heads/main=c", "tags/v0=a", "tags/v2=c", "tags/v1=object>b", "tags/tree=t>")
	f.push(2, "a b:K-1<a", "tags/v1=b")
	f.equal("tags", []storage.IssueRef{
		branch("v1", "b", false, true), branch("v2", "c", false, true), {Repository: 2, Name: "v1", OID: oid("b"), ByCommit: true},
	}, f.issue("K-1").Tags)
}

// branch makes a branch or tag of repository 1.
func branch(name, commit string, byName, byCommit bool) storage.IssueRef {
	return storage.IssueRef{Repository: 1, Name: name, OID: oid(commit), ByName: byName, ByCommit: byCommit}
}
