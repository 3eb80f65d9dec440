package storagetest

import (
	"cmp"
	"context"
	"crypto/sha1"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"keytrail/storage"
)

// issueKeys are the keys that a world's texts speak of: some are prefixes of others.
func issueKeys() []storage.IssueKey {
	return keys("A-1,A-2,A-10,A-100,AB-1,A_B-1,B2-7")
}

// someKeys chooses up to two keys, sorted.
func (w *World) someKeys() []storage.IssueKey {
	var some []storage.IssueKey
	for range w.choose(3) {
		some = append(some, pick(w, issueKeys()))
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// keys narrows keys as the rules of a repository do.
func (h *hosted) keys(all []storage.IssueKey) []storage.IssueKey {
	var found []storage.IssueKey
	for i, k := range all {
		if h.rules%3 == 0 || h.rules%3 == 1 && k.Project() != "A" || h.rules%3 == 2 && i == 0 {
			found = append(found, k)
		}
	}
	return found
}

// fresh gives a name that nothing has.
func (w *World) fresh() string {
	w.steps++
	return fmt.Sprint("n", w.steps)
}

// object makes an object that is no commit.
func (w *World) object() storage.OID { return sha1.Sum([]byte(w.fresh())) }

// change makes one change in a repository at its host.
func (w *World) change(h *hosted) {
	changes := []func(*hosted){
		w.grow, w.grow, w.grow, w.merge, w.makeBranch, w.rewind, w.deleteRef, w.tag, w.tag, w.annotate, w.annotate,
		w.fork, w.beginAnew, w.graft, w.renameDefault, w.changeRules,
	}
	pick(w, changes)(h)
}

// commit makes a commit.
func (w *World) commit(parents ...storage.OID) storage.Commit {
	// A third of the commits share their second with the one before them; few lie behind it, fewer at the ends of time.
	switch w.choose(12) {
	case 0, 1, 2, 3:
	case 4:
		w.seconds -= int64(w.choose(100))
	default:
		w.seconds += int64(w.choose(100))
	}
	c := storage.Commit{OID: sha1.Sum([]byte(w.fresh())), Parents: parents, Keys: w.someKeys()}
	c.Author = storage.Signature{Name: "Ann", Email: "ann@example.com", Seconds: w.seconds, Offset: 60}
	c.Committer = c.Author
	if w.oneIn(3) {
		c.Committer = storage.Signature{Name: "Bob", Email: "bob@example.com", Seconds: w.seconds + 1, Offset: -720}
	}
	if w.oneIn(16) {
		c.Committer.Seconds = pick(w, []int64{math.MinInt64, -1, 0, math.MaxInt64})
	}
	c.Message = fmt.Sprintf("%v: change %s\n", c.Keys, c.OID)
	if w.oneIn(16) {
		c.Message = pick(w, []string{"", "\x00", strings.Repeat("long\n", 1000)})
	}
	w.index[c.OID] = len(w.commits)
	w.commits = append(w.commits, c)
	return c
}

// set points a ref at a commit. A branch keeps the keys of its name.
func (h *hosted) set(ref string, commit storage.OID) {
	h.refs[ref] = storage.Tip{Ref: ref, OID: commit, Commit: commit, Keys: h.refs[ref].Keys}
}

// some chooses a ref that holds commits and has a prefix; "" when there is none.
func (w *World) some(h *hosted, prefix string) string {
	var refs []string
	for _, ref := range slices.Sorted(maps.Keys(h.refs)) {
		if strings.HasPrefix(ref, prefix) && !h.refs[ref].Commit.IsZero() {
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return ""
	}
	return pick(w, refs)
}

// someCommit chooses a commit that a repository reaches; zero when it has none.
func (w *World) someCommit(h *hosted) storage.OID {
	reached := slices.SortedFunc(maps.Keys(w.reach(h)), func(a, b storage.OID) int { return cmp.Compare(w.index[a], w.index[b]) })
	if len(reached) == 0 {
		return storage.OID{}
	}
	return pick(w, reached)
}

// grow puts commits on a branch.
func (w *World) grow(h *hosted) {
	ref := w.some(h, "refs/heads/")
	if ref == "" {
		w.beginAnew(h)
		return
	}
	for range 1 + w.choose(3) {
		h.set(ref, w.commit(h.refs[ref].Commit).OID)
	}
}

// merge joins up to three refs on a branch; now and then one of them with itself.
func (w *World) merge(h *hosted) {
	ref := w.some(h, "refs/heads/")
	if ref == "" {
		return
	}
	parents := []storage.OID{h.refs[ref].Commit}
	for range 1 + w.choose(2) {
		parents = append(parents, h.refs[w.some(h, "refs/")].Commit)
	}
	h.set(ref, w.commit(parents...).OID)
}

// makeBranch begins a branch somewhere, or another ref, under a name that may hold keys.
func (w *World) makeBranch(h *hosted) {
	at := w.someCommit(h)
	if at.IsZero() {
		return
	}
	tip := storage.Tip{Keys: w.someKeys()}
	tip.Ref = fmt.Sprintf("%s%v-%s", pick(w, []string{"refs/heads/", "refs/heads/", "refs/pull/"}), tip.Keys, w.fresh())
	h.refs[tip.Ref] = tip
	h.set(tip.Ref, at)
}

// rewind moves a ref to a commit anywhere, as a force push does.
func (w *World) rewind(h *hosted) {
	if ref, at := w.some(h, "refs/"), w.someCommit(h); ref != "" {
		h.set(ref, at)
	}
}

func (w *World) deleteRef(h *hosted) {
	if refs := slices.Sorted(maps.Keys(h.refs)); len(refs) > 0 {
		delete(h.refs, pick(w, refs))
	}
}

// tag makes or moves one of a few tags: to a commit, to an annotated tag of one, to a commit that no branch has, or
// to an object that is no commit.
func (w *World) tag(h *hosted) {
	at := w.someCommit(h)
	if at.IsZero() {
		return
	}
	ref := fmt.Sprint("refs/tags/v", w.choose(4))
	tip := storage.Tip{Ref: ref, OID: at, Commit: at}
	switch w.choose(4) {
	case 1:
		tip.OID = w.object()
	case 2:
		tip.Commit = w.commit(at).OID
		tip.OID = tip.Commit
	case 3:
		tip.OID, tip.Commit = w.object(), storage.OID{}
	}
	h.refs[ref] = tip
}

// annotate writes, edits or deletes a note on a commit, which the repository need not have. The notes ref moves with
// it and is taken as a ref without commits.
func (w *World) annotate(h *hosted) {
	if len(w.commits) == 0 {
		return
	}
	name := noteName{ref: pick(w, notesRefs()), object: pick(w, w.commits).OID}
	if _, ok := h.notes[name]; ok && w.oneIn(2) {
		delete(h.notes, name)
	} else {
		n := storage.Note{Ref: name.ref, Object: name.object, Keys: w.someKeys()}
		n.Text = fmt.Sprintf("%v: note %s", n.Keys, w.fresh())
		h.notes[name] = n
	}
	h.refs[name.ref] = storage.Tip{Ref: name.ref, OID: w.object()}
}

func compareNoteNames(a, b noteName) int {
	return cmp.Or(cmp.Compare(a.ref, b.ref), a.object.Compare(b.object))
}

// fork takes a ref over from any repository.
func (w *World) fork(h *hosted) {
	from := pick(w, w.hosted)
	if ref := w.some(from, "refs/"); ref != "" {
		h.set("refs/heads/of-"+from.spec.HostID, from.refs[ref].Commit)
	}
}

// beginAnew makes the default branch an unrelated history.
func (w *World) beginAnew(h *hosted) {
	h.set(pick(w, []string{"refs/heads/main", "refs/heads/main", "refs/heads/gh-pages"}), w.commit().OID)
}

// graft takes over a commit without its history, as a shallow clone does, unless the repository has it whole.
func (w *World) graft(h *hosted) {
	if len(w.commits) == 0 {
		return
	}
	at := pick(w, w.commits)
	if len(at.Parents) == 0 || w.reach(h)[at.OID] || w.isHeld(h, at.OID) {
		return
	}
	h.shallow[at.OID] = true
	h.set("refs/heads/shallow", at.OID)
}

// isHeld reports whether the index holds a commit of a repository, which may be behind its host.
func (w *World) isHeld(h *hosted, oid storage.OID) bool {
	held, err := w.Model.Holds(context.Background(), h.id, oid)
	if err != nil {
		panic(err) // the model is open and knows the repository
	}
	return held
}

func (w *World) renameDefault(h *hosted) {
	h.defaultBranch = pick(w, []string{"refs/heads/main", w.some(h, "refs/heads/"), "refs/heads/gone", ""})
}

// changeRules makes the next Advance rebuild, mostly with other keys.
func (w *World) changeRules(h *hosted) {
	h.rules += w.choose(3)
	h.isReset = true
}
