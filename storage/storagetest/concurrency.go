package storagetest

import (
	"context"
	"fmt"
	"sync"

	"keytrail/storage"
)

// concurrencyPromises are about readers and writers at the same time.
func concurrencyPromises() []promise {
	return []promise{
		{"readers see each advance whole while another is made", wholeSteps},
		{"advances of several repositories at once are all made", advancesAtOnce},
		{"of two advances from the same tips one is stale", oneOfTwoIsStale},
		{"who follows the feed while others write is told of all", followWhileWriting},
		{"what stays is held while its repository is rebuilt", heldWhileRebuilt},
	}
}

func wholeSteps(f *fixture) {
	f.register(2)
	for id := range storage.RepositoryID(2) {
		f.push(id+1, sides, "heads/main=a1")
	}
	ctx, stop := context.WithCancel(f.ctx)
	var readers sync.WaitGroup
	for _, read := range []func(context.Context, *fixture) error{readPages, readIssue, readReleases, readMembers, readPostings, readHits} {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := read(f.ctx, f); err != nil {
					f.Error(err)
					return
				}
			}
		})
	}
	for range 8 {
		for id := range storage.RepositoryID(2) {
			f.swing(id+1, "b3")
		}
		for id := range storage.RepositoryID(2) {
			f.swing(id+1, "a1")
		}
	}
	stop()
	readers.Wait()
	f.verify()
}

func advancesAtOnce(f *fixture) {
	const repositories, rounds = 4, 8
	f.register(repositories)
	var writers sync.WaitGroup
	for id := storage.RepositoryID(1); id <= repositories; id++ {
		writers.Go(func() {
			line, tip := "c0:K-1", "c0"
			for i := range rounds {
				a := storage.Advance{Repository: id, SeenAt: noon(), Commits: yield(graph(line)...)}
				a.Tips = []storage.TipChange{{Tip: storage.Tip{Ref: fmt.Sprint("refs/tags/", i), OID: oid(tip), Commit: oid(tip)}}}
				if _, err := f.store.Advance(f.ctx, a); err != nil {
					f.Error(err)
					return
				}
				line += fmt.Sprintf(" c%d:K-1<%s", i+1, tip)
				tip = fmt.Sprint("c", i+1)
			}
		})
	}
	writers.Wait()
	f.verify()
	for id := storage.RepositoryID(1); id <= repositories; id++ {
		f.wantMembers(id, "c0 c1 c2 c3 c4 c5 c6 c7")
	}
	f.equal("commits", int64(repositories*rounds), f.answers().Stats.Commits)
}

func oneOfTwoIsStale(f *fixture) {
	f.register(1)
	f.push(1, "a", "heads/main=a")
	advances := []storage.Advance{
		f.advance(1, "b:K-1<a", "heads/main=b"), f.advance(1, "c:K-1<a", "heads/main=c"),
	}
	errs := make([]error, len(advances))
	var writers sync.WaitGroup
	for i := range advances {
		writers.Go(func() { _, errs[i] = f.store.Advance(f.ctx, advances[i]) })
	}
	writers.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		f.Errorf("have errors %v and %v, want one", errs[0], errs[1])
	}
	f.verify()
	f.equal("members", 2, len(all(f, f.store.Members(f.ctx, 1))))
}

func followWhileWriting(f *fixture) {
	f.register(2)
	ctx, stop := context.WithCancel(f.ctx)
	followers := make([]Follower, 3)
	var reading sync.WaitGroup
	for i := range followers {
		reading.Go(func() {
			for by := &followers[i]; ctx.Err() == nil; {
				if err := by.Next(f.ctx, f.store, i+1); err != nil {
					f.Error(err)
					return
				}
				if by.isAtEnd {
					_ = f.store.Await(ctx, by.cursor) // ends with ctx
				}
			}
		})
	}
	var writing sync.WaitGroup
	for id := storage.RepositoryID(1); id <= 2; id++ {
		writing.Go(func() {
			for _, to := range []string{"a1", "b3", "a1", "b3", "r", "b2", "a1"} {
				a := f.advance(id, sides, "heads/main="+to)
				if _, err := f.store.Advance(f.ctx, a); err != nil {
					f.Error(err)
				}
				if _, err := f.store.Associate(f.ctx, []storage.Association{add(storage.IssueKey("K-"+to[1:]+"7"), to)}); err != nil {
					f.Error(err)
				}
			}
		})
	}
	writing.Wait()
	stop()
	reading.Wait()
	for i := range followers {
		f.wantFollowed(&followers[i])
	}
}

func heldWhileRebuilt(f *fixture) {
	f.register(1)
	a := f.advance(1, "a b:K-1<a", "heads/main=b")
	f.apply(a)
	ctx, stop := context.WithCancel(f.ctx)
	var reader sync.WaitGroup
	reader.Go(func() {
		for ctx.Err() == nil {
			if held, err := f.store.Holds(f.ctx, 1, oid("a")); !held || err != nil {
				f.Errorf("held: %t, %v", held, err)
				return
			}
		}
	})
	for range 15 {
		_, err := f.store.Advance(f.ctx, reset(a))
		f.must(err)
	}
	stop()
	reader.Wait()
}

// sides is a history with one linked commit on the left and three on the right.
const sides = "r a1:K-1<r b1:K-1<r b2:K-1<b1 b3:K-1<b2"

// swing moves the main branch from one side to the other.
func (f *fixture) swing(id storage.RepositoryID, to string) {
	f.Helper()
	_, err := f.store.Advance(f.ctx, f.advance(id, sides, "heads/main="+to))
	f.must(err)
}

// whole reports how many commits of a repository are on each side, unless it is what one side has.
func whole(left, right int) error {
	if left == 1 && right == 0 || left == 0 && right == 3 {
		return nil
	}
	return fmt.Errorf("a reader saw %d commits of the left side and %d of the right", left, right)
}

func readPages(ctx context.Context, f *fixture) error {
	page, err := f.store.Commits(ctx, storage.CommitQuery{Key: "K-1", Repository: 2})
	if err != nil {
		return err
	}
	left := 0
	for _, h := range page.Hits {
		if len(h.Branches) != 1 {
			return fmt.Errorf("a reader saw commit %s in the branches %v", nameOf(h.OID), h.Branches)
		}
		if h.OID == oid("a1") {
			left++
		}
	}
	return whole(left, len(page.Hits)-left)
}

func readIssue(ctx context.Context, f *fixture) error {
	i, err := f.store.Issue(ctx, storage.IssueQuery{Key: "K-1"})
	if err != nil {
		return err
	}
	if len(i.Repositories) != 2 || len(i.Branches) != 0 {
		return fmt.Errorf("a reader saw the issue in %v and %v", i.Repositories, i.Branches)
	}
	for _, r := range i.Repositories {
		if r.Commits != 1 && r.Commits != 3 {
			return fmt.Errorf("a reader saw %d linked commits", r.Commits)
		}
	}
	return nil
}

func readReleases(ctx context.Context, f *fixture) error {
	all, err := f.store.Releases(ctx, storage.ReleaseQuery{Key: "K-1"})
	if err != nil {
		return err
	}
	for _, of := range all {
		if len(of.Branches) != 1 || of.Branches[0].Contains != of.Commits || of.Commits != 1 && of.Commits != 3 {
			return fmt.Errorf("a reader saw %d linked commits and the branches %+v", of.Commits, of.Branches)
		}
	}
	return nil
}

func readMembers(ctx context.Context, f *fixture) error {
	left, right := 0, 0
	for m, err := range f.store.Members(ctx, 1) {
		switch {
		case err != nil:
			return err
		case m.OID == oid("a1"):
			left++
		case m.OID != oid("r"):
			right++
		}
	}
	return whole(left, right)
}

func readPostings(ctx context.Context, f *fixture) error {
	left, right := 0, 0
	for p, err := range f.store.Postings(ctx, "K") {
		switch {
		case err != nil:
			return err
		case p.Repository != 1:
		case p.OID == oid("a1"):
			left++
		default:
			right++
		}
	}
	return whole(left, right)
}

func readHits(ctx context.Context, f *fixture) error {
	h, err := f.store.Commit(ctx, 1, oid("r"))
	if err != nil {
		return err
	}
	if len(h.Branches) != 1 {
		return fmt.Errorf("a reader saw the root in the branches %v", h.Branches)
	}
	r, err := f.store.Repository(ctx, 2)
	if err != nil {
		return err
	}
	if r.Commits != r.Postings+1 {
		return fmt.Errorf("a reader saw %d commits and %d postings", r.Commits, r.Postings)
	}
	return nil
}
