package pebblestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// view is one reader's consistent sight of the index.
type view struct {
	*pebble.Snapshot
	store *Store
	ctx   context.Context
}

func (s *Store) view(ctx context.Context) (v view, done func(), err error) {
	release, err := s.use()
	if err != nil {
		return view{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		release()
		return view{}, nil, err
	}
	v = view{Snapshot: s.db.NewSnapshot(), store: s, ctx: ctx}
	return v, func() {
		if err := v.Close(); err != nil {
			s.log.Error().Err(err).Msg("a snapshot of the index did not close")
		}
		release()
	}, nil
}

// posting is an entry and whose it is.
type posting struct {
	repository storage.RepositoryID
	entry
}

// found is a posting that a query selects.
type found struct {
	posting
	oid storage.OID
}

func (f found) position() storage.Position {
	return storage.Position{Seconds: f.seconds, OID: f.oid, Repository: f.repository}
}

// Commits answers one page of an issue's commits; see storage.Reader.
func (s *Store) Commits(ctx context.Context, q storage.CommitQuery) (storage.CommitPage, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.CommitPage{}, err
	}
	defer done()
	if q.Repository != 0 {
		if _, err := readRecord(v, q.Repository); err != nil {
			return storage.CommitPage{}, err
		}
	}
	limit := q.Limit
	if limit <= 0 || limit > storage.MaxLimit {
		limit = storage.MaxLimit
	}
	chosen, err := v.find(q, limit+1)
	if err != nil {
		return storage.CommitPage{}, err
	}
	hits, err := v.hits(chosen, q.Plain)
	if err != nil {
		return storage.CommitPage{}, err
	}
	slices.SortFunc(hits, func(a, b storage.Hit) int { return a.Position().Compare(b.Position()) })
	page := storage.CommitPage{Hits: hits}
	if len(hits) > limit {
		page.Hits = hits[:limit]
		next := hits[limit-1].Position()
		page.Next = &next
	}
	return page, nil
}

// find selects up to n postings, the first in the order of positions. They come in any order.
func (v view) find(q storage.CommitQuery, n int) ([]posting, error) {
	s := selection{view: v, query: q, n: n, oldest: math.MinInt64, newest: math.MaxInt64}
	if !s.bound() {
		return nil, nil
	}
	s.reach = refFilter{view: v, ref: q.Ref}
	within := q.Within
	if q.Repository != 0 {
		if !within.Has(q.Repository) {
			return nil, nil
		}
		within = storage.Scope{q.Repository}
	}
	if err := v.runs(q.Key, within, s.mayHold, s.take); err != nil {
		return nil, err
	}
	if s.prune(); len(s.chosen) <= n {
		return s.chosen, nil
	}
	all, err := v.withOIDs(s.chosen)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found) int { return a.position().Compare(b.position()) })
	for i := range n {
		s.chosen[i] = all[i].posting
	}
	return s.chosen[:n], nil
}

// runs calls fn for the runs of an issue's postings in the scope, repository by repository, save those that wanted declines by their first
// entry. The slice holds until fn returns.
func (v view) runs(key storage.IssueKey, within storage.Scope, wanted func(entry) bool, fn func(storage.RepositoryID, []entry) error) error {
	var run []entry
	return v.scanWithin(keyPostings(key), within, func(place, value []byte) (bool, error) {
		id, first, err := readPlace(place)
		if err != nil {
			return false, err
		}
		if !wanted(first) {
			return true, nil
		}
		if run, err = decodeRun(run[:0], first, value); err != nil {
			return false, err
		}
		return true, fn(id, run)
	})
}

// selection chooses the newest n postings of those that a query asks for.
type selection struct {
	view           view
	query          storage.CommitQuery
	n              int
	oldest, newest int64 // seconds that may be chosen
	reach          refFilter
	chosen         []posting
	most           int // chosen before they are pruned
}

// bound works out which seconds a query asks for; false when there are none.
func (s *selection) bound() bool {
	if !s.query.Until.IsZero() {
		last, ok := secondBefore(s.query.Until)
		if !ok {
			return false
		}
		s.newest = last
	}
	if !s.query.Since.IsZero() {
		if before, ok := secondBefore(s.query.Since); ok {
			if before == math.MaxInt64 {
				return false
			}
			s.oldest = before + 1
		}
	}
	if s.query.After != nil {
		s.newest = min(s.newest, s.query.After.Seconds)
	}
	return s.oldest <= s.newest
}

// mayHold tells by its first entry, the oldest, whether a run is worth reading.
func (s *selection) mayHold(first entry) bool { return first.seconds <= s.newest }

// take chooses from a run.
func (s *selection) take(id storage.RepositoryID, run []entry) error {
	for _, e := range run {
		if e.seconds < s.oldest || e.seconds > s.newest {
			continue
		}
		p := posting{id, e}
		if s.query.Ref != "" {
			if has, err := s.reach.has(p); err != nil {
				return err
			} else if !has {
				continue
			}
		}
		if s.query.After != nil && e.seconds == s.query.After.Seconds {
			oid, err := s.view.oid(id, e.ordinal)
			if err != nil {
				return err
			}
			if (found{p, oid}).position().Compare(*s.query.After) <= 0 {
				continue
			}
		}
		s.chosen = append(s.chosen, p)
	}
	if len(s.chosen) > s.most {
		s.prune()
		s.most = 2*len(s.chosen) + 4*maxRun // many may be of one second, and stay
	}
	return nil
}

// prune leaves the newest n, and those as old as the last of them: which of these come first their object ids decide.
func (s *selection) prune() {
	if len(s.chosen) <= s.n {
		return
	}
	slices.SortFunc(s.chosen, func(a, b posting) int { return cmp.Compare(b.seconds, a.seconds) })
	last := s.chosen[s.n-1].seconds
	end := s.n
	for end < len(s.chosen) && s.chosen[end].seconds == last {
		end++
	}
	s.chosen = s.chosen[:end]
	s.oldest = last
}

// oid reads a commit's object id.
func (v view) oid(id storage.RepositoryID, o ordinal) (storage.OID, error) { return readOID(v, id, o) }

// Commit gives one commit as a repository holds it; see storage.Reader.
func (s *Store) Commit(ctx context.Context, id storage.RepositoryID, oid storage.OID) (storage.Hit, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Hit{}, err
	}
	defer done()
	bits, err := readOIDBits(v, id)
	if err != nil {
		return storage.Hit{}, err
	}
	o, isHeld, err := find(v, id, bits, &oid)
	if err != nil {
		return storage.Hit{}, err
	}
	if !isHeld {
		return storage.Hit{}, fmt.Errorf("commit %s in repository %d: %w", oid, id, storage.ErrNotFound)
	}
	hits, err := v.hits([]posting{{id, entry{ordinal: o}}}, false)
	if err != nil {
		return storage.Hit{}, err
	}
	return hits[0], nil
}

// hits reads what there is to tell about each selected commit, of branches and tags unless it is to be plain.
func (v view) hits(selected []posting, isPlain bool) ([]storage.Hit, error) {
	hits := make([]storage.Hit, len(selected))
	var rec record
	var graph *repositoryGraph
	of := map[*repositoryGraph][]int{}
	err := v.eachOf(selected, func(i int, r *commitReader) (err error) {
		if rec.ID != r.id {
			if rec, err = readRecord(v, r.id); err != nil {
				return err
			}
			if !isPlain {
				if graph, err = v.graph(&rec); err != nil {
					return err
				}
			}
		}
		if !isPlain {
			of[graph] = append(of[graph], i)
		}
		hits[i], err = v.hit(r, &rec, selected[i].ordinal)
		return err
	})
	if err != nil {
		return nil, err
	}
	for graph, at := range of {
		commits := make([]ordinal, len(at))
		for j, i := range at {
			commits[j] = selected[i].ordinal
		}
		names, err := graph.namesOf(commits)
		if err != nil {
			return nil, err
		}
		for j, i := range at {
			names[j].tell(&hits[i])
		}
	}
	return hits, nil
}

// hit reads one commit of a repository, all but the branches and tags that contain it.
func (v view) hit(r *commitReader, rec *record, o ordinal) (storage.Hit, error) {
	c, err := r.commit(o)
	if err != nil {
		return storage.Hit{}, err
	}
	h := storage.Hit{Commit: c, Repository: rec.ID}
	notes, err := readNotes(v.ctx, v, rec, c.OID)
	if err != nil {
		return storage.Hit{}, err
	}
	if len(notes) > 0 {
		h.Notes = make(map[string]string, len(notes))
		for _, n := range notes {
			h.Notes[n.Ref] = n.Text
		}
	}
	decided, err := v.verdicts(c.OID)
	h.Keys = linked(c.Keys, notes, decided)
	return h, err
}

// tipOf resolves a ref name, full or short, in a repository; nil when there is no such ref.
func (v view) tipOf(id storage.RepositoryID, name string) (*tipRow, error) {
	for _, ref := range []string{name, branchPrefix + name, tagPrefix + name} {
		value, err := get(v, keyTip(id, ref))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read ref %q: %w", ref, err)
		}
		t, err := decodeTip(value)
		return &t, err
	}
	return nil, nil
}

// secondBefore gives the last whole second before an instant; not ok when there is none.
func secondBefore(t time.Time) (seconds int64, ok bool) {
	if t.Nanosecond() > 0 {
		return t.Unix(), true
	}
	return t.Unix() - 1, t.Unix() > math.MinInt64
}
