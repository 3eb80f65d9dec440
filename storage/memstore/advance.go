package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"keytrail/storage"
)

// Advance moves a repository to new tips; see storage.Advance.
//
// The commits are read before the writer's turn is taken, so that their source may ask the index meanwhile.
func (s *Store) Advance(ctx context.Context, a storage.Advance) (storage.Advanced, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Advanced{}, err
	}
	if _, err := st.repository(a.Repository); err != nil {
		return storage.Advanced{}, err
	}
	given, err := gather(ctx, a.Commits)
	if err != nil {
		return storage.Advanced{}, err
	}
	var done storage.Advanced
	err = s.change(ctx, func(next *state) error {
		old, err := next.repository(a.Repository)
		if err != nil {
			return err
		}
		r, err := old.advance(a, given)
		if err != nil {
			return fmt.Errorf("advance repository %d: %w", a.Repository, err)
		}
		done = r.account(a, old)
		next.repositories[r.ID] = r
		next.feed.first, next.feed.anew = old.SeenAt.IsZero(), a.Reset
		return nil
	})
	return done, err
}

func gather(ctx context.Context, commits iter.Seq2[storage.Commit, error]) (history, error) {
	given := history{}
	if commits == nil {
		return given, nil
	}
	for c, err := range commits {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, twice := given[c.OID]; !twice {
			given[c.OID] = clone(c)
		}
	}
	return given, nil
}

// advance builds what the repository becomes, all but the counts and times of its record.
func (r *repository) advance(a storage.Advance, given history) (*repository, error) {
	next := &repository{
		Repository: r.Repository, tips: map[string]storage.Tip{}, commits: history{}, notes: map[noteName]storage.Note{},
		pulls: r.pulls, cursor: r.cursor, verdicts: r.verdicts,
	}
	known := history{}
	maps.Copy(known, given)
	if !a.Reset {
		maps.Copy(next.tips, r.tips)
		maps.Copy(next.notes, r.notes)
		maps.Copy(known, r.commits) // after given: a commit that is held stays as it is
	}
	if err := next.moveTips(a.Tips); err != nil {
		return nil, err
	}
	var from []storage.OID
	for _, t := range next.tips {
		if !t.Commit.IsZero() {
			from = append(from, t.Commit)
		}
	}
	reached, err := known.reachable(from...)
	if err != nil {
		return nil, err
	}
	for oid := range reached {
		next.commits[oid] = known[oid]
	}
	for _, u := range a.Notes {
		next.changeNotes(u)
	}
	return next, nil
}

func (r *repository) moveTips(changes []storage.TipChange) error {
	seen := map[string]bool{}
	for _, t := range changes {
		if seen[t.Ref] {
			return fmt.Errorf("ref %q is given twice in one advance", t.Ref)
		}
		seen[t.Ref] = true
		stored := r.tips[t.Ref].OID
		if stored != t.OID && stored != t.Old {
			return fmt.Errorf("%w: ref %q is at %s in the index, not at %s", storage.ErrStale, t.Ref, stored, t.Old)
		}
		if t.OID.IsZero() {
			delete(r.tips, t.Ref)
			continue
		}
		tip := t.Tip
		tip.Keys = slices.Clone(t.Keys)
		r.tips[t.Ref] = tip
	}
	return nil
}

func (r *repository) changeNotes(u storage.NotesUpdate) {
	if u.Reset {
		maps.DeleteFunc(r.notes, func(name noteName, _ storage.Note) bool { return name.ref == u.Ref })
	}
	for _, n := range u.Changes {
		name := noteName{object: n.Object, ref: u.Ref}
		if n.Deleted {
			delete(r.notes, name)
			continue
		}
		n.Ref, n.Keys = u.Ref, slices.Clone(n.Keys)
		r.notes[name] = n
	}
}

// account brings the record up to date and tells how the repository differs from what it was.
func (r *repository) account(a storage.Advance, old *repository) storage.Advanced {
	links, oldLinks := r.links(), old.links()
	done := storage.Advanced{
		CommitsAdded:    lacking(r.commits, old.commits),
		CommitsDropped:  lacking(old.commits, r.commits),
		PostingsAdded:   lacking(links, oldLinks),
		PostingsDropped: lacking(oldLinks, links),
		TipsChanged:     int(lacking(old.tips, r.tips)),
	}
	r.Repository.Tips, r.NoCommit = len(r.tips), 0
	for ref, t := range r.tips {
		if t.Commit.IsZero() {
			r.NoCommit++
		}
		if !equalTips(t, old.tips[ref]) {
			done.TipsChanged++
		}
	}
	r.Commits, r.Postings = int64(len(r.commits)), int64(len(links))

	notesChanged := !maps.EqualFunc(r.notes, old.notes, equalNotes)
	if done != (storage.Advanced{}) || notesChanged || a.Reset || a.DefaultBranch != old.DefaultBranch {
		r.IndexedAt = a.SeenAt
	}
	r.DefaultBranch, r.Rules, r.SeenAt = a.DefaultBranch, a.Rules, a.SeenAt
	r.Failure = storage.Failure{}
	r.Version++
	return done
}

// lacking counts the keys of one map that another one lacks.
func lacking[K comparable, V, W any](of map[K]V, in map[K]W) int64 {
	var n int64
	for k := range of {
		if _, ok := in[k]; !ok {
			n++
		}
	}
	return n
}

func equalTips(a, b storage.Tip) bool {
	return a.OID == b.OID && a.Commit == b.Commit && slices.Equal(a.Keys, b.Keys)
}

func equalNotes(a, b storage.Note) bool {
	return a.Text == b.Text && slices.Equal(a.Keys, b.Keys)
}
