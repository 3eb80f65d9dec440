package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"keytrail/storage"
)

// StepPulls changes pull requests of one repository at its host and gives the update that follows.
func (w *World) StepPulls() (storage.RepositoryID, storage.PullRequestUpdate) {
	h := pick(w, w.known())
	w.steps++
	u := storage.PullRequestUpdate{
		Reset: w.oneIn(4), Rules: fmt.Sprint("rules-", h.rules), SeenAt: noon().Add(time.Duration(w.steps) * time.Minute),
	}
	for range w.choose(4) {
		p := w.pull()
		h.pulls[p.ID] = p
		u.Changed = slices.DeleteFunc(u.Changed, func(q storage.PullRequest) bool { return p.ID == q.ID })
		u.Changed = append(u.Changed, p)
	}
	if held := slices.Sorted(maps.Keys(h.pulls)); len(held) > 0 && w.oneIn(3) {
		gone := pick(w, held)
		delete(h.pulls, gone)
		u.Gone = append(u.Gone, gone)
		u.Changed = slices.DeleteFunc(u.Changed, func(p storage.PullRequest) bool { return p.ID == gone })
	}
	if u.Reset {
		u.Changed = nil
		for _, id := range slices.Sorted(maps.Keys(h.pulls)) {
			u.Changed = append(u.Changed, h.pulls[id])
		}
	}
	return h.id, u
}

// pull makes one of a few pull requests, or changes it; some ids are prefixes of others.
func (w *World) pull() storage.PullRequest {
	p := storage.PullRequest{
		ID: pick(w, []string{"1", "10", "100", "2", "a\x00b", "\xff"}), Number: int64(w.choose(1000)), Keys: w.someKeys(),
		State:   pick(w, []storage.PullRequestState{storage.PullRequestOpen, storage.PullRequestMerged, storage.PullRequestDeclined}),
		Updated: noon().Add(time.Duration(w.choose(5)) * time.Nanosecond),
	}
	if w.oneIn(8) {
		p.Updated = time.Time{}
	}
	p.Title, p.Description = fmt.Sprint("change ", p.Keys), fmt.Sprint("about ", w.fresh())
	p.Source, p.Target, p.Author = fmt.Sprint("fix-", p.ID), "main", "Ann"
	return p
}
