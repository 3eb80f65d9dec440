package pebblestore

import (
	"cmp"
	"context"
	"slices"

	"keytrail/storage"
)

// Releases tells which releases have an issue's commits; see storage.Reader.
func (s *Store) Releases(ctx context.Context, q storage.ReleaseQuery) ([]storage.Releases, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	linked, err := v.linked(q.Key, q.Within)
	if err != nil {
		return nil, err
	}
	var all []storage.Releases
	for len(linked) > 0 {
		n := ofFirst(linked)
		of, err := v.releases(&q, linked[:n])
		if err != nil {
			return nil, err
		}
		all = append(all, of)
		linked = linked[n:]
	}
	return all, nil
}

// releases tells which releases of one repository have an issue's commits in it, of which there are some.
func (v view) releases(q *storage.ReleaseQuery, linked []posting) (storage.Releases, error) {
	of := storage.Releases{Repository: linked[0].repository, Commits: len(linked)}
	rec, err := readRecord(v, of.Repository)
	if err != nil {
		return storage.Releases{}, err
	}
	g, err := v.graph(&rec)
	if err != nil {
		return storage.Releases{}, err
	}
	arrived, err := v.arrivals(g, linked)
	if err != nil {
		return storage.Releases{}, err
	}
	for i := range g.branches {
		if b := &g.branches[i]; q.Branch == nil || q.Branch(b.name) {
			of.Branches = append(of.Branches, arrived.release(b, i))
		}
	}
	tags := make([]int, 0, len(g.tags))
	for i := range g.tags {
		if arrived.isIn(len(g.branches)+i) && (q.Tag == nil || q.Tag(g.tags[i].name)) {
			tags = append(tags, i)
		}
	}
	slices.SortFunc(tags, func(i, j int) int { return g.tags[i].compareReleased(&g.tags[j]) })
	for _, i := range tags {
		of.Tags = append(of.Tags, arrived.release(&g.tags[i], len(g.branches)+i))
	}
	return of, v.ctx.Err()
}

// arrivals tells which tips contain which of an issue's commits in one repository.
type arrivals struct {
	oids  []storage.OID // of the commits, the oldest first
	spans []span        // of oids
	has   [][]uint64    // by tip, the branches before the tags: a bit for each group that it contains; nil of a tip without any
}

// span is commits, one behind the other in time, that the same tips contain.
type span struct{ first, end, group int }

// someGroups is how many groups are asked about at once: each is contained by as many as all tips.
const someGroups = 256

// arrivals works out which tips of a repository contain which commits.
func (v view) arrivals(g *repositoryGraph, linked []posting) (*arrivals, error) {
	commits, err := v.withOIDs(linked)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(commits, func(a, b found) int { return cmp.Or(cmp.Compare(a.seconds, b.seconds), a.oid.Compare(b.oid)) })
	all := g.grouped()
	a := &arrivals{has: make([][]uint64, len(g.branches)+len(g.tags))}
	var groups []int32
	places := map[int32]int{} // among groups
	for i, c := range commits {
		a.oids = append(a.oids, c.oid)
		n, err := g.node(c.ordinal)
		if err != nil {
			return nil, err
		}
		at, isKnown := places[all.Of(n)]
		if !isKnown {
			at = len(groups)
			places[all.Of(n)] = at
			groups = append(groups, all.Of(n))
		}
		if last := len(a.spans) - 1; last >= 0 && a.spans[last].group == at {
			a.spans[last].end++
		} else {
			a.spans = append(a.spans, span{i, i + 1, at})
		}
	}
	for first := 0; first < len(groups); first += someGroups {
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		for i, tips := range all.TipsOfEach(groups[first:min(first+someGroups, len(groups))]) {
			for _, t := range tips {
				if a.has[t] == nil {
					a.has[t] = make([]uint64, (len(groups)+63)/64)
				}
				a.has[t][(first+i)/64] |= 1 << ((first + i) % 64)
			}
		}
	}
	return a, nil
}

// isIn reports whether a tip contains one of the commits.
func (a *arrivals) isIn(tip int) bool { return a.has[tip] != nil }

// release tells which commits a tip contains.
func (a *arrivals) release(t *namedTip, tip int) storage.Release {
	r := storage.Release{Name: t.name, OID: t.oid, Seconds: t.seconds}
	has := a.has[tip]
	var lacks []span
	for _, s := range a.spans {
		last := len(lacks) - 1
		switch {
		case has != nil && has[s.group/64]>>(s.group%64)&1 != 0:
			r.Contains += s.end - s.first
		case last >= 0 && lacks[last].end == s.first:
			lacks[last].end = s.end
		default:
			lacks = append(lacks, s)
		}
	}
	if len(lacks) == 1 { // as of a release of a line without branches, which lacks what is younger
		r.Lacks = a.oids[lacks[0].first:lacks[0].end:lacks[0].end]
		return r
	}
	for _, s := range lacks {
		r.Lacks = append(r.Lacks, a.oids[s.first:s.end]...)
	}
	return r
}
