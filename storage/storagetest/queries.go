package storagetest

import (
	"strings"
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
		{"a scope leaves out the commits of other repositories", scopeSelects},
		{"a hit tells all about its commit", hitTellsAll},
		{"the first tag is the one whose commit is the oldest, then the least by name", firstTags},
		{"a hit tells whether the default branch contains it", inDefault},
		{"a plain hit tells nothing of branches and tags", plainHits},
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
	want := storage.Hit{Commit: commits[2], Repository: 1, Branches: []string{"a", "main"}, Tags: []string{"v1"}, FirstTag: "v1", InDefault: true}
	f.equal("commit", want, f.commit(1, "c"))
	page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1"})
	f.must(err)
	f.equal("hits", []storage.Hit{want}, page.Hits)
	f.equal("position", storage.Position{Seconds: 3, OID: oid("c"), Repository: 1}, page.Hits[0].Position())
	f.equal("branches and tags", [][]string{{"a", "main"}, {"v0", "v1"}}, [][]string{f.commit(1, "b").Branches, f.commit(1, "b").Tags})
}

func scopeSelects(f *fixture) {
	f.register(4)
	f.push(1, "a:K-1", "heads/main=a")
	f.push(2, "b:K-1@2 c:K-2@9<b", "heads/main=c")
	f.push(3, "d:K-1@3", "heads/main=d")
	f.push(4, "e:K-1@4", "heads/side=e")
	for _, c := range []struct {
		within storage.Scope
		want   string
	}{
		{nil, "4e 3d 2b a"},
		{storage.Scope{}, ""},
		{storage.Scope{1, 2, 3, 4}, "4e 3d 2b a"},
		{storage.Scope{1}, "a"},
		{storage.Scope{4}, "4e"},
		{storage.Scope{2, 4}, "4e 2b"},
		{storage.Scope{1, 3, 9}, "3d a"},
		{storage.Scope{9}, ""},
	} {
		f.equal("commits", c.want, f.walk(storage.CommitQuery{Key: "K-1", Within: c.within, Limit: 1}))
	}
	f.equal("commits of a repository in the scope", "2b", f.find(storage.CommitQuery{Key: "K-1", Repository: 2, Within: storage.Scope{1, 2}}))
	f.equal("commits of one that is not", "", f.find(storage.CommitQuery{Key: "K-1", Repository: 3, Within: storage.Scope{1, 2}}))
	f.equal("commits of a ref", "2b", f.find(storage.CommitQuery{Key: "K-1", Ref: "main", Within: storage.Scope{2, 4}}))
}

func firstTags(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1@50 b@40<a c@60<a d@20<c e@20<b x@10", "heads/main=e",
		"tags/a=x", "tags/of-b=object>b", "tags/of-c=c", "tags/z=d", "tags/y=e", "tags/tree=t>")
	want := func(when string, firsts map[string]string) {
		f.Helper()
		for name, first := range firsts {
			f.equal("first tag of "+name+" "+when, first, f.commit(1, name).FirstTag)
		}
	}
	want("by dates that are skewed, and a tie", map[string]string{"a": "y", "b": "y", "c": "z", "d": "z", "e": "y", "x": "a"})
	page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1"})
	f.must(err)
	f.equal("first tag of a page", "y", page.Hits[0].FirstTag)
	f.push(1, "", "tags/y=")
	want("after one is gone", map[string]string{"a": "z", "b": "of-b", "e": ""})
	f.push(1, "g@5<d", "tags/late=g", "tags/z=x", "tags/0=object>x")
	want("after one came, which is old, and one moved", map[string]string{"a": "late", "b": "of-b", "d": "late", "x": "0"})
}

func inDefault(f *fixture) {
	f.register(1)
	f.push(1, "a b<a c<a", "heads/main=b", "heads/side=c", "tags/v1=c", "pull/1/head=c")
	want := func(branch, names string) {
		f.Helper()
		var have []string
		for _, name := range []string{"a", "b", "c"} {
			if f.commit(1, name).InDefault {
				have = append(have, name)
			}
		}
		f.equal("commits of "+branch, names, strings.Join(have, " "))
	}
	want("refs/heads/main", "a b")
	for _, c := range [][2]string{
		{"refs/heads/side", "a c"}, {"refs/heads/gone", ""}, {"", ""}, {"main", ""}, {"refs/tags/v1", "a c"}, {"refs/pull/1/head", ""},
	} {
		a := f.advance(1, "")
		a.DefaultBranch = c[0]
		f.apply(a)
		want(c[0], c[1])
	}
	f.push(1, "", "heads/main=c", "heads/old=b")
	want("refs/heads/main that moved", "a c")
}

func plainHits(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1,K-2<a", "heads/main=b", "tags/v1=a")
	f.annotate(1, note("a", "see K-3", "K-3"))
	q := storage.CommitQuery{Key: "K-1"}
	page, err := f.store.Commits(f.ctx, q)
	f.must(err)
	for i := range page.Hits {
		h := &page.Hits[i]
		h.Branches, h.Tags, h.FirstTag, h.InDefault = nil, nil, "", false
	}
	q.Plain = true
	plain, err := f.store.Commits(f.ctx, q)
	f.must(err)
	f.equal("page", page, plain)
	q.Ref = "v1"
	f.equal("plain commits of a ref", "a", f.find(q))
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
