package storagetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// noon is when the hosts of the fixture were seen first.
func noon() time.Time { return time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC) }

// fixture is an index under test with words for what tests do.
type fixture struct {
	*testing.T
	store storage.Store
	ctx   context.Context
}

// register makes n repositories known, which get the ids 1 to n in an index that is new.
func (f *fixture) register(n int) {
	f.Helper()
	var specs []storage.RepositorySpec
	var want []storage.RepositoryID
	for i := range n {
		specs = append(specs, storage.RepositorySpec{HostID: fmt.Sprint("host-", i+1), Name: fmt.Sprint("repository-", i+1)})
		want = append(want, storage.RepositoryID(i+1))
	}
	ids, err := f.store.Register(f.ctx, specs)
	f.must(err)
	f.equal("ids of a new index", want, ids)
}

// advance builds an Advance of the commits of a line (see graph) and of changes of refs without "refs/":
//
//	heads/main=c      the branch is to point at commit c
//	tags/v1=x>c       the tag is to point at the object x, which peels to commit c
//	tags/t=x>         the tag is to point at the object x, which is no commit
//	heads/main=       the branch is gone
//
// What they replace is what the index has.
func (f *fixture) advance(id storage.RepositoryID, line string, refs ...string) storage.Advance {
	f.Helper()
	a := storage.Advance{Repository: id, DefaultBranch: "refs/heads/main", Rules: "rules", SeenAt: noon()}
	if line != "" {
		a.Commits = yield(graph(line)...)
	}
	stored := f.tips(id)
	for _, r := range refs {
		ref, target, ok := strings.Cut("refs/"+r, "=")
		if !ok {
			f.Fatalf("not a change of a ref: %q", r)
		}
		object, commit, isPeeled := strings.Cut(target, ">")
		if !isPeeled {
			commit = object
		}
		a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref, OID: oid(object), Commit: oid(commit)}, Old: stored[ref].OID})
	}
	return a
}

// reset turns an Advance into one that rebuilds.
func reset(a storage.Advance) storage.Advance {
	a.Reset = true
	for i := range a.Tips {
		a.Tips[i].Old = storage.OID{}
	}
	return a
}

// push applies what advance builds.
func (f *fixture) push(id storage.RepositoryID, line string, refs ...string) storage.Advanced {
	f.Helper()
	return f.apply(f.advance(id, line, refs...))
}

// annotate changes notes of refs/notes/commits and nothing else.
func (f *fixture) annotate(id storage.RepositoryID, changes ...storage.Note) storage.Advanced {
	f.Helper()
	a := f.advance(id, "")
	a.Notes = []storage.NotesUpdate{notes(changes...)}
	return f.apply(a)
}

// apply makes an Advance that must succeed, and checks the whole index.
func (f *fixture) apply(a storage.Advance) storage.Advanced {
	f.Helper()
	done, err := f.store.Advance(f.ctx, a)
	f.must(err)
	f.verify()
	return done
}

// refuse makes an Advance that must fail with an error and change nothing.
func (f *fixture) refuse(a storage.Advance, want error) {
	f.Helper()
	before := f.answers()
	if _, err := f.store.Advance(f.ctx, a); !errors.Is(err, want) {
		f.Errorf("advance: have error %v, want %v", err, want)
	}
	f.equal("all answers after a refused advance", before, f.answers())
}

func (f *fixture) verify() {
	f.Helper()
	f.must(f.store.Verify(f.ctx, func(p storage.Problem) { f.Errorf("verify: repository %d: %s", p.Repository, p.Text) }))
}

func (f *fixture) answers() *answers {
	f.Helper()
	a, err := ask(f.ctx, f.store)
	f.must(err)
	return a
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) equal(what string, want, have any) {
	f.Helper()
	if diff := difference(want, have); diff != "" {
		f.Errorf("%s (-want +have):\n%s", what, diff)
	}
}

func (f *fixture) repository(id storage.RepositoryID) storage.Repository {
	f.Helper()
	r, err := f.store.Repository(f.ctx, id)
	f.must(err)
	return r
}

// all reads a sequence to its end.
func all[T any](f *fixture, rows iter.Seq2[T, error]) []T {
	f.Helper()
	found, err := collect(rows)
	f.must(err)
	return found
}

func (f *fixture) tips(id storage.RepositoryID) map[string]storage.Tip {
	f.Helper()
	tips := map[string]storage.Tip{}
	for _, t := range all(f, f.store.Tips(f.ctx, id)) {
		tips[t.Ref] = t
	}
	return tips
}

// wantMembers checks what a repository holds, by every reader that tells.
func (f *fixture) wantMembers(id storage.RepositoryID, names string) {
	f.Helper()
	var have []string
	for _, m := range all(f, f.store.Members(f.ctx, id)) {
		have = append(have, nameOf(m.OID))
		held, err := f.store.Holds(f.ctx, id, m.OID)
		f.must(err)
		if !held {
			f.Errorf("%s is a member of repository %d, but not held", nameOf(m.OID), id)
		}
		if !slices.Contains(all(f, f.store.Holders(f.ctx, m.OID)), id) {
			f.Errorf("repository %d is not among the holders of its member %s", id, nameOf(m.OID))
		}
	}
	slices.Sort(have)
	f.equal("members", strings.Fields(names), have)
	f.equal("count of commits", int64(len(have)), f.repository(id).Commits)
}

// find answers a query in one page: the names of its commits in order, each with its repository's id before it
// unless that is 1.
func (f *fixture) find(q storage.CommitQuery) string {
	f.Helper()
	page, err := f.store.Commits(f.ctx, q)
	f.must(err)
	return hitNames(page.Hits)
}

func hitNames(hits []storage.Hit) string {
	var names []string
	for _, h := range hits {
		name := nameOf(h.OID)
		if h.Repository != 1 {
			name = fmt.Sprint(h.Repository, name)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// wantLinked checks the commits of a key, named as find does.
func (f *fixture) wantLinked(key storage.IssueKey, names string) {
	f.Helper()
	f.equal("commits of "+string(key), names, f.find(storage.CommitQuery{Key: key}))
}

func (f *fixture) commit(id storage.RepositoryID, name string) storage.Hit {
	f.Helper()
	h, err := f.store.Commit(f.ctx, id, oid(name))
	f.must(err)
	return h
}

func (f *fixture) issue(key storage.IssueKey) storage.Issue {
	f.Helper()
	return f.summary(storage.IssueQuery{Key: key})
}

func (f *fixture) summary(q storage.IssueQuery) storage.Issue {
	f.Helper()
	i, err := f.store.Issue(f.ctx, q)
	f.must(err)
	return i
}
