package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"keytrail/storage"
)

// Releases tells which releases have an issue's commits; see storage.Reader.
func (s *Store) Releases(ctx context.Context, q storage.ReleaseQuery) ([]storage.Releases, error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var all []storage.Releases
	for _, r := range st.sorted() {
		linked := r.linked(q.Key)
		if len(linked) > 0 && q.Within.Has(r.ID) {
			all = append(all, r.releases(q, linked))
		}
	}
	return all, nil
}

func (r *repository) releases(q storage.ReleaseQuery, linked []storage.OID) storage.Releases {
	slices.SortFunc(linked, func(a, b storage.OID) int {
		return cmp.Or(cmp.Compare(r.commits[a].Committer.Seconds, r.commits[b].Committer.Seconds), a.Compare(b))
	})
	of := storage.Releases{Repository: r.ID, Commits: len(linked)}
	for _, ref := range slices.Sorted(maps.Keys(r.tips)) {
		t := r.tips[ref]
		if t.Commit.IsZero() {
			continue
		}
		if name, ok := strings.CutPrefix(ref, branchPrefix); ok && (q.Branch == nil || q.Branch(name)) {
			of.Branches = append(of.Branches, r.release(name, t, linked))
		}
		if name, ok := strings.CutPrefix(ref, tagPrefix); ok && (q.Tag == nil || q.Tag(name)) {
			if tag := r.release(name, t, linked); tag.Contains > 0 {
				of.Tags = append(of.Tags, tag)
			}
		}
	}
	slices.SortFunc(of.Tags, func(a, b storage.Release) int { return r.compareTags(tagPrefix+a.Name, tagPrefix+b.Name) })
	return of
}

func (r *repository) release(name string, t storage.Tip, linked []storage.OID) storage.Release {
	reached := r.reach(t)
	release := storage.Release{Name: name, OID: t.Commit, Seconds: r.commits[t.Commit].Committer.Seconds}
	for _, oid := range linked {
		if reached[oid] {
			release.Contains++
		} else {
			release.Lacks = append(release.Lacks, oid)
		}
	}
	return release
}

// compareTags orders tags as they were released: by the committer date of their commits, then by name.
func (r *repository) compareTags(a, b string) int {
	seconds := func(ref string) int64 { return r.commits[r.tips[ref].Commit].Committer.Seconds }
	return cmp.Or(cmp.Compare(seconds(a), seconds(b)), cmp.Compare(a, b))
}
