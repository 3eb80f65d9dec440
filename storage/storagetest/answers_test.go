package storagetest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"keytrail/storage"
)

// The stores below are each wrong in one way.

type forgetful struct{ storage.Store } // leaves a member out

func (s forgetful) Members(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		first := true
		for m, err := range s.Store.Members(ctx, id) {
			if !first && !yield(m, err) {
				return
			}
			first = false
		}
	}
}

type repetitive struct{ storage.Store } // yields members twice

func (s repetitive) Members(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		for m, err := range s.Store.Members(ctx, id) {
			for range 2 {
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

type skipping struct{ storage.Store } // loses a commit between two pages

func (s skipping) Commits(ctx context.Context, q storage.CommitQuery) (storage.CommitPage, error) {
	q.Limit = 1
	page, err := s.Store.Commits(ctx, q)
	if page.Next != nil {
		page.Next.Seconds--
	}
	return page, err
}

type backwards struct{ storage.Store } // gives branches and tags for each other

func (s backwards) Commit(ctx context.Context, id storage.RepositoryID, oid storage.OID) (storage.Hit, error) {
	h, err := s.Store.Commit(ctx, id, oid)
	h.Branches, h.Tags = h.Tags, h.Branches
	return h, err
}

type summary struct{ storage.Store } // forgets an issue's branches

func (s summary) Issue(ctx context.Context, q storage.IssueQuery) (storage.Issue, error) {
	i, err := s.Store.Issue(ctx, q)
	i.Branches = nil
	return i, err
}

type unreleased struct{ storage.Store } // forgets an issue's releases

func (s unreleased) Releases(context.Context, storage.ReleaseQuery) ([]storage.Releases, error) {
	return nil, nil
}

type unpulled struct{ storage.Store } // links no pull request

func (s unpulled) PullRequests(context.Context, storage.IssueKey) iter.Seq2[storage.PullRequest, error] {
	return func(func(storage.PullRequest, error) bool) {}
}

type troubled struct{ storage.Store } // finds something wrong with itself

func (s troubled) Verify(_ context.Context, report func(storage.Problem)) error {
	report(storage.Problem{Repository: 1, Text: "a contradiction"})
	return nil
}

type talkative struct{ storage.Store } // goes on after an error

func (s talkative) NotesOf(context.Context, storage.RepositoryID) iter.Seq2[storage.Note, error] {
	return func(yield func(storage.Note, error) bool) {
		_ = yield(storage.Note{}, errors.New("broken")) && yield(storage.Note{}, nil)
	}
}

func TestCompareFindsWhatIsWrong(t *testing.T) {
	w := NewWorld(1, 2)
	for range 30 {
		follow(t, w, w.Step())
	}
	for range 30 {
		id, u := w.StepPulls()
		if err := w.Model.SetPullRequests(t.Context(), id, u); err != nil {
			t.Fatal(err)
		}
	}
	if diff, err := Compare(t.Context(), w.Model, w.Model); diff != "" || err != nil {
		t.Fatalf("an index differs from itself: error %v, difference:\n%s", err, diff)
	}
	for want, wrong := range map[string]storage.Reader{
		"Members":                         forgetful{w.Model},
		"yielded twice":                   repetitive{w.Model},
		"Hits":                            skipping{w.Model},
		"Unlinked":                        backwards{w.Model},
		"Issues":                          summary{w.Model},
		"Releases":                        unreleased{w.Model},
		"Pulled":                          unpulled{w.Model},
		"a contradiction":                 troubled{w.Model},
		"goes on after its error: broken": talkative{w.Model},
	} {
		diff, err := Compare(t.Context(), w.Model, wrong)
		if err != nil {
			diff = err.Error()
		}
		if !strings.Contains(diff, want) {
			t.Errorf("%T: have %q, want it to say %q", wrong, diff, want)
		}
	}
}

func TestGraphReadsCommits(t *testing.T) {
	commits := graph("a:K-1 b!@-5<x c:K-1,K-2<a,b")
	who := func(seconds int64) storage.Signature {
		return storage.Signature{Name: "Ann", Email: "ann@example.com", Seconds: seconds}
	}
	want := []storage.Commit{
		{OID: oid("a"), Author: who(1), Committer: who(1), Message: "change a\n", Keys: keys("K-1")},
		{OID: oid("b"), Author: who(-5), Committer: who(-5), Message: "change b\n", Shallow: true, Parents: oids("x")},
		{OID: oid("c"), Author: who(-4), Committer: who(-4), Message: "change c\n", Parents: oids("a b"), Keys: keys("K-1,K-2")},
	}
	if diff := difference(want, commits); diff != "" {
		t.Errorf("commits (-want +have):\n%s", diff)
	}
	if name := nameOf(oid("some")); name != "some" {
		t.Errorf("have the name %q, want %q", name, "some")
	}
}
