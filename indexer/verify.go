package indexer

import (
	"context"
	"fmt"
	"slices"

	"keytrail/storage"
)

// VerifyDeep compares the index of each repository with its mirror, read anew from the tips in the index: the same
// commits, the same keys, the same notes. It asks no host. progress is called with the name of each repository.
func (x *Indexer) VerifyDeep(ctx context.Context, progress func(name string), report func(storage.Problem)) error {
	for _, t := range x.snapshot() {
		rec, err := x.store.Repository(ctx, t.id)
		if err != nil {
			return err
		}
		if rec.Version == 0 {
			continue
		}
		progress(rec.Name)
		if err := x.verifyRepository(ctx, t, rec, report); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			report(storage.Problem{Repository: t.id, Text: fmt.Sprintf("it cannot be compared: %v", err)})
		}
	}
	return nil
}

func (x *Indexer) verifyRepository(ctx context.Context, t *target, rec storage.Repository, report func(storage.Problem)) error {
	t.busy.Lock()
	defer t.busy.Unlock()
	source, err := x.open(t)
	if err != nil {
		return err
	}
	rules := x.rules.Load()
	if rec.Rules != rules.Fingerprint() {
		report(storage.Problem{Repository: t.id, Text: "it was indexed by other key rules; the next look indexes it anew"})
		return nil
	}
	j := &job{x: x, t: t, source: source, rules: rules, rec: rec}
	var tips []storage.OID
	var notes []storage.Tip
	for tip, err := range x.store.Tips(ctx, t.id) {
		if err != nil {
			return err
		}
		switch {
		case t.Refspecs.IsNotes(tip.Ref):
			notes = append(notes, tip)
		case !tip.Commit.IsZero():
			tips = append(tips, tip.Commit)
		}
	}
	if err := j.verifyCommits(ctx, tips, report); err != nil {
		return err
	}
	return j.verifyNotes(ctx, notes, report)
}

func (j *job) verifyCommits(ctx context.Context, tips []storage.OID, report func(storage.Problem)) error {
	indexed := make(map[storage.OID][]storage.IssueKey, j.rec.Commits)
	for m, err := range j.x.store.Members(ctx, j.t.id) {
		if err != nil {
			return err
		}
		indexed[m.OID] = m.Keys
	}
	problem := func(format string, args ...any) {
		report(storage.Problem{Repository: j.t.id, Text: fmt.Sprintf(format, args...)})
	}
	for commits, err := range j.source.Walk(ctx, tips, nil, j.appendKeys) {
		if err != nil {
			return err
		}
		for _, c := range commits {
			keys, ok := indexed[c.OID]
			if !ok {
				problem("commit %s is reached by a tip and missing in the index", c.OID)
				continue
			}
			delete(indexed, c.OID)
			if !slices.Equal(c.Keys, keys) {
				problem("commit %s has the keys %v and is indexed with %v", c.OID, c.Keys, keys)
			}
		}
	}
	for oid := range indexed {
		problem("commit %s is in the index and reached by no tip", oid)
	}
	return nil
}

func (j *job) verifyNotes(ctx context.Context, tips []storage.Tip, report func(storage.Problem)) error {
	type place struct {
		ref    string
		object storage.OID
	}
	indexed := map[place]storage.Note{}
	for n, err := range j.x.store.NotesOf(ctx, j.t.id) {
		if err != nil {
			return err
		}
		indexed[place{n.Ref, n.Object}] = n
	}
	problem := func(format string, args ...any) {
		report(storage.Problem{Repository: j.t.id, Text: fmt.Sprintf(format, args...)})
	}
	for _, tip := range tips {
		notes, _, err := j.source.Notes(ctx, tip.Ref, storage.OID{}, tip.OID)
		if err != nil {
			return err
		}
		for _, n := range notes {
			at := place{tip.Ref, n.Object}
			has, ok := indexed[at]
			delete(indexed, at)
			if !ok || has.Text != n.Text || !slices.Equal(has.Keys, j.appendKeys(nil, n.Text)) {
				problem("the note of %s on %s differs from the one in the index", tip.Ref, n.Object)
			}
		}
	}
	for at := range indexed {
		problem("the index has a note of %s on %s that is gone", at.ref, at.object)
	}
	return nil
}
