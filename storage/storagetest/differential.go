package storagetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
)

// Engine says how Differential opens the index under test.
type Engine struct {
	// Open opens the index in a directory, which is empty at first.
	Open func(dir string) (storage.Store, error)
	// Volatile is an engine that keeps nothing when it is closed. Others are closed and opened again at random.
	Volatile bool
}

// Differential does random operations in the index under test and in memstore, and compares every answer. The flags
// of rapid (-rapid.checks, -rapid.steps, -rapid.seed) say how many; a failure is shrunk and says how to repeat it.
func Differential(t *testing.T, e Engine) {
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		if UnderRace && rapid.IntRange(0, 4).Draw(rt, "skipped under the race detector unless zero") != 0 {
			return
		}
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			rt.Fatal(err)
		}
		m := &machine{engine: e, dir: dir, ctx: t.Context(), world: newWorld(3)}
		m.open(rt)
		rt.Cleanup(func() {
			if err := errors.Join(m.store.Close(), os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
		})
		m.register(rt)
		actions := map[string]func(*rapid.T){
			"":                 m.check,
			"advance":          m.advance,
			"advance more":     m.advance,
			"advance twice":    m.advanceTwice,
			"advance in vain":  m.advanceInVain,
			"rebuild":          m.rebuild,
			"look":             m.look,
			"pull requests":    m.pullRequests,
			"register":         m.register,
			"retire or forget": m.leave,
			"associate":        m.associate,
			"follow":           m.follow,
			"follow more":      m.follow,
			"trim":             m.trim,
			"commands":         m.commands,
		}
		if !e.Volatile {
			actions["reopen"] = m.reopen
		}
		rt.Repeat(actions)
		m.compare(rt)
		m.catchUp(rt)
	})
}

// machine is the index under test beside the world whose model it should equal.
type machine struct {
	engine Engine
	dir    string
	ctx    context.Context
	store  storage.Store
	world  *World

	followers [2][3]Follower // of the model and of the index under test
	instants  []time.Time    // some of those that have been
}

func (m *machine) open(t *rapid.T) {
	s, err := m.engine.Open(m.dir)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.store = s
}

func (m *machine) reopen(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.open(t)
}

// draw makes the world's next choices those of a drawn seed.
func (m *machine) draw(t *rapid.T) { m.world.reseed(rapid.Uint64().Draw(t, "seed")) }

// drawKnown chooses a repository that the index knows.
func (m *machine) drawKnown(t *rapid.T) *hosted {
	known := m.world.known()
	if len(known) == 0 {
		t.Skip("no repository is known")
	}
	return known[rapid.IntRange(0, len(known)-1).Draw(t, "repository")]
}

// both compares what the model and the index under test answer to the same.
func both[T any](t *rapid.T, m *machine, what string, do func(storage.Store) (T, error)) T {
	t.Helper()
	want, wantErr := do(m.world.Model)
	have, haveErr := do(m.store)
	if kind(wantErr) != kind(haveErr) {
		t.Fatalf("%s: want error %v, have %v", what, wantErr, haveErr)
	}
	if diff := difference(want, have); diff != "" {
		t.Fatalf("%s (-want +have):\n%s", what, diff)
	}
	return want
}

// kind gives the sentinel of an error; any other error is itself.
func kind(err error) error {
	for _, k := range []error{storage.ErrNotFound, storage.ErrStale, storage.ErrIncomplete, storage.ErrFeedGone} {
		if errors.Is(err, k) {
			return k
		}
	}
	return err
}

func (m *machine) apply(t *rapid.T, a storage.Advance) {
	t.Helper()
	both(t, m, "advance", func(s storage.Store) (storage.Advanced, error) { return s.Advance(m.ctx, a) })
}

func (m *machine) advance(t *rapid.T) {
	m.drawKnown(t)
	m.draw(t)
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		m.apply(t, m.world.Step())
	}
}

func (m *machine) advanceTwice(t *rapid.T) {
	m.drawKnown(t)
	m.draw(t)
	a := m.world.Step()
	m.apply(t, a)
	m.apply(t, a)
}

// advanceInVain makes an Advance whose tips have moved, or that lacks a commit. The world's change comes later.
func (m *machine) advanceInVain(t *rapid.T) {
	m.drawKnown(t)
	m.draw(t)
	a := m.world.Step()
	if rapid.Bool().Draw(t, "stale") {
		for i := range a.Tips {
			a.Tips[i].Old = oid("elsewhere")
		}
	} else {
		commits := rows(a.Commits)
		if len(commits) > 0 {
			lost := rapid.IntRange(0, len(commits)-1).Draw(t, "lost")
			commits = append(commits[:lost], commits[lost+1:]...)
		}
		// What is left over and reached by no tip might lack the lost commit too, which engines may mind or not.
		reached := m.world.reach(m.world.byID(a.Repository))
		kept := commits[:0]
		for _, c := range commits {
			if reached[c.OID] {
				kept = append(kept, c)
			}
		}
		a.Commits = yield(kept...)
	}
	m.apply(t, a)
}

// rebuild resets a repository to what its host has.
func (m *machine) rebuild(t *rapid.T) {
	h := m.drawKnown(t)
	m.draw(t)
	h.isReset = true
	m.apply(t, m.world.advance(h))
}

func (m *machine) look(t *rapid.T) {
	h := m.drawKnown(t)
	m.world.steps++
	l := storage.Look{At: noon().Add(time.Duration(m.world.steps) * time.Minute)}
	if rapid.Bool().Draw(t, "failed") {
		l.Class, l.Text = storage.ClassTransient, "connection reset"
	}
	both(t, m, "record look", func(s storage.Store) (any, error) { return nil, s.RecordLook(m.ctx, h.id, l) })
}

func (m *machine) pullRequests(t *rapid.T) {
	m.drawKnown(t)
	m.draw(t)
	id, u := m.world.StepPulls()
	both(t, m, "set pull requests", func(s storage.Store) (any, error) { return nil, s.SetPullRequests(m.ctx, id, u) })
}

// register makes all repositories known, anew those that were forgotten, and renames one.
func (m *machine) register(t *rapid.T) {
	renamed := m.world.hosted[rapid.IntRange(0, len(m.world.hosted)-1).Draw(t, "renamed")]
	renamed.spec.Name = rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name")
	specs := m.world.Specs()
	ids := both(t, m, "register", func(s storage.Store) ([]storage.RepositoryID, error) { return s.Register(m.ctx, specs) })
	for i, id := range ids {
		m.world.hosted[i].id = id
	}
}

func (m *machine) leave(t *rapid.T) {
	h := m.drawKnown(t)
	if rapid.IntRange(0, 2).Draw(t, "retire or forget") < 2 {
		both(t, m, "retire", func(s storage.Store) (any, error) { return nil, s.Retire(m.ctx, h.id, noon()) })
		return
	}
	both(t, m, "forget", func(s storage.Store) (any, error) { return nil, s.Forget(m.ctx, h.id) })
	h.id, h.pulls = 0, map[string]storage.PullRequest{}
}

// compare asks both indexes everything.
func (m *machine) compare(t *rapid.T) {
	diff, err := Compare(m.ctx, m.world.Model, m.store)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Fatalf("answers differ (-want +have):\n%s", diff)
	}
}

// check asks a few random questions. Everything is asked only at the end, which is at random too.
func (m *machine) check(t *rapid.T) {
	m.draw(t)
	q := m.world.query()
	summary := storage.IssueQuery{Key: q.Key, Within: m.world.scope(), Compare: m.world.oneIn(2)}
	both(t, m, fmt.Sprintf("issue of %+v", summary), func(s storage.Store) (storage.Issue, error) { return s.Issue(m.ctx, summary) })
	releases := storage.ReleaseQuery{Key: q.Key, Within: m.world.scope()}
	if m.world.oneIn(2) {
		odd := func(name string) bool { return name[len(name)-1]%2 == 1 }
		releases.Tag, releases.Branch = odd, odd
	}
	both(t, m, fmt.Sprintf("releases of %+v", releases), func(s storage.Store) ([]storage.Releases, error) { return s.Releases(m.ctx, releases) })
	both(t, m, "repository", func(s storage.Store) (storage.Repository, error) { return s.Repository(m.ctx, q.Repository) })
	for {
		page := both(t, m, fmt.Sprintf("commits of %+v", q), func(s storage.Store) (storage.CommitPage, error) { return s.Commits(m.ctx, q) })
		if page.Next == nil {
			return
		}
		q.After = page.Next
	}
}
