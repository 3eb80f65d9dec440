package pebblestore

import (
	"cmp"
	"context"
	"slices"

	"keytrail/storage"
)

// Issue sums up what belongs to a key; see storage.Reader.
func (s *Store) Issue(ctx context.Context, q storage.IssueQuery) (storage.Issue, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.Issue{}, err
	}
	defer done()
	issue := storage.Issue{Key: q.Key}
	linked, err := v.linked(q.Key, q.Within)
	if err != nil {
		return storage.Issue{}, err
	}
	if issue.Commits, err = v.distinct(linked); err != nil {
		return storage.Issue{}, err
	}
	if err := v.bounds(&issue, linked); err != nil {
		return storage.Issue{}, err
	}
	named, err := v.branchesNamed(q.Key, q.Within)
	if err != nil {
		return storage.Issue{}, err
	}
	for len(linked) > 0 || len(named) > 0 {
		var of issueRefs
		of, linked, named = nextRefs(linked, named)
		if err := of.tell(v, &q, &issue); err != nil {
			return storage.Issue{}, err
		}
	}
	issue.PullRequests, err = v.pullsOf(q.Key, q.Within)
	return issue, err
}

// linked gives an issue's postings in the scope, repository by repository, the oldest first.
func (v view) linked(key storage.IssueKey, within storage.Scope) (postings []posting, err error) {
	all := func(entry) bool { return true }
	err = v.runs(key, within, all, func(id storage.RepositoryID, run []entry) error {
		for _, e := range run {
			postings = append(postings, posting{id, e})
		}
		return nil
	})
	return postings, err
}

// ofFirst counts how many postings belong to the repository of the first one.
func ofFirst(linked []posting) int {
	if n := slices.IndexFunc(linked, func(p posting) bool { return p.repository != linked[0].repository }); n >= 0 {
		return n
	}
	return len(linked)
}

// distinct counts commits, those of several repositories once.
func (v view) distinct(linked []posting) (int64, error) {
	if len(linked) == 0 || ofFirst(linked) == len(linked) {
		return int64(len(linked)), nil
	}
	oids := make(map[storage.OID]struct{}, len(linked))
	err := v.eachOf(linked, func(i int, r *commitReader) error {
		oid, err := r.oid(linked[i].ordinal)
		oids[oid] = struct{}{}
		return err
	})
	return int64(len(oids)), err
}

// bounds tells who committed first and last in the order of answers, which within a second is that of object ids.
func (v view) bounds(issue *storage.Issue, linked []posting) error {
	if len(linked) == 0 {
		return nil
	}
	var oldest, newest []posting
	for _, p := range linked {
		oldest = keepEnd(oldest, p, -1)
		newest = keepEnd(newest, p, +1)
	}
	greatest, err := v.withOIDs(oldest)
	if err != nil {
		return err
	}
	least, err := v.withOIDs(newest)
	if err != nil {
		return err
	}
	byOID := func(a, b found) int { return a.oid.Compare(b.oid) }
	ends := []posting{slices.MaxFunc(greatest, byOID).posting, slices.MinFunc(least, byOID).posting}
	committers := []*storage.Signature{&issue.First, &issue.Last}
	return v.eachOf(ends, func(i int, r *commitReader) error {
		c, err := r.commit(ends[i].ordinal)
		*committers[i] = c.Committer
		return err
	})
}

// keepEnd adds a posting to those of one end, the oldest second with the direction -1 and the newest with +1, or drops which are not.
func keepEnd(end []posting, p posting, direction int) []posting {
	if len(end) > 0 {
		switch direction * cmp.Compare(p.seconds, end[0].seconds) {
		case -1:
			return end
		case +1:
			end = end[:0]
		}
	}
	return append(end, p)
}

// issueRefs is what an issue has in one repository: postings, and branches named after it.
type issueRefs struct {
	repository storage.RepositoryID
	linked     []posting
	named      []storage.IssueRef
}

// nextRefs cuts what lies in the first repository off; both lists are in the order of repositories, and one of them is not empty.
func nextRefs(linked []posting, named []storage.IssueRef) (of issueRefs, moreLinked []posting, moreNamed []storage.IssueRef) {
	switch {
	case len(linked) == 0:
		of.repository = named[0].Repository
	case len(named) == 0:
		of.repository = linked[0].repository
	default:
		of.repository = min(linked[0].repository, named[0].Repository)
	}
	if len(linked) > 0 && linked[0].repository == of.repository {
		n := ofFirst(linked)
		of.linked, linked = linked[:n], linked[n:]
	}
	n := 0
	for n < len(named) && named[n].Repository == of.repository {
		n++
	}
	of.named, named = named[:n:n], named[n:]
	return of, linked, named
}

// tell adds the repository, its branches and its tags to an issue.
func (of *issueRefs) tell(v view, q *storage.IssueQuery, issue *storage.Issue) error {
	branches := of.named
	if len(of.linked) > 0 || q.Compare {
		rec, err := readRecord(v, of.repository)
		if err != nil {
			return err
		}
		g, err := v.graph(&rec)
		if err != nil {
			return err
		}
		if len(of.linked) > 0 {
			issue.Repositories = append(issue.Repositories, storage.IssueRepository{Repository: of.repository, Commits: int64(len(of.linked))})
			holding, err := g.holding(of.linked)
			if err != nil {
				return err
			}
			issue.Tags = append(issue.Tags, of.tagsOf(g, holding)...)
			branches = of.branchesOf(g, holding)
		}
		if q.Compare {
			if err := g.compare(v.ctx, branches); err != nil {
				return err
			}
		}
	}
	issue.Branches = append(issue.Branches, branches...)
	return nil
}

// tagsOf gives the tags that contain one of the commits.
func (of *issueRefs) tagsOf(g *repositoryGraph, h *holding) (tags []storage.IssueRef) {
	for i, t := range g.tags {
		if h.tags[i] {
			tags = append(tags, storage.IssueRef{Repository: of.repository, Name: t.name, OID: t.oid, ByCommit: true})
		}
	}
	return tags
}

// branchesOf gives the branches that are named after the issue, and those that hold one of the commits that the default branch lacks.
func (of *issueRefs) branchesOf(g *repositoryGraph, h *holding) (branches []storage.IssueRef) {
	named := of.named // sorted by name, as the graph's are
	for i, b := range g.branches {
		ref := storage.IssueRef{Repository: of.repository, Name: b.name, OID: b.oid, ByCommit: h.branches[i]}
		if len(named) > 0 && named[0].Name == b.name {
			ref.ByName, named = true, named[1:]
		}
		if ref.ByName || ref.ByCommit {
			branches = append(branches, ref)
		}
	}
	return branches
}

// branchesNamed gives the branches in the scope that carry a key in their name, sorted by repository and name.
func (v view) branchesNamed(key storage.IssueKey, within storage.Scope) (named []storage.IssueRef, err error) {
	err = v.scanWithin(appendIssue([]byte{spaceBranchName}, key), within, func(place, _ []byte) (bool, error) {
		id, ref := readRepository(place), string(place[4:])
		if !isBranch(ref) {
			return true, nil
		}
		t, err := v.tipOf(id, ref)
		if err != nil || t == nil || t.kind == tipNothing {
			return err == nil, err
		}
		branch := storage.IssueRef{Repository: id, Name: ref[len(branchPrefix):], ByName: true}
		branch.OID, err = v.oid(id, t.commit)
		named = append(named, branch)
		return err == nil, err
	})
	return named, err
}

// pullsOf gives an issue's pull requests in the scope without their descriptions.
func (v view) pullsOf(key storage.IssueKey, within storage.Scope) (pulls []storage.PullRequest, err error) {
	prefix := keyPullsOfIssue(key)
	err = scanRange(v.ctx, v, prefix, after(prefix), func(k, _ []byte) (bool, error) {
		id, name, err := readPullOfIssue(k)
		if err != nil || !within.Has(id) {
			return err == nil, err
		}
		p, err := v.pullNamed(id, name)
		p.Description = ""
		pulls = append(pulls, p)
		return err == nil, err
	})
	return pulls, err
}
