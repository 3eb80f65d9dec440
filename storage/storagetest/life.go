package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keytrail/storage"
)

// lifePromises are about cancellation, early ends and closing.
func lifePromises() []promise {
	return []promise{
		{"a cancelled context ends every question and write", cancelledQuestions},
		{"a sequence ends when its context is cancelled", cancelledSequence},
		{"an advance that is cancelled while it reads leaves nothing", cancelledAdvance},
		{"a sequence may be left early and ranged over again", leftEarly},
		{"a sequence allows writes while it is ranged over", writeWhileReading},
		{"the caller keeps its slices", ownSlices},
		{"a closed index answers with an error", closedIndex},
	}
}

func cancelledQuestions(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b")
	f.annotate(1, note("a", "text", "K-2"))
	before := f.answers()
	live := f.ctx
	cancelled, cancel := context.WithCancel(f.ctx)
	cancel()
	f.ctx = cancelled
	for what, err := range everyQuestion(f) {
		if !errors.Is(err, context.Canceled) {
			f.Errorf("%s: have error %v, want %v", what, err, context.Canceled)
		}
	}
	f.ctx = live
	f.equal("answers", before, f.answers())
}

func cancelledSequence(f *fixture) {
	f.register(1)
	f.longHistory(5000)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	members, postings := 0, 0
	var err error
	for _, err = range f.store.Members(ctx, 1) {
		cancel()
		members++
	}
	if !errors.Is(err, context.Canceled) || members >= 5000 {
		f.Errorf("members: %d rows, then error %v; want few, then %v", members, err, context.Canceled)
	}
	ctx, cancel = context.WithCancel(f.ctx)
	defer cancel()
	for _, err = range f.store.Postings(ctx, "") {
		cancel()
		postings++
	}
	if !errors.Is(err, context.Canceled) || postings >= 5000 {
		f.Errorf("postings: %d rows, then error %v; want few, then %v", postings, err, context.Canceled)
	}
}

func cancelledAdvance(f *fixture) {
	f.register(1)
	before := f.answers()
	a := f.advance(1, "", "heads/main=b")
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	a.Commits = func(yield func(storage.Commit, error) bool) {
		for _, c := range graph("a:K-1 b<a") {
			if !yield(c, nil) {
				return
			}
			cancel()
		}
	}
	if _, err := f.store.Advance(ctx, a); !errors.Is(err, context.Canceled) {
		f.Errorf("advance: have error %v, want %v", err, context.Canceled)
	}
	f.equal("answers", before, f.answers())
}

func leftEarly(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b", "tags/v1=a")
	f.push(2, "a:K-1", "heads/main=a")
	f.annotate(1, note("a", "text", ""), note("b", "text", ""))
	for what, n := range map[string][2]int{
		"repositories": leave(f.store.Repositories(f.ctx)),
		"tips":         leave(f.store.Tips(f.ctx, 1)),
		"members":      leave(f.store.Members(f.ctx, 1)),
		"notes":        leave(f.store.NotesOf(f.ctx, 1)),
		"holders":      leave(f.store.Holders(f.ctx, oid("a"))),
	} {
		f.equal(what, [2]int{1, 2}, n)
	}
	f.equal("postings", [2]int{1, 3}, leave(f.store.Postings(f.ctx, "")))
}

func writeWhileReading(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b:K-1<a", "heads/main=b")
	for m, err := range f.store.Members(f.ctx, 1) {
		f.must(err)
		f.annotate(1, storage.Note{Object: m.OID, Text: "seen"})
	}
	f.equal("notes", 2, len(all(f, f.store.NotesOf(f.ctx, 1))))
}

func ownSlices(f *fixture) {
	f.register(1)
	commits := graph("a b:K-1<a")
	a := f.advance(1, "", "heads/main=b")
	a.Tips[0].Keys = keys("K-2")
	a.Notes = []storage.NotesUpdate{notes(note("a", "text", "K-3"))}
	a.Commits = yield(commits...)
	f.apply(a)
	before := f.answers()
	commits[1].Keys[0], commits[1].Parents[0] = "X-1", oid("x")
	a.Tips[0].Keys[0], a.Notes[0].Changes[0].Keys[0] = "X-2", "X-3"
	h := f.commit(1, "b")
	h.Keys[0], h.Parents[0] = "X-4", oid("y")
	f.equal("answers", before, f.answers())
}

func closedIndex(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	late := f.store.Members(f.ctx, 1)
	f.must(f.store.Close())
	for what, err := range everyQuestion(f) {
		if err == nil {
			f.Errorf("%s: no error", what)
		}
	}
	if _, err := collect(late); err == nil {
		f.Error("a sequence from before the close: no error")
	}
	f.must(f.store.Close())
}

// leave ranges over a sequence until its first row, and then to its end; it gives the rows of both.
func leave[T any](rows func(func(T, error) bool)) (n [2]int) {
	for range rows {
		n[0]++
		break
	}
	for _, err := range rows {
		if err == nil {
			n[1]++
		}
	}
	return n
}

// everyQuestion calls all methods but Close, on a repository that exists, and gives their errors.
func everyQuestion(f *fixture) map[string]error {
	errs := unknownQuestions(f, 1)
	_, errs["register"] = f.store.Register(f.ctx, []storage.RepositorySpec{{HostID: "late"}})
	_, errs["issue"] = f.store.Issue(f.ctx, storage.IssueQuery{Key: "K-1"})
	_, errs["releases"] = f.store.Releases(f.ctx, storage.ReleaseQuery{Key: "K-1"})
	_, errs["stats"] = f.store.Stats(f.ctx)
	errs["verify"] = f.store.Verify(f.ctx, func(p storage.Problem) { f.Errorf("verify: %s", p.Text) })
	_, errs["repositories"] = collect(f.store.Repositories(f.ctx))
	_, errs["holders"] = collect(f.store.Holders(f.ctx, oid("a")))
	_, errs["abbreviated"] = f.store.Abbreviated(f.ctx, oid("a").String(), 1)
	_, errs["containing"] = collect(f.store.Containing(f.ctx, 1, oid("a")))
	_, errs["pull requests"] = collect(f.store.PullRequests(f.ctx, "K-1"))
	errs["trim the feed"] = f.store.TrimFeed(f.ctx, noon())
	errs["await"] = f.store.Await(f.ctx, "")
	errs["take commands"] = f.store.TakeCommands(f.ctx, nil, "")
	errs["set command"] = f.store.SetCommand(f.ctx, command("a", 0))
	_, errs["associate"] = f.store.Associate(f.ctx, []storage.Association{add("K-1", "a")})
	_, errs["associations"] = collect(f.store.Associations(f.ctx, storage.AssociationQuery{}))
	_, errs["changes"] = f.store.Changes(f.ctx, "", 0)
	_, errs["feed end"] = f.store.FeedEnd(f.ctx)
	_, errs["commands"] = collect(f.store.Commands(f.ctx, storage.CommandQuery{}))
	_, errs["command cursor"] = f.store.CommandCursor(f.ctx)
	_, errs["postings"] = collect(f.store.Postings(f.ctx, ""))
	return errs
}

// longHistory gives repository 1 a line of n commits, each with the key K-1.
func (f *fixture) longHistory(n int) {
	f.Helper()
	var line strings.Builder
	line.WriteString("c0:K-1")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&line, " c%d:K-1<c%d", i, i-1)
	}
	f.push(1, line.String(), fmt.Sprintf("heads/main=c%d", n-1))
}
