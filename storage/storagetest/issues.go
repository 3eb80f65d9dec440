package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"keytrail/storage"
)

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
		{"a scope leaves other repositories out of the whole summary", scopeOfIssue},
		{"a branch is compared with the default one, merged or not", comparedBranches},
		{"without a default branch nothing is compared", uncomparedBranches},
		{"hundreds of branches are compared as one is", manyComparedBranches},
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
	f.push(1, "a:K-1 b<a", "heads/main=b", "heads/side=a", "pull/1/head=b")
	f.equal("branches", []storage.IssueRef(nil), f.issue("K-1").Branches)
	want := []storage.IssueRef{branch("main", "b", false, true), branch("side", "a", false, true)}
	for _, unknown := range []string{"", "refs/heads/gone", "main", "refs/pull/1/head"} {
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

func scopeOfIssue(f *fixture) {
	f.register(3)
	for id, line := range []string{"a:K-1@10 b:K-1@50<a", "a:K-1@10 c:K-1@20<a", "d:K-1@5"} {
		id := storage.RepositoryID(id + 1)
		last := line[strings.LastIndexByte(line, ':')-1:][:1]
		a := f.advance(id, line, "heads/side="+last, "tags/v1="+last, "heads/k-1="+last)
		a.Tips[2].Keys = keys("K-1")
		f.apply(a)
		f.must(f.store.SetPullRequests(f.ctx, id, storage.PullRequestUpdate{Changed: []storage.PullRequest{{ID: "1", Keys: keys("K-1")}}}))
	}
	for _, c := range []struct {
		within      storage.Scope
		repos       string
		commits     int64
		first, last int64
	}{
		{nil, "1 2 3", 4, 5, 50},
		{storage.Scope{1, 2, 3}, "1 2 3", 4, 5, 50},
		{storage.Scope{1, 2}, "1 2", 3, 10, 50},
		{storage.Scope{2, 7}, "2", 2, 10, 20},
		{storage.Scope{1, 3}, "1 3", 3, 5, 50},
		{storage.Scope{7}, "", 0, 0, 0},
		{storage.Scope{}, "", 0, 0, 0},
	} {
		i := f.summary(storage.IssueQuery{Key: "K-1", Within: c.within})
		f.equal("commits", c.commits, i.Commits)
		f.equal("first and last", []int64{c.first, c.last}, []int64{i.First.Seconds, i.Last.Seconds})
		var repositories, branches, tags, pulls []storage.RepositoryID
		for _, r := range i.Repositories {
			repositories = append(repositories, r.Repository)
		}
		for _, b := range i.Branches {
			branches = append(branches, b.Repository)
		}
		for _, t := range i.Tags {
			tags = append(tags, t.Repository)
		}
		for _, p := range i.PullRequests {
			pulls = append(pulls, p.Repository)
		}
		f.equal("repositories", c.repos, joined(repositories))
		f.equal("branches", joined(slices.Sorted(slices.Values(slices.Concat(repositories, repositories)))), joined(branches))
		f.equal("tags", c.repos, joined(tags))
		f.equal("pull requests", c.repos, joined(pulls))
	}
}

func joined(ids []storage.RepositoryID) string { return strings.Trim(fmt.Sprint(ids), "[]") }

func comparedBranches(f *fixture) {
	f.register(2)
	a := f.advance(1, "a b:K-1<a c<b d:K-1<b e<d x", "heads/main=c", "heads/fix=e", "heads/k-1=a", "heads/k-1-root=x", "tags/v1=e")
	a.Tips[2].Keys, a.Tips[3].Keys = keys("K-1"), keys("K-1")
	f.apply(a)
	b := f.advance(2, "a", "heads/main=a", "heads/k-1=a")
	b.Tips[1].Keys = keys("K-1")
	f.apply(b)
	compared := func(id storage.RepositoryID, b storage.IssueRef, ahead, behind int) storage.IssueRef {
		b.Repository, b.Compared, b.Ahead, b.Behind = id, true, ahead, behind
		return b
	}
	q := storage.IssueQuery{Key: "K-1", Compare: true}
	f.equal("branches", []storage.IssueRef{
		compared(1, branch("fix", "e", false, true), 2, 1),
		compared(1, branch("k-1", "a", true, false), 0, 2),
		compared(1, branch("k-1-root", "x", true, false), 1, 3),
		compared(2, branch("k-1", "a", true, false), 0, 0),
	}, f.summary(q).Branches)
	f.equal("tags", []storage.IssueRef{branch("v1", "e", false, true)}, f.summary(q).Tags)
	f.push(1, "m<c,e n<m", "heads/main=n", "heads/k-1-root=")
	f.equal("branches once merged", []storage.IssueRef{
		compared(1, branch("k-1", "a", true, false), 0, 6), compared(2, branch("k-1", "a", true, false), 0, 0),
	}, f.summary(q).Branches)
}

func uncomparedBranches(f *fixture) {
	f.register(1)
	a := f.advance(1, "a:K-1 b<a", "heads/side=b", "tags/t=a", "pull/1/head=a")
	a.Tips[0].Keys = keys("K-1")
	for _, unknown := range []string{"refs/heads/main", "", "side", "refs/pull/1/head"} {
		a.DefaultBranch = unknown
		f.apply(a)
		a = f.advance(1, "")
		i := f.summary(storage.IssueQuery{Key: "K-1", Compare: true})
		f.equal("branches", []storage.IssueRef{branch("side", "b", true, true)}, i.Branches)
	}
}

func manyComparedBranches(f *fixture) {
	f.register(1)
	line, refs := "c0", []string{"heads/main=c139"}
	var want []storage.IssueRef
	for i := range 140 {
		name := fmt.Sprintf("b%03d", i)
		if i > 0 {
			line += fmt.Sprintf(" c%d<c%d", i, i-1)
		}
		line += fmt.Sprintf(" t%d:K-1<c%d", i, i)
		refs = append(refs, fmt.Sprintf("heads/%s=t%d", name, i))
		b := branch(name, fmt.Sprint("t", i), false, true)
		b.Compared, b.Ahead, b.Behind = true, 1, 139-i
		want = append(want, b)
	}
	f.push(1, line, refs...)
	for range 2 { // an engine may remember
		f.equal("branches", want, f.summary(storage.IssueQuery{Key: "K-1", Compare: true}).Branches)
	}
}

// branch makes a branch or tag of repository 1.
func branch(name, commit string, byName, byCommit bool) storage.IssueRef {
	return storage.IssueRef{Repository: 1, Name: name, OID: oid(commit), ByName: byName, ByCommit: byCommit}
}
