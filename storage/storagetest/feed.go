package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keytrail/storage"
)

// feedPromises are about the feed.
func feedPromises() []promise {
	return []promise{
		{"who follows from nothing is told what there is, and then what changes", fromNothing},
		{"what a push adds is told oldest first, parents before children", pushInOrder},
		{"every kind of write tells what it changes", everyWriteTells},
		{"a page ends anywhere, within a commit too", pagesEndAnywhere},
		{"what is initial is told so", initialTold},
		{"a write that changes no posting tells nothing", nothingTold},
		{"a first build that is read late is what is left of it, and later changes tell the rest", readLate},
		{"a place in the middle of a build outlives rebuilds, notes and decisions", middleOfBuild},
		{"the end of the feed is a place", endIsPlace},
		{"a place that was trimmed away is gone, and from nothing tells everything", trimmedAway},
		{"what is no cursor, or of another index, is gone", otherCursors},
		{"waiting ends with the write that tells something", awaitWrite},
		{"waiting ends with its context", awaitContext},
		{"waiting ends when the index is closed", awaitClose},
	}
}

// told writes changes: "+" or "-", the repository unless it is 1, the commit, and the key's number. Changes of one write are joined.
func told(changes []storage.PostingChange) string {
	var words []string
	last := uint64(0)
	for i, c := range changes {
		sign := "+"
		if c.Dropped {
			sign = "-"
		}
		if c.Repository != 1 {
			sign += fmt.Sprint(c.Repository)
		}
		word := sign + nameOf(c.OID) + c.Key.Number()
		if i > 0 && c.Sequence == last {
			words[len(words)-1] += word
		} else {
			words = append(words, word)
		}
		last = c.Sequence
	}
	return strings.Join(words, " ")
}

// changes reads all that lies behind a place, and gives the place behind it.
func (f *fixture) changes(after storage.FeedCursor) ([]storage.PostingChange, storage.FeedCursor) {
	f.Helper()
	var all []storage.PostingChange
	for {
		page, err := f.store.Changes(f.ctx, after, 0)
		f.must(err)
		all = append(all, page.Changes...)
		if after = page.Next; page.AtEnd {
			return all, after
		}
	}
}

// feedEnd gives the end of the feed.
func (f *fixture) feedEnd() storage.FeedCursor {
	f.Helper()
	end, err := f.store.FeedEnd(f.ctx)
	f.must(err)
	return end
}

// wantTold checks what lies behind a place, and gives the place behind it.
func (f *fixture) wantTold(after storage.FeedCursor, want string) storage.FeedCursor {
	f.Helper()
	changes, next := f.changes(after)
	f.equal("changes", want, told(changes))
	return next
}

// wantFollowed has a follower read to the end, which checks that it holds what the index holds.
func (f *fixture) wantFollowed(by *Follower) {
	f.Helper()
	f.must(by.CatchUp(f.ctx, f.store, 2))
}

func fromNothing(f *fixture) {
	f.wantTold("", "")
	f.register(2)
	f.push(1, "a:K-1 b:K-2<a", "heads/main=b")
	f.push(2, "a:K-3", "heads/main=a")
	next := f.wantTold("", "+a1+b2+2a3")
	next = f.wantTold(next, "")
	f.push(1, "c:K-1<b", "heads/main=c")
	next = f.wantTold(next, "+c1")
	f.push(1, "d:K-4<b", "heads/main=d")
	next = f.wantTold(next, "-c1+d4")
	changes, _ := f.changes("")
	f.equal("postings from nothing", 4, len(changes))
	f.wantTold(next, "")
	f.wantFollowed(&Follower{})
}

func pushInOrder(f *fixture) {
	f.register(1)
	f.push(1, "r", "heads/main=r")
	end := f.feedEnd()
	a := f.advance(1, "", "heads/main=e")
	a.Commits = yield(graph("e:K-5@7<d d:K-4@7<c c:K-3@7<b b:K-2@9<a a:K-1@7<r")...)
	f.apply(a)
	f.wantTold(end, "+a1+c3+d4+e5+b2")
}

func everyWriteTells(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1 b:K-2<a", "heads/main=b")
	end := f.wantTold("", "+a1+b2")
	f.annotate(1, note("a", "K-3", "K-3"))
	end = f.wantTold(end, "+a3")
	f.annotate(1, note("a", "K-4", "K-4"))
	end = f.wantTold(end, "-a3+a4")
	f.decide(add("K-5", "a"), drop("K-1", "a"))
	end = f.wantTold(end, "-a1+a5")
	f.apply(reset(f.advance(1, "a:K-1,K-6 b:K-2<a", "heads/main=b")))
	end = f.wantTold(end, "-a4+a6")
	f.push(2, "a:K-1,K-2", "heads/main=a")
	end = f.wantTold(end, "+2a2+2a5")
	f.decide(clearly("K-5", "a"))
	end = f.wantTold(end, "-a5-2a5")
	f.must(f.store.Forget(f.ctx, 2))
	f.wantTold(end, "-2a2")
	f.push(1, "", "heads/main=")
	f.wantTold(end, "-2a2 -a6-b2")
}

func pagesEndAnywhere(f *fixture) {
	f.register(2)
	followers := make([]Follower, 4)
	follow := func() {
		for i := range followers {
			f.must(followers[i].CatchUp(f.ctx, f.store, i+1))
		}
	}
	f.push(1, "a:K-1,K-2,K-3,K-4,K-5 b<a c:K-1,K-2<b", "heads/main=c")
	f.push(2, "a:K-1,K-2,K-3", "heads/main=a")
	follow()
	f.push(1, "d:K-1,K-2,K-3,K-4<c e:K-1,K-2<d", "heads/main=e")
	follow()
	f.push(1, "g:K-7,K-8,K-9<a", "heads/main=g")
	follow()
	page, err := f.store.Changes(f.ctx, "", storage.MaxLimit+1)
	f.must(err)
	f.equal("changes of a page", 11, len(page.Changes))
}

func initialTold(f *fixture) {
	f.register(1)
	begun := time.Now()
	end := f.feedEnd()
	tells := func(what string, isInitial bool) {
		f.Helper()
		var changes []storage.PostingChange
		changes, end = f.changes(end)
		if len(changes) == 0 {
			f.Errorf("%s tells nothing", what)
		}
		for _, c := range changes {
			f.equal(what+" is told as initial", isInitial, c.Initial)
			if c.At.Before(begun.Add(-time.Second)) || c.At.After(time.Now().Add(time.Second)) || c.At.Location() != time.UTC {
				f.Errorf("a change of now is dated %v", c.At)
			}
		}
	}
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b")
	tells("a first build", true)
	f.push(1, "c:K-1<b", "heads/main=c")
	tells("a push", false)
	f.apply(reset(f.advance(1, "a:K-2 b:K-1<a c:K-1<b", "heads/main=c")))
	tells("a rebuild", true)
	f.apply(reset(f.advance(1, "a:K-2 b:K-1<a c:K-1<b d:K-1<c", "heads/main=d")))
	tells("what a push has brought that a rebuild sees first", false)
	f.register(2)
	f.must(f.store.RecordLook(f.ctx, 2, storage.Look{At: noon()}))
	f.push(2, "a:K-1", "heads/main=a")
	tells("a push to a repository that was empty", false)
	f.decide(add("K-2", "b"))
	tells("a decision", false)
	f.must(f.store.Forget(f.ctx, 1))
	tells("forgetting", false)
	ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{{HostID: "next"}})
	f.must(err)
	f.push(ids[0], "a:K-1", "heads/main=a")
	present, _ := f.changes("")
	f.equal("told from nothing", "+2a1+3a1", told(present))
	for _, c := range present {
		f.equal("what there is", []bool{true, true}, []bool{c.Initial, c.At.IsZero()})
	}
}

func nothingTold(f *fixture) {
	f.register(1)
	f.push(1, "a b<a", "heads/main=b")
	end := f.feedEnd()
	f.push(1, "c<b", "heads/main=c", "tags/v1=c")
	f.push(1, "", "heads/main=a", "tags/v1=")
	f.annotate(1, note("a", "text", ""), note("z", "K-1", "K-1"))
	f.decide(add("K-1", "z"), drop("K-2", "a"))
	f.apply(reset(f.advance(1, "a", "heads/main=a")))
	f.pulled(1, storage.PullRequestUpdate{Changed: []storage.PullRequest{pull("a", 1, "K-1")}})
	f.must(f.store.RecordLook(f.ctx, 1, storage.Look{At: noon()}))
	f.must(f.store.Retire(f.ctx, 1, noon()))
	f.must(f.store.TakeCommands(f.ctx, nil, end))
	f.must(f.store.Forget(f.ctx, 1))
	f.equal("end of the feed", end, f.feedEnd())
	f.wantTold("", "")
}

func readLate(f *fixture) {
	f.register(3)
	start := f.feedEnd()
	f.push(1, "a:K-1 b:K-2<a c:K-3<a d:K-4<a", "heads/main=b", "heads/c=c", "heads/d=d")
	f.push(2, "a:K-1", "heads/main=a")
	f.push(3, "a:K-1 b:K-2<a", "heads/main=b")
	// Of the first build b is gone, c is gone and has come again, a and d have other keys; then all have other numbers.
	f.push(1, "", "heads/main=a", "heads/c=")
	f.push(1, "c:K-3@3<a", "heads/c=c")
	f.annotate(1, note("a", "K-5", "K-5"))
	f.decide(drop("K-4", "d"), add("K-6", "d"))
	f.wantFollowed(&Follower{cursor: start})
	f.apply(reset(f.advance(1, "a:K-1 c:K-3@3<a d:K-4@4<a e:K-1<d", "heads/main=a", "heads/c=c", "heads/d=e")))
	f.wantFollowed(&Follower{cursor: start})
	f.must(f.store.Forget(f.ctx, 2))
	f.apply(reset(f.advance(3, "a:K-1 b:K-2<a", "heads/main=b")))
	f.wantFollowed(&Follower{cursor: start})
	f.wantFollowed(&Follower{})
}

func middleOfBuild(f *fixture) {
	const line = "a:K-1,K-3,K-5 b:K-1<a c:K-1<b d:K-1<c"
	for i, meanwhile := range []func(id storage.RepositoryID){
		func(id storage.RepositoryID) { f.apply(reset(f.advance(id, line, "heads/main=d"))) },
		func(id storage.RepositoryID) { f.apply(reset(f.advance(id, "a:K-2,K-3 b:K-1<a", "heads/main=b"))) },
		func(id storage.RepositoryID) {
			f.annotate(id, note("a", "K-2, K-4", "K-2,K-4"), note("c", "K-9", "K-9"))
		},
		func(storage.RepositoryID) { f.decide(drop("K-1", "a"), drop("K-3", "a"), add("K-0", "a")) },
		func(storage.RepositoryID) { f.decide(drop("K-5", "a"), add("K-4", "b"), drop("K-1", "c")) },
		func(id storage.RepositoryID) { f.push(id, "", "heads/main=a") },
		func(id storage.RepositoryID) { f.push(id, "", "heads/main=b"); f.push(id, line, "heads/main=d") },
		func(id storage.RepositoryID) { f.must(f.store.Forget(f.ctx, id)) },
	} {
		var base Follower
		f.wantFollowed(&base)
		ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{{HostID: fmt.Sprint(i)}})
		f.must(err)
		f.push(ids[0], line, "heads/main=d")
		var followers []Follower
		for pages := range 6 {
			// One reads the build as it was written, the other what there is.
			for _, by := range []Follower{base.Clone(), {}} {
				for range pages {
					f.must(by.Read(f.ctx, f.store, 1))
				}
				followers = append(followers, by)
			}
		}
		meanwhile(ids[0])
		for i := range followers {
			f.wantFollowed(&followers[i])
		}
	}
}

func endIsPlace(f *fixture) {
	f.register(1)
	end := f.feedEnd()
	f.push(1, "a:K-1", "heads/main=a")
	next := f.wantTold(end, "+a1")
	f.equal("the end", next, f.feedEnd())
	f.wantTold(f.feedEnd(), "")
}

func trimmedAway(f *fixture) {
	f.register(1)
	start := f.feedEnd()
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b")
	page, err := f.store.Changes(f.ctx, "", 1)
	f.must(err)
	middle := page.Next
	f.must(f.store.TrimFeed(f.ctx, time.Now().Add(-time.Hour)))
	f.wantTold(start, "+a1+b1")
	f.push(1, "c:K-1<b", "heads/main=c")
	end := f.feedEnd()
	f.must(f.store.TrimFeed(f.ctx, time.Now().Add(time.Hour)))
	f.must(f.store.TrimFeed(f.ctx, time.Now().Add(time.Hour)))
	f.verify()
	for what, cursor := range map[string]storage.FeedCursor{"the start": start, "the middle of what there was": middle} {
		if _, err := f.store.Changes(f.ctx, cursor, 0); !errors.Is(err, storage.ErrFeedGone) {
			f.Errorf("from %s: have error %v, want %v", what, err, storage.ErrFeedGone)
		}
		if err := f.store.Await(f.ctx, cursor); !errors.Is(err, storage.ErrFeedGone) {
			f.Errorf("await from %s: have error %v, want %v", what, err, storage.ErrFeedGone)
		}
	}
	f.equal("the end", end, f.wantTold(end, ""))
	f.wantFollowed(&Follower{})
	f.push(1, "d:K-1<c", "heads/main=d")
	f.wantTold(end, "+d1")
}

func otherCursors(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	end := string(f.feedEnd())
	for _, cursor := range []string{"x", "\x00\xff", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", end[:len(end)-1], "0" + end, end + "//", strings.Repeat("A", 10_000)} {
		if _, err := f.store.Changes(f.ctx, storage.FeedCursor(cursor), 0); !errors.Is(err, storage.ErrFeedGone) {
			f.Errorf("%.40q: have error %v, want %v", cursor, err, storage.ErrFeedGone)
		}
		if err := f.store.Await(f.ctx, storage.FeedCursor(cursor)); !errors.Is(err, storage.ErrFeedGone) {
			f.Errorf("await %.40q: have error %v, want %v", cursor, err, storage.ErrFeedGone)
		}
	}
}

// awaiting waits at a place, and gives what comes of it.
func (f *fixture) awaiting(ctx context.Context, after storage.FeedCursor) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- f.store.Await(ctx, after) }()
	return ended
}

func awaitWrite(f *fixture) {
	nothing := f.awaiting(f.ctx, "")
	f.register(1)
	end := f.feedEnd()
	many := []<-chan error{nothing, f.awaiting(f.ctx, end), f.awaiting(f.ctx, end)}
	f.push(1, "a", "heads/main=a") // tells nothing
	f.push(1, "b:K-1<a", "heads/main=b")
	for _, ended := range many {
		f.must(<-ended)
	}
	f.must(f.store.Await(f.ctx, ""))
	f.must(f.store.Await(f.ctx, end))
	f.must(f.store.TrimFeed(f.ctx, time.Now().Add(time.Hour)))
	f.must(f.store.Await(f.ctx, "")) // what there is
	last := f.awaiting(f.ctx, f.feedEnd())
	f.decide(add("K-2", "a"))
	f.must(<-last)
}

func awaitContext(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	ended := f.awaiting(ctx, f.feedEnd())
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		f.Errorf("have error %v, want %v", err, context.Canceled)
	}
}

func awaitClose(f *fixture) {
	ended := f.awaiting(f.ctx, f.feedEnd())
	f.must(f.store.Close())
	if err := <-ended; err == nil {
		f.Error("no error")
	}
}
