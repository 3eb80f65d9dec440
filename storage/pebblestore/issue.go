package pebblestore

import (
	"cmp"
	"context"
	"slices"

	"keytrail/storage"
	"keytrail/storage/commitgraph"
)

// Issue sums up what belongs to a key; see storage.Reader.
func (s *Store) Issue(ctx context.Context, key storage.IssueKey) (storage.Issue, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Issue{}, err
	}
	defer done()
	issue := storage.Issue{Key: key}
	linked := map[storage.RepositoryID][]ordinal{}
	var ends ends
	all := func(storage.RepositoryID, entry) bool { return true }
	err = v.runs(key, all, func(id storage.RepositoryID, run []entry) error {
		for _, e := range run {
			ends.add(posting{id, e})
			linked[id] = append(linked[id], e.ordinal)
		}
		return nil
	})
	if err != nil {
		return storage.Issue{}, err
	}
	if issue.Commits, err = v.distinct(linked); err != nil {
		return storage.Issue{}, err
	}
	if err := v.bounds(&issue, &ends); err != nil {
		return storage.Issue{}, err
	}
	named, err := v.branchesNamed(key)
	if err != nil {
		return storage.Issue{}, err
	}
	for id, commits := range linked {
		issue.Repositories = append(issue.Repositories, storage.IssueRepository{Repository: id, Commits: int64(len(commits))})
		if err := v.refsOf(&issue, id, commits, named); err != nil {
			return storage.Issue{}, err
		}
	}
	for _, ref := range named {
		issue.Branches = append(issue.Branches, *ref)
	}
	slices.SortFunc(issue.Repositories, func(a, b storage.IssueRepository) int { return cmp.Compare(a.Repository, b.Repository) })
	byRef := func(a, b storage.IssueRef) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(issue.Branches, byRef)
	slices.SortFunc(issue.Tags, byRef)
	issue.PullRequests, err = v.pullsOf(key)
	return issue, err
}

// distinct counts commits, those of several repositories once.
func (v view) distinct(linked map[storage.RepositoryID][]ordinal) (int64, error) {
	if len(linked) == 1 {
		for _, commits := range linked {
			return int64(len(commits)), nil
		}
	}
	oids := map[storage.OID]struct{}{}
	for id, commits := range linked {
		for _, o := range commits {
			oid, err := v.oid(id, o)
			if err != nil {
				return 0, err
			}
			oids[oid] = struct{}{}
		}
	}
	return int64(len(oids)), nil
}

// ends collects the postings of the newest and of the oldest second.
type ends struct{ newest, oldest []posting }

func (e *ends) add(p posting) {
	if len(e.newest) > 0 && p.seconds > e.newest[0].seconds {
		e.newest = e.newest[:0]
	}
	if len(e.newest) == 0 || p.seconds == e.newest[0].seconds {
		e.newest = append(e.newest, p)
	}
	if len(e.oldest) > 0 && p.seconds < e.oldest[0].seconds {
		e.oldest = e.oldest[:0]
	}
	if len(e.oldest) == 0 || p.seconds == e.oldest[0].seconds {
		e.oldest = append(e.oldest, p)
	}
}

// bounds tells who committed first and last in the order of answers, which within a second is that of object ids.
func (v view) bounds(issue *storage.Issue, e *ends) error {
	if len(e.newest) == 0 {
		return nil
	}
	greatest, err := v.withOIDs(e.oldest)
	if err != nil {
		return err
	}
	least, err := v.withOIDs(e.newest)
	if err != nil {
		return err
	}
	byOID := func(a, b found) int { return a.oid.Compare(b.oid) }
	first, last := slices.MaxFunc(greatest, byOID), slices.MinFunc(least, byOID)
	oldest, err := v.commit(first.repository, first.ordinal)
	if err != nil {
		return err
	}
	newest, err := v.commit(last.repository, last.ordinal)
	issue.First, issue.Last = oldest.Committer, newest.Committer
	return err
}

func (v view) withOIDs(postings []posting) ([]found, error) {
	out := make([]found, len(postings))
	for i, p := range postings {
		oid, err := v.oid(p.repository, p.ordinal)
		if err != nil {
			return nil, err
		}
		out[i] = found{p, oid}
	}
	return out, nil
}

// branchKey names a branch of a repository.
type branchKey struct {
	repository storage.RepositoryID
	name       string
}

// branchesNamed gives the branches that carry a key in their name.
func (v view) branchesNamed(key storage.IssueKey) (map[branchKey]*storage.IssueRef, error) {
	named := map[branchKey]*storage.IssueRef{}
	prefix := appendIssue([]byte{spaceBranchName}, key)
	err := scanRange(v.ctx, v, prefix, after(prefix), func(k, _ []byte) (bool, error) {
		id, ref := readRepository(k[len(prefix):]), string(k[len(prefix)+4:])
		if !isBranch(ref) {
			return true, nil
		}
		t, err := v.tipOf(id, ref)
		if err != nil || t == nil || t.kind == tipNothing {
			return err == nil, err
		}
		branch := storage.IssueRef{Repository: id, Name: ref[len(branchPrefix):], ByName: true}
		if branch.OID, err = v.oid(id, t.commit); err != nil {
			return false, err
		}
		named[branchKey{id, branch.Name}] = &branch
		return true, nil
	})
	return named, err
}

// refsOf adds the branches and tags of one repository that hold linked commits.
func (v view) refsOf(issue *storage.Issue, id storage.RepositoryID, commits []ordinal, named map[branchKey]*storage.IssueRef) error {
	rec, err := readRecord(v, id)
	if err != nil {
		return err
	}
	g, err := v.graph(&rec)
	if err != nil {
		return err
	}
	nodes := make([]commitgraph.Node, len(commits))
	for i, o := range commits {
		if nodes[i], err = g.node(o); err != nil {
			return err
		}
	}
	unmerged := nodes
	if g.defaultBranch != absent {
		merged := g.reachable(g.defaultBranch)
		unmerged = slices.DeleteFunc(slices.Clone(nodes), merged.Has)
	}
	inTags, inBranches := g.graph.ContainingAny(nodes), g.graph.ContainingAny(unmerged)
	for _, t := range g.tags {
		if inTags.At(t.node) != 0 {
			issue.Tags = append(issue.Tags, storage.IssueRef{Repository: id, Name: t.name, OID: t.oid, ByCommit: true})
		}
	}
	for _, b := range g.branches {
		if inBranches.At(b.node) == 0 {
			continue
		}
		ref := named[branchKey{id, b.name}]
		if ref == nil {
			ref = &storage.IssueRef{Repository: id, Name: b.name, OID: b.oid}
			named[branchKey{id, b.name}] = ref
		}
		ref.ByCommit = true
	}
	return nil
}
