package storagetest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"keytrail/storage"
	"keytrail/storage/memstore"
)

// World is a few git hosts' repositories with random histories, and the index that should follow from them.
//
// Step changes one repository as pushes do and gives the Advance that brings the index from what Model holds to it.
// The caller makes the Advance in the index under test and, once acknowledged, in Model; one that was lost is
// contained in a later Step. Histories have merges, several roots, ties and skews of dates, tags of all kinds,
// notes, and commits that the repositories share as forks do.
//
// A World is not safe for concurrent use. The same seed gives the same history.
type World struct {
	Model *memstore.Store

	random  *rand.Rand
	commits []storage.Commit // all that were ever made, parents before children, with the keys of the first rules
	index   map[storage.OID]int
	hosted  []*hosted
	seconds int64 // the clock of committers
	steps   int   // the clock of looks, and the source of fresh names
}

// hosted is one repository as its host has it.
type hosted struct {
	spec          storage.RepositorySpec
	id            storage.RepositoryID // zero while the index does not know it
	refs          map[string]storage.Tip
	notes         map[noteName]storage.Note
	pulls         map[string]storage.PullRequest // by the host's id
	shallow       map[storage.OID]bool
	defaultBranch string
	rules         int
	isReset       bool // the next Advance is to rebuild
}

// noteName tells notes of one repository apart.
type noteName struct {
	ref    string
	object storage.OID
}

// NewWorld makes a world of some repositories without history. Model knows them; an index under test registers
// Specs first, and as a new index gives them the same ids.
func NewWorld(seed uint64, repositories int) *World {
	w := newWorld(repositories)
	w.reseed(seed)
	ids, err := w.Model.Register(context.Background(), w.Specs())
	if err != nil {
		panic(err) // the model is open and its context never ends
	}
	for i, id := range ids {
		w.hosted[i].id = id
	}
	return w
}

func newWorld(repositories int) *World {
	w := &World{Model: memstore.New(), index: map[storage.OID]int{}, seconds: 1_000_000_000}
	for i := range repositories {
		w.hosted = append(w.hosted, &hosted{
			spec:          storage.RepositorySpec{Integration: "acme", HostID: fmt.Sprint(i), Name: fmt.Sprint("repository-", i)},
			refs:          map[string]storage.Tip{},
			notes:         map[noteName]storage.Note{},
			pulls:         map[string]storage.PullRequest{},
			shallow:       map[storage.OID]bool{},
			defaultBranch: "refs/heads/main",
		})
	}
	return w
}

func (w *World) reseed(seed uint64) { w.random = rand.New(rand.NewPCG(seed, 0)) }

// Specs gives the repositories of the world, for Register.
func (w *World) Specs() []storage.RepositorySpec {
	var specs []storage.RepositorySpec
	for _, h := range w.hosted {
		specs = append(specs, h.spec)
	}
	return specs
}

// Step changes one repository and gives the Advance that follows. Its commits may be ranged over more than once.
func (w *World) Step() storage.Advance {
	h := pick(w, w.known())
	for range 1 + w.choose(4) {
		w.change(h)
	}
	return w.advance(h)
}

// known gives the repositories that the index knows.
func (w *World) known() []*hosted {
	return slices.DeleteFunc(slices.Clone(w.hosted), func(h *hosted) bool { return h.id == 0 })
}

// choose gives a number from 0 to n-1.
func (w *World) choose(n int) int { return w.random.IntN(n) }

// pick chooses one of some values.
func pick[T any](w *World, from []T) T { return from[w.choose(len(from))] }

// oneIn says yes once in n times.
func (w *World) oneIn(n int) bool { return w.choose(n) == n-1 }

// advance gives what brings the index of a repository from what Model holds to what its host has.
func (w *World) advance(h *hosted) storage.Advance {
	w.steps++
	a := storage.Advance{
		Repository: h.id, Reset: h.isReset, DefaultBranch: h.defaultBranch, Rules: fmt.Sprint("rules-", h.rules),
		SeenAt: noon().Add(time.Duration(w.steps) * time.Minute),
	}
	h.isReset = false
	indexed, err := w.Model.Repository(context.Background(), h.id)
	if err != nil {
		panic(err) // the model is open and knows the repository
	}
	if indexed.Version > 0 && indexed.Rules != a.Rules {
		a.Reset = true
	}
	a.Tips = w.tipChanges(h, a.Reset)
	a.Commits = w.lacking(h, a.Reset)
	a.Notes = w.noteChanges(h, a.Reset)
	return a
}

// rows reads a sequence of the model.
func rows[T any](found iter.Seq2[T, error]) []T {
	all, err := collect(found)
	if err != nil {
		panic(err) // the model is open and knows the repository
	}
	return all
}

func (w *World) tipChanges(h *hosted, isReset bool) []storage.TipChange {
	indexed := map[string]storage.Tip{}
	if !isReset {
		for _, t := range rows(w.Model.Tips(context.Background(), h.id)) {
			indexed[t.Ref] = t
		}
	}
	var changes []storage.TipChange
	for _, ref := range slices.Sorted(maps.Keys(h.refs)) {
		t, old := h.refs[ref], indexed[ref].OID
		// A ref that has not moved may be given all the same.
		if t.OID == old && !w.oneIn(8) {
			continue
		}
		t.Keys = h.keys(t.Keys)
		if t.OID == old {
			t = indexed[ref]
		}
		changes = append(changes, storage.TipChange{Tip: t, Old: old})
	}
	for _, ref := range slices.Sorted(maps.Keys(indexed)) {
		if _, ok := h.refs[ref]; !ok {
			changes = append(changes, storage.TipChange{Tip: storage.Tip{Ref: ref}, Old: indexed[ref].OID})
		}
	}
	return changes
}

// lacking yields in random order the commits that the index needs, and some that it should ignore: ones that it
// holds, with other keys, and ones that no tip reaches.
func (w *World) lacking(h *hosted, isReset bool) iter.Seq2[storage.Commit, error] {
	held := map[storage.OID]bool{}
	if !isReset {
		for _, m := range rows(w.Model.Members(context.Background(), h.id)) {
			held[m.OID] = true
		}
	}
	reached := w.reach(h)
	complete := maps.Clone(held)
	var commits []storage.Commit
	for _, c := range w.commits {
		c.Shallow = h.shallow[c.OID]
		c.Keys = h.keys(c.Keys)
		hasParents := c.Shallow || !slices.ContainsFunc(c.Parents, func(p storage.OID) bool { return !complete[p] })
		switch {
		case held[c.OID] && w.oneIn(8):
			c.Keys = keys("NOISE-1")
		case held[c.OID]:
			continue
		case !reached[c.OID]:
			if !hasParents || !w.oneIn(4) {
				continue
			}
		}
		complete[c.OID] = true
		at := w.choose(len(commits) + 1)
		commits = slices.Insert(commits, at, c)
	}
	return yield(commits...)
}

// reach gives the commits that the refs of a repository reach at its host.
func (w *World) reach(h *hosted) map[storage.OID]bool {
	reached := map[storage.OID]bool{}
	for _, t := range h.refs {
		reached[t.Commit] = true
	}
	delete(reached, storage.OID{})
	for _, c := range slices.Backward(w.commits) {
		if reached[c.OID] && !h.shallow[c.OID] {
			for _, p := range c.Parents {
				reached[p] = true
			}
		}
	}
	return reached
}

func (w *World) noteChanges(h *hosted, isReset bool) []storage.NotesUpdate {
	indexed := map[noteName]storage.Note{}
	if !isReset {
		for _, n := range rows(w.Model.NotesOf(context.Background(), h.id)) {
			indexed[noteName{n.Ref, n.Object}] = n
		}
	}
	var updates []storage.NotesUpdate
	for _, ref := range notesRefs() {
		u := storage.NotesUpdate{Ref: ref, Reset: w.oneIn(6)}
		for _, name := range slices.SortedFunc(maps.Keys(h.notes), compareNoteNames) {
			n, old := h.notes[name], indexed[name]
			if name.ref == ref && (isReset || u.Reset || n.Text != old.Text || w.oneIn(8)) {
				n.Keys = h.keys(n.Keys)
				u.Changes = append(u.Changes, n)
			}
		}
		for _, name := range slices.SortedFunc(maps.Keys(indexed), compareNoteNames) {
			if _, ok := h.notes[name]; !ok && name.ref == ref && !u.Reset {
				u.Changes = append(u.Changes, storage.Note{Object: name.object, Deleted: true})
			}
		}
		if u.Reset || len(u.Changes) > 0 {
			updates = append(updates, u)
		}
	}
	return updates
}

func notesRefs() []string { return []string{"refs/notes/commits", "refs/notes/review"} }
