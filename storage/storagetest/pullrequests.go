package storagetest

import (
	"fmt"
	"strings"
	"time"

	"keytrail/storage"
)

// pullPromises are about pull requests.
func pullPromises() []promise {
	return []promise{
		{"a pull request belongs to its keys, the last changed first", pullsOfIssue},
		{"a pull request that changes moves with its keys", pullChanges},
		{"the same update of pull requests twice is the same as once", samePullsTwice},
		{"a whole update drops the pull requests that it lacks", wholePulls},
		{"a pull request that is gone is dropped unless it is given too", gonePulls},
		{"an update with a pull request twice changes nothing", pullTwice},
		{"pull requests survive advances, rebuilds, renames and retirement", pullsStay},
		{"a forgotten repository takes its pull requests along", forgottenPulls},
		{"the cursor remembers the latest change, and counts", pullCursor},
		{"the caller keeps the keys of its pull requests", ownPullKeys},
	}
}

// pull makes a pull request of repository 1 that changed some minutes after noon.
func pull(id string, minutes int, keyList string) storage.PullRequest {
	changed := noon().Add(time.Duration(minutes)*time.Minute + time.Nanosecond)
	return storage.PullRequest{
		Repository: 1, ID: id, Number: int64(len(id)), Title: "Change " + id, Description: "It changes " + id, Source: "fix/" + id,
		Target: "main", State: storage.PullRequestOpen, Author: "Ann", Created: noon(), Updated: changed,
		WebURL: "https://git.example.com/pulls/" + id, Keys: keys(keyList),
	}
}

// pulled makes an update of a repository's pull requests that must succeed, and checks the whole index.
func (f *fixture) pulled(id storage.RepositoryID, u storage.PullRequestUpdate) {
	f.Helper()
	if u.SeenAt.IsZero() {
		u.SeenAt = noon()
	}
	f.must(f.store.SetPullRequests(f.ctx, id, u))
	f.verify()
}

// wantPulls checks the pull requests of a key: the host's ids, each with its repository's number before it unless that is 1.
func (f *fixture) wantPulls(key storage.IssueKey, names string) {
	f.Helper()
	var have []string
	found := all(f, f.store.PullRequests(f.ctx, key))
	summary := f.issue(key).PullRequests
	for i, p := range found {
		name := p.ID
		if p.Repository != 1 {
			name = fmt.Sprint(p.Repository, name)
		}
		have = append(have, name)
		found[i].Description = ""
	}
	f.equal("pull requests of "+string(key), names, strings.Join(have, " "))
	f.equal("pull requests in the summary of "+string(key), found, summary)
}

func pullsOfIssue(f *fixture) {
	f.register(2)
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("b", 1, "K-1,K-2"), pull("a", 1, "K-1"), pull("c", 0, "K-1")}})
	f.pulled(2, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 2, "K-1"), pull("b", 1, "K-10"), pull("d", 1, "K-1")}})
	f.wantPulls("K-1", "2a a b 2d c")
	f.wantPulls("K-2", "b")
	f.wantPulls("K-3", "")
	f.equal("whole", []storage.PullRequest{pull("a", 1, "K-1"), pull("b", 1, "K-1,K-2"), pull("c", 0, "K-1")}, all(f, f.store.PullRequestsOf(f.ctx, 1)))
	f.equal("stats", storage.Stats{Repositories: 2, PullRequests: 6}, f.answers().Stats)
}

func pullChanges(f *fixture) {
	f.register(1)
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1,K-2"), pull("b", 2, "K-1")}})
	changed := pull("a", 3, "K-1,K-3")
	changed.State, changed.Title = storage.PullRequestMerged, "Renamed"
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{changed}})
	f.wantPulls("K-1", "a b")
	f.wantPulls("K-2", "")
	f.wantPulls("K-3", "a")
	f.equal("pull requests", []storage.PullRequest{changed, pull("b", 2, "K-1")}, all(f, f.store.PullRequestsOf(f.ctx, 1)))
	changed.Keys = nil
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{changed}})
	f.wantPulls("K-1", "b")
}

func samePullsTwice(f *fixture) {
	f.register(1)
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1"), pull("b", 2, "K-1")}})
	u := storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 3, "K-2"), pull("c", 2, "")}, Gone: []string{"b", "never"}, Rules: "rules"}
	f.pulled(1, u)
	once := f.answers()
	f.pulled(1, u)
	f.equal("answers", once, f.answers())
}

func wholePulls(f *fixture) {
	f.register(2)
	for id := range storage.RepositoryID(2) {
		f.pulled(id+1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1"), pull("b", 2, "K-1")}})
	}
	f.pulled(1, storage.PullRequestUpdate{Reset: true, Changed: []storage.PullRequest{pull("b", 2, "K-1"), pull("c", 0, "K-1")}})
	f.wantPulls("K-1", "b 2b 2a c")
	f.pulled(1, storage.PullRequestUpdate{Reset: true})
	f.wantPulls("K-1", "2b 2a")
}

func gonePulls(f *fixture) {
	f.register(1)
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1"), pull("b", 2, "K-1")}})
	f.pulled(1, storage.PullRequestUpdate{Gone: []string{"a", "b", "b"}, Changed: []storage.PullRequest{pull("b", 0, "K-1")}})
	f.wantPulls("K-1", "b")
}

func pullTwice(f *fixture) {
	f.register(1)
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1")}})
	before := f.answers()
	twice := storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 2, ""), pull("a", 3, "")}, SeenAt: noon()}
	if err := f.store.SetPullRequests(f.ctx, 1, twice); err == nil {
		f.Error("no error")
	}
	f.equal("answers", before, f.answers())
}

func pullsStay(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1")}})
	f.push(1, "c<a", "heads/main=c")
	f.apply(reset(f.advance(1, "d", "heads/main=d")))
	f.wantPulls("K-1", "a")
	f.must(f.store.Retire(f.ctx, 1, noon()))
	f.wantPulls("K-1", "a")
	f.register(1)
	f.wantPulls("K-1", "a")
}

func forgottenPulls(f *fixture) {
	f.register(2)
	for id := range storage.RepositoryID(2) {
		f.pulled(id+1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1")}})
	}
	f.must(f.store.Forget(f.ctx, 1))
	f.verify()
	f.wantPulls("K-1", "2a")
	f.equal("stats", storage.Stats{Repositories: 1, PullRequests: 1}, f.answers().Stats)
}

func pullCursor(f *fixture) {
	f.register(1)
	want := storage.PullRequestCursor{}
	check := func() {
		f.Helper()
		have, err := f.store.PullRequestCursor(f.ctx, 1)
		f.must(err)
		f.equal("cursor", want, have)
	}
	check()
	f.pulled(1, storage.PullRequestUpdate{Reset: true, Rules: "one", Changed: []storage.PullRequest{pull("a", 5, ""), pull("b", 2, "")}})
	want = storage.PullRequestCursor{Rules: "one", SeenAt: noon(), WholeAt: noon(), Newest: pull("a", 5, "").Updated, Count: 2}
	check()
	later := noon().Add(time.Hour)
	f.pulled(1, storage.PullRequestUpdate{Rules: "two", SeenAt: later, Changed: []storage.PullRequest{pull("c", 4, "")}})
	want.Rules, want.SeenAt, want.Count = "two", later, 3
	check()
	f.pulled(1, storage.PullRequestUpdate{Reset: true, Rules: "two", SeenAt: later, Changed: []storage.PullRequest{pull("c", 4, "")}})
	want.WholeAt, want.Newest, want.Count = later, pull("c", 4, "").Updated, 1
	check()
}

func ownPullKeys(f *fixture) {
	f.register(1)
	given := pull("a", 1, "K-1")
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{given}})
	before := f.answers()
	given.Keys[0] = "X-1"
	all(f, f.store.PullRequestsOf(f.ctx, 1))[0].Keys[0] = "X-2"
	all(f, f.store.PullRequests(f.ctx, "K-1"))[0].Keys[0] = "X-3"
	f.issue("K-1").PullRequests[0].Keys[0] = "X-4"
	f.equal("answers", before, f.answers())
}
