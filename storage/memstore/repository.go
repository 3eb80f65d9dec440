package memstore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"keytrail/storage"
)

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// repository is all that the index has of one repository.
type repository struct {
	storage.Repository
	tips    map[string]storage.Tip
	commits history
	notes   map[noteName]storage.Note
	pulls   map[string]storage.PullRequest // by the host's id
	cursor  storage.PullRequestCursor

	verdicts verdicts // of the whole index
}

// noteName tells notes of one repository apart.
type noteName struct {
	object storage.OID
	ref    string
}

// link is one posting of a repository.
type link struct {
	key storage.IssueKey
	oid storage.OID
}

// history is a set of commits.
type history map[storage.OID]storage.Commit

// reachable searches the commits that the given ones reach, themselves included. One that is missing is
// storage.ErrIncomplete.
func (h history) reachable(from ...storage.OID) (map[storage.OID]bool, error) {
	reached := map[storage.OID]bool{}
	for len(from) > 0 {
		oid := from[len(from)-1]
		from = from[:len(from)-1]
		if reached[oid] {
			continue
		}
		c, ok := h[oid]
		if !ok {
			return nil, fmt.Errorf("%w: commit %s was not read", storage.ErrIncomplete, oid)
		}
		reached[oid] = true
		if !c.Shallow {
			from = append(from, c.Parents...)
		}
	}
	return reached, nil
}

// reach gives the commits that a tip reaches.
func (r *repository) reach(t storage.Tip) map[storage.OID]bool {
	if t.Commit.IsZero() {
		return nil
	}
	reached, err := r.commits.reachable(t.Commit)
	if err != nil {
		panic(err) // an Advance with such a tip was refused
	}
	return reached
}

// reaches gives the commits that each branch and tag reaches, by full name.
func (r *repository) reaches() map[string]map[storage.OID]bool {
	reaches := map[string]map[storage.OID]bool{}
	for ref, t := range r.tips {
		if strings.HasPrefix(ref, branchPrefix) || strings.HasPrefix(ref, tagPrefix) {
			reaches[ref] = r.reach(t)
		}
	}
	return reaches
}

// resolve finds a ref by its full name, or a branch or tag by its short one.
func (r *repository) resolve(name string) (storage.Tip, bool) {
	for _, ref := range []string{name, branchPrefix + name, tagPrefix + name} {
		if t, ok := r.tips[ref]; ok {
			return t, true
		}
	}
	return storage.Tip{}, false
}

// notesOn gives the notes on an object, sorted by ref.
func (r *repository) notesOn(object storage.OID) []storage.Note {
	var notes []storage.Note
	for name, n := range r.notes {
		if name.object == object {
			notes = append(notes, n)
		}
	}
	slices.SortFunc(notes, compareNotes)
	return notes
}

func compareNotes(a, b storage.Note) int {
	if c := a.Object.Compare(b.Object); c != 0 {
		return c
	}
	return strings.Compare(a.Ref, b.Ref)
}

// links gives the postings of the repository.
func (r *repository) links() map[link]bool {
	links := map[link]bool{}
	for oid, c := range r.commits {
		for _, k := range c.Keys {
			links[link{k, oid}] = true
		}
	}
	for name, n := range r.notes {
		if _, ok := r.commits[name.object]; !ok {
			continue
		}
		for _, k := range n.Keys {
			links[link{k, name.object}] = true
		}
	}
	for l, v := range r.verdicts {
		if _, ok := r.commits[l.oid]; !ok {
			continue
		}
		if v == storage.VerdictAdd {
			links[l] = true
		} else {
			delete(links, l)
		}
	}
	return links
}

// linked gives the commits that belong to a key.
func (r *repository) linked(key storage.IssueKey) []storage.OID {
	var oids []storage.OID
	for l := range r.links() {
		if l.key == key {
			oids = append(oids, l.oid)
		}
	}
	return oids
}

// hit tells all about one of the commits; reaches is what the repository's reaches answered.
func (r *repository) hit(oid storage.OID, reaches map[string]map[storage.OID]bool) storage.Hit {
	h := storage.Hit{Commit: clone(r.commits[oid]), Repository: r.ID}
	for _, n := range r.notesOn(oid) {
		if h.Notes == nil {
			h.Notes = map[string]string{}
		}
		h.Notes[n.Ref] = n.Text
	}
	h.Keys = nil
	for l := range r.links() {
		if l.oid == oid {
			h.Keys = append(h.Keys, l.key)
		}
	}
	slices.Sort(h.Keys)
	if reaches == nil {
		return h
	}
	h.InDefault = reaches[r.DefaultBranch][oid]
	for _, ref := range slices.Sorted(maps.Keys(reaches)) {
		if !reaches[ref][oid] {
			continue
		}
		if name, ok := strings.CutPrefix(ref, branchPrefix); ok {
			h.Branches = append(h.Branches, name)
		} else {
			h.Tags = append(h.Tags, strings.TrimPrefix(ref, tagPrefix))
		}
	}
	if len(h.Tags) > 0 {
		h.FirstTag = slices.MinFunc(h.Tags, func(a, b string) int { return r.compareTags(tagPrefix+a, tagPrefix+b) })
	}
	return h
}

// clone copies a commit, so that the index and its callers share no slices.
func clone(c storage.Commit) storage.Commit {
	c.Parents, c.Keys = slices.Clone(c.Parents), slices.Clone(c.Keys)
	return c
}
