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
	hits, err := v.hits(chosen)
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
	if err := v.runs(q.Key, s.mayHold, s.take); err != nil {
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

// runs calls fn for the runs of an issue's postings, repository by repository, save those that wanted declines by their first entry.
// The slice holds until fn returns.
func (v view) runs(key storage.IssueKey, wanted func(storage.RepositoryID, entry) bool, fn func(storage.RepositoryID, []entry) error) error {
	prefix := keyPostings(key)
	var run []entry
	return scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		id, first, err := readPlace(k[len(prefix):])
		if err != nil {
			return false, err
		}
		if !wanted(id, first) {
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
func (s *selection) mayHold(id storage.RepositoryID, first entry) bool {
	return first.seconds <= s.newest && (s.query.Repository == 0 || s.query.Repository == id)
}

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
	hits, err := v.hits([]posting{{id, entry{ordinal: o}}})
	if err != nil {
		return storage.Hit{}, err
	}
	return hits[0], nil
}

// hits reads what there is to tell about each selected commit.
func (v view) hits(selected []posting) ([]storage.Hit, error) {
	hits := make([]storage.Hit, len(selected))
	byRepository := map[storage.RepositoryID][]int{}
	for i, f := range selected {
		byRepository[f.repository] = append(byRepository[f.repository], i)
	}
	for id, at := range byRepository {
		rec, err := readRecord(v, id)
		if err != nil {
			return nil, err
		}
		for _, i := range at {
			if hits[i], err = v.hit(&rec, selected[i].ordinal); err != nil {
				return nil, err
			}
		}
		g, err := v.graph(&rec)
		if err != nil {
			return nil, err
		}
		commits := make([]ordinal, len(at))
		for j, i := range at {
			commits[j] = selected[i].ordinal
		}
		names, err := g.namesOf(commits)
		if err != nil {
			return nil, err
		}
		for j, i := range at {
			hits[i].Branches, hits[i].Tags = names[j].branches, names[j].tags
		}
	}
	return hits, nil
}

// hit reads one commit of a repository, all but the branches and tags that contain it.
func (v view) hit(rec *record, o ordinal) (storage.Hit, error) {
	c, err := v.commit(rec.ID, o)
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
	h.Keys = linked(c.Keys, notes)
	return h, nil
}

// commit reads a commit with its parents and the keys of its message.
func (v view) commit(id storage.RepositoryID, o ordinal) (storage.Commit, error) {
	m, parents, err := v.member(id, o)
	if err != nil {
		return storage.Commit{}, err
	}
	value, closer, err := fetch(v, keyNumbered(spaceTexts, id, o.block()))
	if err != nil {
		return storage.Commit{}, lost(err, id, o)
	}
	t, err := decodeText(value, o.slot())
	if err = errors.Join(err, closer.Close()); err != nil {
		return storage.Commit{}, err
	}
	if t.isLong {
		message, err := get(v, keyNumbered(spaceLongText, id, uint32(o)))
		if err != nil {
			return storage.Commit{}, lost(err, id, o)
		}
		t.message = string(message)
	}
	c := t.commit(&m)
	c.Parents = parents
	return c, nil
}

// lost is the error of reading what a commit should have.
func lost(err error, id storage.RepositoryID, o ordinal) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("%w: a row of commit %d of repository %d is missing", storage.ErrCorrupt, o, id)
	}
	return fmt.Errorf("read commit %d of repository %d: %w", o, id, err)
}

// member reads a member that is held, and the object ids of its parents, most of which are in its own block.
func (v view) member(id storage.RepositoryID, o ordinal) (member, []storage.OID, error) {
	value, closer, err := fetch(v, keyNumbered(spaceMembers, id, o.block()))
	if err != nil {
		return member{}, nil, lost(err, id, o)
	}
	m, parents, err := v.memberIn(value, id, o)
	return m, parents, errors.Join(err, closer.Close())
}

func (v view) memberIn(value []byte, id storage.RepositoryID, o ordinal) (m member, parents []storage.OID, err error) {
	var b memberBlock
	if err := b.open(firstOf(o.block()), value); err != nil {
		return member{}, nil, err
	}
	if !b.holds(o.slot()) {
		return member{}, nil, notHeld(id, o)
	}
	if m, err = b.member(o.slot()); err != nil {
		return member{}, nil, err
	}
	parents = m.cut
	for _, p := range m.parents {
		var oid storage.OID
		if p.block() == o.block() && b.holds(p.slot()) {
			oid = b.oid(p.slot())
		} else if oid, err = v.oid(id, p); err != nil {
			return member{}, nil, err
		}
		parents = append(parents, oid)
	}
	return m, parents, nil
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
