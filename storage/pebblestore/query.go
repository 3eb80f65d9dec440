package pebblestore

import (
	"bytes"
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
	hits, err := v.find(q, limit+1)
	if err != nil {
		return storage.CommitPage{}, err
	}
	var page storage.CommitPage
	if len(hits) > limit {
		hits = hits[:limit]
		next := hits[limit-1].position()
		page.Next = &next
	}
	page.Hits, err = v.hits(hits)
	return page, err
}

// find selects up to n postings in the order of positions. The index has them by second; within one they are sorted here.
func (v view) find(q storage.CommitQuery, n int) ([]found, error) {
	prefix := keyPostings(q.Key)
	lower, upper := prefix, after(prefix)
	if !q.Until.IsZero() {
		last, ok := secondBefore(q.Until)
		if !ok {
			return nil, nil
		}
		lower = appendNewestFirst(slices.Clone(prefix), last)
	}
	if !q.Since.IsZero() {
		before, ok := secondBefore(q.Since)
		if ok {
			upper = appendNewestFirst(slices.Clone(prefix), before)
		}
	}
	if q.After != nil {
		from := appendNewestFirst(slices.Clone(prefix), q.After.Seconds)
		if bytes.Compare(from, lower) > 0 {
			lower = from
		}
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil, nil
	}
	var out, tie []found
	flush := func() {
		slices.SortFunc(tie, func(a, b found) int { return a.position().Compare(b.position()) })
		out = append(out, tie...)
		tie = tie[:0]
	}
	reach := refFilter{view: v, ref: q.Ref}
	err := scanRange(v.ctx, v, lower, upper, func(k, _ []byte) (bool, error) {
		p, err := readPostingTail(k[len(prefix):])
		if err != nil {
			return false, err
		}
		if len(tie) > 0 && p.seconds != tie[0].seconds {
			if flush(); len(out) >= n {
				return false, nil
			}
		}
		if q.Repository != 0 && p.repository != q.Repository {
			return true, nil
		}
		if q.Ref != "" {
			if ok, err := reach.has(p); err != nil || !ok {
				return err == nil, err
			}
		}
		f := found{posting: p}
		if f.oid, err = v.oid(p.ordinal); err != nil {
			return false, err
		}
		if q.After == nil || f.position().Compare(*q.After) > 0 {
			tie = append(tie, f)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	flush()
	return out[:min(n, len(out))], nil
}

// oid reads a commit's object id.
func (v view) oid(o ordinal) (storage.OID, error) {
	value, closer, err := v.Get(keyCommit(o))
	if err != nil {
		return storage.OID{}, fmt.Errorf("%w: commit %d: %w", storage.ErrCorrupt, o, err)
	}
	defer closer.Close()
	oid, _, err := decodeCommitHead(value)
	return oid, err
}

// Commit gives one commit as a repository holds it; see storage.Reader.
func (s *Store) Commit(ctx context.Context, id storage.RepositoryID, oid storage.OID) (storage.Hit, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Hit{}, err
	}
	defer done()
	if _, err := readRecord(v, id); err != nil {
		return storage.Hit{}, err
	}
	o, err := lookUpOrdinal(v, oid)
	if err != nil {
		return storage.Hit{}, err
	}
	if o != 0 {
		has, err := hasMember(v, id, o)
		if err != nil {
			return storage.Hit{}, err
		}
		if has {
			hits, err := v.hits([]found{{posting: posting{ordinal: o, repository: id}, oid: oid}})
			if err != nil {
				return storage.Hit{}, err
			}
			return hits[0], nil
		}
	}
	return storage.Hit{}, fmt.Errorf("commit %s in repository %d: %w", oid, id, storage.ErrNotFound)
}

// hits reads what there is to tell about each selected commit.
func (v view) hits(selected []found) ([]storage.Hit, error) {
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
		if err := g.nameRefs(selected, at, hits); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

// hit reads one commit of a repository, all but the branches and tags that contain it.
func (v view) hit(rec *record, o ordinal) (storage.Hit, error) {
	c, err := readCommit(v, o)
	if err != nil {
		return storage.Hit{}, err
	}
	value, err := get(v, keyMember(rec.ID, o))
	if err != nil {
		return storage.Hit{}, fmt.Errorf("%w: member %d of repository %d: %w", storage.ErrCorrupt, o, rec.ID, err)
	}
	m, err := decodeRow(o, value)
	if err != nil {
		return storage.Hit{}, err
	}
	c.Shallow, c.Parents = m.shallow, m.cut
	for _, p := range m.parents {
		oid, err := v.oid(p)
		if err != nil {
			return storage.Hit{}, err
		}
		c.Parents = append(c.Parents, oid)
	}
	h := storage.Hit{Commit: c, Repository: rec.ID}
	var notes []storage.Note
	if rec.Notes > 0 {
		prefix := keyNotes(rec.ID, c.OID)
		err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
			n, err := decodeNote(k, value)
			notes = append(notes, n)
			return err == nil, err
		})
		if err != nil {
			return storage.Hit{}, err
		}
	}
	if len(notes) > 0 {
		h.Notes = make(map[string]string, len(notes))
		for _, n := range notes {
			h.Notes[n.Ref] = n.Text
		}
	}
	h.Keys = linked(m.keys, notes)
	return h, nil
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

func sortPostings(p []storage.Posting) {
	slices.SortFunc(p, func(a, b storage.Posting) int {
		return cmp.Or(a.OID.Compare(b.OID), cmp.Compare(a.Repository, b.Repository))
	})
}

// secondBefore gives the last whole second before an instant; not ok when there is none.
func secondBefore(t time.Time) (seconds int64, ok bool) {
	if t.Nanosecond() > 0 {
		return t.Unix(), true
	}
	return t.Unix() - 1, t.Unix() > math.MinInt64
}
