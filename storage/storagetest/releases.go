package storagetest

import (
	"fmt"
	"strings"

	"keytrail/storage"
)

// releasePromises are about where an issue's commits have arrived.
func releasePromises() []promise {
	return []promise{
		{"a tag is a release that has some of an issue's commits and lacks others", tagsAsReleases},
		{"every branch that is asked for tells what it lacks", branchesAsReleases},
		{"the query says which tags and branches are releases", chosenReleases},
		{"tags come in the order in which they were released", releaseOrder},
		{"what a release lacks comes oldest first, then by object id", lackedOrder},
		{"releases are told of each repository in the scope that has commits of the issue", releasesOfRepositories},
		{"releases follow commits that come and tags that move", releasesMove},
		{"hundreds of commits have their releases as one has", manyReleases},
	}
}

// releases answers a query, a line for each release: the repository unless that is 1, the name, what it points at, how much it contains, and
// what it lacks.
func (f *fixture) releases(q storage.ReleaseQuery) string {
	f.Helper()
	all, err := f.store.Releases(f.ctx, q)
	f.must(err)
	var lines []string
	for _, of := range all {
		in := ""
		if of.Repository != 1 {
			in = fmt.Sprint(of.Repository, " ")
		}
		for _, kind := range []struct {
			name     string
			releases []storage.Release
		}{{"tag ", of.Tags}, {"branch ", of.Branches}} {
			for _, r := range kind.releases {
				if r.Contains+len(r.Lacks) != of.Commits {
					f.Errorf("%s has %d commits and lacks %d, of %d", r.Name, r.Contains, len(r.Lacks), of.Commits)
				}
				line := fmt.Sprintf("%s%s%s=%s@%d has %d", in, kind.name, r.Name, nameOf(r.OID), r.Seconds, r.Contains)
				for i, oid := range r.Lacks {
					line += []string{" lacks ", ","}[min(i, 1)] + nameOf(oid)
				}
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (f *fixture) wantReleases(q storage.ReleaseQuery, lines ...string) {
	f.Helper()
	f.equal("releases", strings.Join(lines, "\n"), f.releases(q))
}

func noRelease(string) bool { return false }

func tagsAsReleases(f *fixture) {
	f.register(1)
	f.push(1, "r a:K-1<r b:K-1<a c:K-1<b", "heads/main=c", "tags/v0=r", "tags/v1=object>a", "tags/v2=c", "tags/tree=t>", "pull/1/head=b")
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Branch: noRelease}, "tag v1=a@2 has 1 lacks b,c", "tag v2=c@4 has 3")
	f.wantReleases(storage.ReleaseQuery{Key: "K-2"})
}

func branchesAsReleases(f *fixture) {
	f.register(1)
	f.push(1, "r a:K-1<r b:K-1<a c<r d:K-1<c", "heads/main=b", "heads/1.x=d", "heads/0.x=r", "heads/tree=t>")
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Tag: noRelease},
		"branch 0.x=r@1 has 0 lacks a,b,d", "branch 1.x=d@5 has 1 lacks a,b", "branch main=b@3 has 2 lacks d")
}

func chosenReleases(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a", "heads/release/1=a", "tags/v1=a", "tags/nightly=a")
	f.wantReleases(storage.ReleaseQuery{
		Key:    "K-1",
		Tag:    func(name string) bool { return strings.HasPrefix(name, "v") },
		Branch: func(name string) bool { return strings.HasPrefix(name, "release/") },
	}, "tag v1=a@1 has 1", "branch release/1=a@1 has 1")
	f.wantReleases(storage.ReleaseQuery{Key: "K-1"},
		"tag nightly=a@1 has 1", "tag v1=a@1 has 1", "branch main=a@1 has 1", "branch release/1=a@1 has 1")
	none, err := f.store.Releases(f.ctx, storage.ReleaseQuery{Key: "K-1", Tag: noRelease, Branch: noRelease})
	f.must(err)
	f.equal("releases", []storage.Releases{{Repository: 1, Commits: 1}}, none)
}

func releaseOrder(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1@-5 b@30<a c@10<b d@10<b e@20<a", "heads/main=d", "tags/b=b", "tags/d=d", "tags/c=object>c", "tags/a=e", "tags/z=a")
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Branch: noRelease},
		"tag z=a@-5 has 1", "tag c=c@10 has 1", "tag d=d@10 has 1", "tag a=e@20 has 1", "tag b=b@30 has 1")
}

func lackedOrder(f *fixture) {
	f.register(1)
	f.push(1, "r d:K-1@9<r c:K-1@9<d b:K-1@3<c a:K-1@9<b e:K-1@-2<a", "heads/main=e", "heads/mid=c", "heads/old=r")
	f.wantReleases(storage.ReleaseQuery{Key: "K-1"},
		"branch main=e@-2 has 5", "branch mid=c@9 has 2 lacks e,b,a", "branch old=r@1 has 0 lacks e,b,a,c,d")
}

func releasesOfRepositories(f *fixture) {
	f.register(4)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b", "tags/v1=a")
	f.push(2, "x", "heads/main=x", "tags/v1=x")
	f.push(3, "a:K-1", "heads/main=a", "tags/v1=a")
	f.push(4, "c:K-1", "heads/main=c")
	one := []string{"tag v1=a@1 has 1 lacks b", "branch main=b@2 has 2"}
	three, four := []string{"3 tag v1=a@1 has 1", "3 branch main=a@1 has 1"}, []string{"4 branch main=c@1 has 1"}
	f.wantReleases(storage.ReleaseQuery{Key: "K-1"}, append(append(one, three...), four...)...)
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Within: storage.Scope{2, 3, 4}}, append(three, four...)...)
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Within: storage.Scope{1}}, one...)
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Within: storage.Scope{2, 9}})
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Within: storage.Scope{}})
}

func releasesMove(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b", "tags/v1=a")
	q := storage.ReleaseQuery{Key: "K-1"}
	f.wantReleases(q, "tag v1=a@1 has 1", "branch main=b@2 has 1")
	f.annotate(1, note("b", "see K-1", "K-1"))
	f.wantReleases(q, "tag v1=a@1 has 1 lacks b", "branch main=b@2 has 2")
	f.push(1, "", "tags/v1=b", "tags/v2=a")
	f.wantReleases(q, "tag v2=a@1 has 1 lacks b", "tag v1=b@2 has 2", "branch main=b@2 has 2")
	f.push(1, "c@9", "heads/main=c", "tags/v1=", "tags/v2=")
	f.wantReleases(q)
}

func manyReleases(f *fixture) {
	f.register(1)
	var line, want []string
	refs := []string{"heads/main=c299"}
	for i := range 300 {
		word := fmt.Sprintf("c%d:K-1", i)
		if i > 0 {
			word += fmt.Sprintf("<c%d", i-1)
		}
		line = append(line, word)
		release := fmt.Sprintf("tag v%03d=c%d@%d has %d", i, i, i+1, i+1)
		for newer := i + 1; newer < 300; newer++ {
			release += []string{" lacks ", ","}[min(newer-i-1, 1)] + fmt.Sprint("c", newer)
		}
		refs, want = append(refs, fmt.Sprintf("tags/v%03d=c%d", i, i)), append(want, release)
	}
	f.push(1, strings.Join(line, " "), refs...)
	f.wantReleases(storage.ReleaseQuery{Key: "K-1", Branch: noRelease}, want...)
}
