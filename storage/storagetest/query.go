package storagetest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"keytrail/storage"
)

// byID finds a repository that the index knows.
func (w *World) byID(id storage.RepositoryID) *hosted {
	return w.hosted[slices.IndexFunc(w.hosted, func(h *hosted) bool { return h.id == id })]
}

// query makes a question about something that there is, or nearly.
func (w *World) query() storage.CommitQuery {
	q := storage.CommitQuery{Key: pick(w, issueKeys()), Limit: w.choose(7), Within: w.scope(), Plain: w.oneIn(4)}
	h := pick(w, w.hosted)
	if w.oneIn(3) {
		q.Repository = h.id
	}
	if refs := slices.Sorted(maps.Keys(h.refs)); len(refs) > 0 && w.oneIn(3) {
		q.Ref = pick(w, refs)
		if w.oneIn(2) {
			q.Ref = strings.TrimPrefix(strings.TrimPrefix(q.Ref, "refs/heads/"), "refs/tags/")
		}
	}
	if len(w.commits) == 0 {
		return q
	}
	if w.oneIn(3) {
		q.Since = w.someTime()
	}
	if w.oneIn(3) {
		q.Until = w.someTime()
	}
	if w.oneIn(3) {
		c := pick(w, w.commits)
		q.After = &storage.Position{Seconds: c.Committer.Seconds, OID: c.OID, Repository: h.id}
	}
	return q
}

// scope narrows one question in two to some repositories, or to none.
func (w *World) scope() storage.Scope {
	if w.oneIn(2) {
		return nil
	}
	scope := storage.Scope{}
	for id := range storage.RepositoryID(len(w.hosted) + 2) {
		if w.oneIn(2) {
			scope = append(scope, id)
		}
	}
	return scope
}

// someTime gives a time at a commit's or just behind it.
func (w *World) someTime() time.Time {
	return time.Unix(pick(w, w.commits).Committer.Seconds, int64(w.choose(2)))
}
