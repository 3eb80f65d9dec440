package storagetest

import (
	"errors"
	"time"

	"keytrail/storage"
)

// repositoryPromises are about what the index knows of repositories.
func repositoryPromises() []promise {
	return []promise{
		{"registering gives ids in order and keeps them", registerIDs},
		{"an identity is two texts, however they are divided", divideIdentity},
		{"a path need not be UTF-8", oddPath},
		{"a renamed repository keeps its index", rename},
		{"a retired repository answers, and is revived by registering it", retire},
		{"a forgotten repository leaves nothing but what others hold", forget},
		{"a forgotten repository leaves nothing of commits that no ref ever held", forgetUnheld},
		{"an id is not used again", idNotReused},
		{"looks are recorded", recordLooks},
		{"an advance is a successful look", advanceIsLook},
		{"what is not known is not found", unknownNotFound},
	}
}

func registerIDs(f *fixture) {
	specs := []storage.RepositorySpec{
		{Integration: "acme", HostID: "7", Name: "tools", URL: "https://git.example.com/tools.git", WebURL: "https://example.com/tools"},
		{Integration: "other", HostID: "7", Name: "tools"},
		{HostID: "/srv/git/tools.git", Name: "tools"},
		{Integration: "acme", HostID: "7", Name: "tools"},
	}
	ids, err := f.store.Register(f.ctx, specs)
	f.must(err)
	f.equal("ids", []storage.RepositoryID{1, 2, 3, 1}, ids)
	ids, err = f.store.Register(f.ctx, []storage.RepositorySpec{specs[2], {HostID: "new"}, specs[0]})
	f.must(err)
	f.equal("ids", []storage.RepositoryID{3, 4, 1}, ids)
	f.equal("repository", storage.Repository{ID: 1, RepositorySpec: specs[0]}, f.repository(1))
	f.equal("count", 4, len(all(f, f.store.Repositories(f.ctx))))
	f.verify()
}

func divideIdentity(f *fixture) {
	ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{
		{Integration: "a", HostID: "bc"}, {Integration: "ab", HostID: "c"}, {Integration: "abc"}, {HostID: "abc"},
		{Integration: "a\x00", HostID: "b"}, {Integration: "a", HostID: "\x00b"},
	})
	f.must(err)
	f.equal("ids", []storage.RepositoryID{1, 2, 3, 4, 5, 6}, ids)
}

func oddPath(f *fixture) {
	odd := storage.RepositorySpec{HostID: "/srv/\xff", Name: "\xff", URL: "/srv/\xff"}
	other := storage.RepositorySpec{HostID: "/srv/\xfe", Name: "\xfe", URL: "/srv/\xfe"}
	ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{odd, other})
	f.must(err)
	f.equal("ids", []storage.RepositoryID{1, 2}, ids)
	f.equal("repository", odd, f.repository(1).RepositorySpec)
	f.must(f.store.Forget(f.ctx, 1))
	ids, err = f.store.Register(f.ctx, []storage.RepositorySpec{odd, other})
	f.must(err)
	f.equal("ids after forgetting one", []storage.RepositoryID{3, 2}, ids)
	f.verify()
}

func rename(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	renamed := storage.RepositorySpec{HostID: "host-1", Name: "new name", URL: "new url", WebURL: "new web"}
	_, err := f.store.Register(f.ctx, []storage.RepositorySpec{renamed})
	f.must(err)
	f.equal("specification", renamed, f.repository(1).RepositorySpec)
	f.wantMembers(1, "a")
	f.wantLinked("K-1", "a")
}

func retire(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	f.must(f.store.Retire(f.ctx, 1, noon()))
	f.must(f.store.Retire(f.ctx, 1, noon().Add(time.Hour)))
	r := f.repository(1)
	f.equal("retired at first", noon(), r.RetiredAt)
	f.equal("state", storage.StateRetired, r.State())
	f.wantLinked("K-1", "a")
	f.push(1, "b:K-1<a", "heads/main=b")
	f.equal("state after an advance", storage.StateRetired, f.repository(1).State())
	f.register(1)
	f.equal("state", storage.StateIndexed, f.repository(1).State())
	f.wantMembers(1, "a b")
}

func forget(f *fixture) {
	f.register(2)
	a := f.advance(1, "a:K-1 b:K-1<a", "heads/main=b")
	a.Tips[0].Keys = keys("K-1")
	a.Notes = []storage.NotesUpdate{notes(note("a", "K-2", "K-2"))}
	f.apply(a)
	f.push(2, "a:K-1", "heads/main=a")
	f.must(f.store.Forget(f.ctx, 1))
	f.verify()
	f.wantMembers(2, "a")
	f.wantLinked("K-1", "2a")
	f.equal("stats", storage.Stats{Repositories: 1, Commits: 1, Postings: 1}, f.answers().Stats)
	f.equal("branches", []storage.IssueRef(nil), f.issue("K-1").Branches)
	if _, err := f.store.Repository(f.ctx, 1); !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("have error %v, want %v", err, storage.ErrNotFound)
	}
}

func forgetUnheld(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1 b<a")
	f.push(2, "a", "heads/main=a")
	f.push(2, "b:K-1<a c<b")
	for id := range storage.RepositoryID(2) {
		f.must(f.store.Forget(f.ctx, id+1))
		f.verify()
	}
}

func idNotReused(f *fixture) {
	f.register(2)
	f.push(2, "a:K-1", "heads/main=a")
	f.must(f.store.Forget(f.ctx, 2))
	ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{{HostID: "host-2"}})
	f.must(err)
	f.equal("ids", []storage.RepositoryID{3}, ids)
	f.equal("repository", storage.Repository{ID: 3, RepositorySpec: storage.RepositorySpec{HostID: "host-2"}}, f.repository(3))
	f.equal("members", []storage.Member(nil), all(f, f.store.Members(f.ctx, 3)))
}

func recordLooks(f *fixture) {
	f.register(1)
	f.equal("state", storage.StateNew, f.repository(1).State())
	look := func(minute int, class storage.ErrorClass, text string) storage.Repository {
		f.must(f.store.RecordLook(f.ctx, 1, storage.Look{At: noon().Add(time.Duration(minute) * time.Minute), Class: class, Text: text}))
		return f.repository(1)
	}
	r := look(1, storage.ClassAuth, "401")
	f.equal("failure", storage.Failure{Class: storage.ClassAuth, Text: "401", Since: noon().Add(time.Minute), Count: 1}, r.Failure)
	r = look(2, storage.ClassTransient, "reset")
	f.equal("failure", storage.Failure{Class: storage.ClassTransient, Text: "reset", Since: noon().Add(time.Minute), Count: 2}, r.Failure)
	f.equal("state", storage.StateFailing, r.State())
	f.equal("seen", true, r.SeenAt.IsZero())
	r = look(3, "", "")
	f.equal("failure", storage.Failure{}, r.Failure)
	f.equal("seen", noon().Add(3*time.Minute), r.SeenAt)
	f.equal("version", uint64(0), r.Version)
	r = look(4, storage.ClassGone, "404")
	f.equal("failure", storage.Failure{Class: storage.ClassGone, Text: "404", Since: noon().Add(4 * time.Minute), Count: 1}, r.Failure)
	f.equal("seen", noon().Add(3*time.Minute), r.SeenAt)
}

func advanceIsLook(f *fixture) {
	f.register(1)
	f.must(f.store.RecordLook(f.ctx, 1, storage.Look{At: noon(), Class: storage.ClassAuth, Text: "401"}))
	f.push(1, "a", "heads/main=a")
	r := f.repository(1)
	f.equal("failure", storage.Failure{}, r.Failure)
	f.equal("version, rules, default branch", []any{uint64(1), "rules", "refs/heads/main"}, []any{r.Version, r.Rules, r.DefaultBranch})
	f.equal("seen and indexed", []time.Time{noon(), noon()}, []time.Time{r.SeenAt, r.IndexedAt})
	same := f.advance(1, "")
	same.SeenAt = noon().Add(time.Hour)
	f.apply(same)
	r = f.repository(1)
	f.equal("seen and indexed", []time.Time{noon().Add(time.Hour), noon()}, []time.Time{r.SeenAt, r.IndexedAt})
	f.equal("version", uint64(2), r.Version)
	same.DefaultBranch, same.SeenAt = "", noon().Add(2*time.Hour)
	f.apply(same)
	r = f.repository(1)
	f.equal("default branch", "", r.DefaultBranch)
	f.equal("indexed", noon().Add(2*time.Hour), r.IndexedAt)
}

func unknownNotFound(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	for what, err := range unknownQuestions(f, 9) {
		if !errors.Is(err, storage.ErrNotFound) {
			f.Errorf("%s: have error %v, want %v", what, err, storage.ErrNotFound)
		}
	}
	if _, err := f.store.Commit(f.ctx, 1, oid("b")); !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("commit: have error %v, want %v", err, storage.ErrNotFound)
	}
	held, err := f.store.Holds(f.ctx, 1, oid("b"))
	f.must(err)
	f.equal("held", false, held)
	f.equal("holders", []storage.RepositoryID(nil), all(f, f.store.Holders(f.ctx, oid("b"))))
}

// unknownQuestions does all there is to do with one repository and gives the errors.
func unknownQuestions(f *fixture, id storage.RepositoryID) map[string]error {
	errs := map[string]error{
		"retire":      f.store.Retire(f.ctx, id, noon()),
		"forget":      f.store.Forget(f.ctx, id),
		"record look": f.store.RecordLook(f.ctx, id, storage.Look{At: noon()}),
	}
	errs["set pull requests"] = f.store.SetPullRequests(f.ctx, id, storage.PullRequestUpdate{SeenAt: noon()})
	_, errs["pull request cursor"] = f.store.PullRequestCursor(f.ctx, id)
	_, errs["pull requests of"] = collect(f.store.PullRequestsOf(f.ctx, id))
	_, errs["repository"] = f.store.Repository(f.ctx, id)
	_, errs["holds"] = f.store.Holds(f.ctx, id, oid("a"))
	_, errs["commit"] = f.store.Commit(f.ctx, id, oid("a"))
	_, errs["commits"] = f.store.Commits(f.ctx, storage.CommitQuery{Key: "K-1", Repository: id})
	_, errs["advance"] = f.store.Advance(f.ctx, storage.Advance{Repository: id})
	_, errs["tips"] = collect(f.store.Tips(f.ctx, id))
	_, errs["members"] = collect(f.store.Members(f.ctx, id))
	_, errs["notes"] = collect(f.store.NotesOf(f.ctx, id))
	return errs
}
