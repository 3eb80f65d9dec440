package storagetest

import (
	"math"
	"strings"

	"keytrail/storage"
)

// pagePromises are about the order of an issue's commits and about pages of them.
func pagePromises() []promise {
	return []promise{
		{"commits come newest first, whatever the order of the history", newestFirst},
		{"commits of one second come by object id, then by repository", equalSeconds},
		{"pages of any size tell the same", anyPageSize},
		{"there is a next page only when there is more", nextOnlyWhenMore},
		{"a cursor holds when its commit is gone and others have come", cursorOutlives},
		{"a cursor is any place", cursorAnywhere},
		{"dates may be negative and extreme", extremeDates},
	}
}

func newestFirst(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1@30 b:K-1@10<a c:K-1@20<b", "heads/main=c")
	f.wantLinked("K-1", "a c b")
}

func equalSeconds(f *fixture) {
	f.register(3)
	f.push(3, "b:K-1@5 a:K-1@5<b", "heads/main=a")
	f.push(1, "c:K-1@5 b:K-1@5", "heads/main=c", "heads/side=b")
	f.push(2, "b:K-1@5 d:K-1@5<b", "heads/main=d")
	f.wantLinked("K-1", "3a b 2b 3b c 2d")
}

func anyPageSize(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1@5 b:K-1@5<a c:K-1@7<b d:K-1@-7<c e:K-1@5<d", "heads/main=e")
	f.push(2, "a:K-1@5 f:K-1@5<a g:K-1@7<f", "heads/main=g")
	const whole = "c 2g a 2a b e 2f d"
	for limit := range 10 {
		f.equal("commits", whole, f.walk(storage.CommitQuery{Key: "K-1", Limit: limit}))
	}
	f.equal("commits of a repository", "c a b e d", f.walk(storage.CommitQuery{Key: "K-1", Limit: 1, Repository: 1}))
}

func nextOnlyWhenMore(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a c:K-1<b", "heads/main=c")
	for limit, want := range map[int]*storage.Position{
		2: {Seconds: 2, OID: oid("b"), Repository: 1}, 3: nil, 4: nil, 0: nil, storage.MaxLimit: nil,
	} {
		page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1", Limit: limit})
		f.must(err)
		f.equal("next", want, page.Next)
	}
}

func cursorOutlives(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a c:K-1<b d:K-1<c", "heads/main=d")
	page, err := f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1", Limit: 2})
	f.must(err)
	f.equal("first page", "d c", hitNames(page.Hits))
	f.push(1, "e:K-1@9<b f:K-1@0<e", "heads/main=f")
	f.equal("second page", "b a f", f.find(storage.CommitQuery{Key: "K-1", After: page.Next}))
}

func cursorAnywhere(f *fixture) {
	f.register(2)
	f.push(1, "b:K-1@5 d:K-1@5<b", "heads/main=d")
	f.push(2, "b:K-1@5", "heads/main=b")
	for _, c := range []struct {
		after storage.Position
		want  string
	}{
		{storage.Position{Seconds: 6}, "b 2b d"},
		{storage.Position{Seconds: 5}, "b 2b d"},
		{storage.Position{Seconds: 5, OID: oid("b")}, "b 2b d"},
		{storage.Position{Seconds: 5, OID: oid("b"), Repository: 1}, "2b d"},
		{storage.Position{Seconds: 5, OID: oid("b"), Repository: 9}, "d"},
		{storage.Position{Seconds: 5, OID: oid("c")}, "d"},
		{storage.Position{Seconds: 5, OID: oid("e")}, ""},
		{storage.Position{Seconds: 4}, ""},
		{storage.Position{Seconds: math.MaxInt64}, "b 2b d"},
		{storage.Position{Seconds: math.MinInt64}, ""},
	} {
		f.equal("commits", c.want, f.find(storage.CommitQuery{Key: "K-1", After: &c.after}))
	}
}

func extremeDates(f *fixture) {
	f.register(1)
	commits := graph("a:K-1@-9223372036854775808 b:K-1@-1<a c:K-1@0<b d:K-1@1<c e:K-1@9223372036854775807<d g:K-1@253402300800<e")
	commits[0].Committer.Offset, commits[1].Committer.Offset = math.MinInt16, math.MaxInt16
	commits[0].Author.Offset = -720
	a := f.advance(1, "", "heads/main=g")
	a.Commits = yield(commits...)
	f.apply(a)
	f.equal("commits", "e g d c b a", f.walk(storage.CommitQuery{Key: "K-1", Limit: 1}))
	for _, c := range commits {
		f.equal("commit", c, f.commit(1, nameOf(c.OID)).Commit)
	}
	i := f.issue("K-1")
	f.equal("first and last", []storage.Signature{commits[0].Committer, commits[4].Committer}, []storage.Signature{i.First, i.Last})
}

// walk follows the cursors of a query to its end and names the commits as find does.
func (f *fixture) walk(q storage.CommitQuery) string {
	f.Helper()
	var names []string
	for {
		page, err := f.store.Commits(f.ctx, q)
		f.must(err)
		if q.Limit > 0 && len(page.Hits) > q.Limit {
			f.Fatalf("a page of %d commits where %d were asked for", len(page.Hits), q.Limit)
		}
		if len(page.Hits) > 0 {
			names = append(names, hitNames(page.Hits))
		}
		if page.Next == nil {
			return strings.Join(names, " ")
		}
		if q.After != nil && page.Next.Compare(*q.After) <= 0 {
			f.Fatalf("the cursor goes from %v to %v", *q.After, *page.Next)
		}
		q.After = page.Next
	}
}
