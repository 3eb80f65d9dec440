package storagetest

import (
	"time"

	"keytrail/storage"
)

// queryPromises are about which commits a query selects, and what is told about each.
func queryPromises() []promise {
	return []promise{
		{"a key selects its commits and no others", keySelects},
		{"since and until are a half-open span of committer dates", sinceUntil},
		{"a ref selects what it reaches", refSelects},
		{"a short name is a branch before it is a tag, and a full name is first", shortNames},
		{"a ref that moves selects anew", movedRefSelects},
		{"a hit tells all about its commit", hitTellsAll},
		{"postings are sorted by project, then number, then newest first", postingsSorted},
		{"an index of nothing answers", emptyIndex},
	}
}

func keySelects(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-10<a c:K-11<b d:KK-1<c e:K_K-1<d g:K-1,K-2<e h:K-100<g", "heads/main=h")
	for key, want := range map[storage.IssueKey]string{
		"K-1": "g a", "K-10": "b", "K-11": "c", "KK-1": "d", "K_K-1": "e", "K-2": "g", "K-100": "h", "K-3": "", "K": "", "": "", "K-": "",
	} {
		f.wantLinked(key, want)
	}
}

func sinceUntil(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1@-10 b:K-1@0<a c:K-1@10<b d:K-1@20<c", "heads/main=d")
	at := func(seconds, nanos int64) time.Time { return time.Unix(seconds, nanos) }
	for _, c := range []struct {
		since, until time.Time
		want         string
	}{
		{at(10, 0), time.Time{}, "d c"},
		{at(10, 1), time.Time{}, "d"},
		{at(9, 999), time.Time{}, "d c"},
		{at(-10, 0), time.Time{}, "d c b a"},
		{at(0, 0), time.Time{}, "d c b"},
		{at(21, 0), time.Time{}, ""},
		{time.Time{}, at(10, 0), "b a"},
		{time.Time{}, at(10, 1), "c b a"},
		{time.Time{}, at(-10, 0), ""},
		{time.Time{}, at(-9, 0), "a"},
		{at(0, 0), at(20, 0), "c b"},
		{at(10, 0), at(10, 0), ""},
		{at(20, 0), at(0, 0), ""},
		{at(10, 0).In(time.FixedZone("", 3600)), at(11, 0), "c"},
	} {
		q := storage.CommitQuery{Key: "K-1", Since: c.since, Until: c.until}
		f.equal("commits", c.want, f.find(q))
		q.Limit = 1
		f.equal("commits page by page", c.want, f.walk(q))
	}
}

func refSelects(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1 b:K-1<a c:K-1<a d:K-1<b,c", "heads/main=d", "heads/side=c", "tags/v1=object>b", "tags/tree=t>", "pull/1/head=c")
	f.push(2, "x:K-1@1", "heads/side=x")
	for ref, want := range map[string]string{
		"refs/heads/main": "d c b a", "main": "d c b a", "refs/tags/v1": "b a", "v1": "b a",
		"side": "c a 2x", "refs/pull/1/head": "c a", "pull/1/head": "", "tree": "", "heads/main": "", "no": "", "refs/heads/": "",
	} {
		f.equal("commits of "+ref, want, f.walk(storage.CommitQuery{Key: "K-1", Ref: ref, Limit: 1}))
	}
	f.equal("commits", "c a", f.find(storage.CommitQuery{Key: "K-1", Ref: "side", Repository: 1}))
	f.equal("commits", "c", f.find(storage.CommitQuery{Key: "K-1", Ref: "side", Repository: 1, Since: time.Unix(2, 0)}))
}

func shortNames(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a c:K-1<b", "heads/x=a", "tags/x=b", "heads/refs/tags/x=c", "heads/t=o>", "tags/t=b")
	for ref, want := range map[string]string{"x": "a", "refs/tags/x": "b a", "refs/heads/x": "a", "refs/heads/refs/tags/x": "c b a", "t": ""} {
		f.equal("commits of "+ref, want, f.find(storage.CommitQuery{Key: "K-1", Ref: ref}))
	}
}

func movedRefSelects(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b", "heads/side=a")
	f.equal("commits", "a", f.find(storage.CommitQuery{Key: "K-1", Ref: "side"}))
	f.push(1, "", "heads/side=b", "heads/main=a")
	f.equal("commits", "b a", f.find(storage.CommitQuery{Key: "K-1", Ref: "side"}))
	f.equal("commits", "a", f.find(storage.CommitQuery{Key: "K-1", Ref: "main"}))
}

func hitTellsAll(f *fixture) {
	f.register(1)
	commits := graph("a b:K-2<a c:K-1,K-2<a,b d<c")
	commits[2].Author = storage.Signature{Name: "Jörg", Email: "joerg@example.com", Seconds: -5, Offset: -90}
	commits[2].Message = "K-1 K-2: title\n\nbody\n"
	a := f.advance(1, "", "heads/main=d", "heads/a=c", "tags/v1=object>c", "tags/v0=b")
	a.Commits = yield(commits...)
	f.apply(a)
	want := storage.Hit{Commit: commits[2], Repository: 1, Branches: []string{"a", "main"}, Tags: []string{"v1"}}
	f.equal("commit", want, f.commit(1, "c"))
	page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1"})
	f.must(err)
	f.equal("hits", []storage.Hit{want}, page.Hits)
	f.equal("position", storage.Position{Seconds: 3, OID: oid("c"), Repository: 1}, page.Hits[0].Position())
	f.equal("branches and tags", [][]string{{"a", "main"}, {"v0", "v1"}}, [][]string{f.commit(1, "b").Branches, f.commit(1, "b").Tags})
}

func postingsSorted(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1,K-9 b:K-10,K-9<a c:B_C-3,K2-1,KA-1<b", "heads/main=c")
	f.push(2, "a:K-9 d:K-9,B-4@1<a", "heads/main=d")
	posting := func(key storage.IssueKey, id storage.RepositoryID, name string) storage.Posting {
		return storage.Posting{Key: key, Repository: id, OID: oid(name)}
	}
	k := []storage.Posting{
		posting("K-1", 1, "a"), posting("K-9", 1, "b"), posting("K-9", 1, "a"), posting("K-9", 2, "a"), posting("K-9", 2, "d"), posting("K-10", 1, "b"),
	}
	want := append([]storage.Posting{posting("B-4", 2, "d"), posting("B_C-3", 1, "c")}, k...)
	want = append(want, posting("K2-1", 1, "c"), posting("KA-1", 1, "c"))
	f.equal("postings", want, all(f, f.store.Postings(f.ctx, "")))
	f.equal("postings of a project", k, all(f, f.store.Postings(f.ctx, "K")))
	f.equal("postings of no project", 0, len(all(f, f.store.Postings(f.ctx, "C"))))
}

func emptyIndex(f *fixture) {
	f.equal("stats", storage.Stats{}, f.answers().Stats)
	f.equal("issue", storage.Issue{Key: "K-1"}, f.issue("K-1"))
	f.wantLinked("K-1", "")
	f.equal("repositories", 0, len(all(f, f.store.Repositories(f.ctx))))
	f.equal("postings", 0, len(all(f, f.store.Postings(f.ctx, ""))))
}
