package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"keytrail/storage"
)

// Issue sums up what belongs to a key; see storage.Reader.
func (s *Store) Issue(ctx context.Context, q storage.IssueQuery) (storage.Issue, error) {
	st, err := s.read(ctx)
	if err != nil {
		return storage.Issue{}, err
	}
	key := q.Key
	issue := storage.Issue{Key: key}
	distinct := map[storage.OID]bool{}
	found := st.find(storage.CommitQuery{Key: key, Within: q.Within})
	for _, p := range found {
		distinct[p.OID] = true
	}
	issue.Commits = int64(len(distinct))
	if len(found) > 0 {
		issue.Last, issue.First = st.committer(found[0]), st.committer(found[len(found)-1])
	}
	for _, r := range st.sorted() {
		if !q.Within.Has(r.ID) {
			continue
		}
		linked := r.linked(key)
		if len(linked) > 0 {
			issue.Repositories = append(issue.Repositories, storage.IssueRepository{Repository: r.ID, Commits: int64(len(linked))})
		}
		issue.Branches = append(issue.Branches, r.issueBranches(q, linked)...)
		issue.Tags = append(issue.Tags, r.issueTags(linked)...)
	}
	issue.PullRequests = slices.DeleteFunc(st.pulls(key), func(p storage.PullRequest) bool { return !q.Within.Has(p.Repository) })
	for i := range issue.PullRequests {
		issue.PullRequests[i].Description = ""
	}
	return issue, nil
}

func (st *state) committer(p storage.Position) storage.Signature {
	return st.repositories[p.Repository].commits[p.OID].Committer
}

// issueBranches gives the branches that are named after a key, or hold a linked commit that the default branch
// lacks. Without a known default branch all that hold a linked commit count.
func (r *repository) issueBranches(q storage.IssueQuery, linked []storage.OID) []storage.IssueRef {
	merged := r.reaches()[r.DefaultBranch]
	var found []storage.IssueRef
	for _, ref := range slices.Sorted(maps.Keys(r.tips)) {
		name, isBranch := strings.CutPrefix(ref, branchPrefix)
		t := r.tips[ref]
		if !isBranch || t.Commit.IsZero() {
			continue
		}
		reached := r.reach(t)
		b := storage.IssueRef{Repository: r.ID, Name: name, OID: t.Commit, ByName: slices.Contains(t.Keys, q.Key)}
		b.ByCommit = slices.ContainsFunc(linked, func(oid storage.OID) bool { return reached[oid] && !merged[oid] })
		if b.Compared = q.Compare && merged != nil; b.Compared {
			b.Ahead, b.Behind = int(lacking(reached, merged)), int(lacking(merged, reached))
		}
		if b.ByName || b.ByCommit {
			found = append(found, b)
		}
	}
	return found
}

// issueTags gives the tags that contain a linked commit.
func (r *repository) issueTags(linked []storage.OID) []storage.IssueRef {
	var found []storage.IssueRef
	for _, ref := range slices.Sorted(maps.Keys(r.tips)) {
		name, isTag := strings.CutPrefix(ref, tagPrefix)
		if !isTag {
			continue
		}
		t := r.tips[ref]
		reached := r.reach(t)
		if slices.ContainsFunc(linked, func(oid storage.OID) bool { return reached[oid] }) {
			found = append(found, storage.IssueRef{Repository: r.ID, Name: name, OID: t.Commit, ByCommit: true})
		}
	}
	return found
}
