package httpapi

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"time"

	"keytrail/storage"
)

// ReleaseNames says which tags and branches stand for a release: patterns of package path for their short names. A pattern that
// is a lone * takes every name.
type ReleaseNames struct {
	Tags     []string
	Branches []string
}

// Releases tells where the commits of an issue have been released.
type Releases struct {
	Key          storage.IssueKey     `json:"key"`
	Repositories []RepositoryReleases `json:"repositories"`
}

// RepositoryReleases tells it of one repository.
type RepositoryReleases struct {
	Repository RepositoryRef `json:"repository"`
	Commits    int           `json:"commits"`             // of the issue
	FirstTag   string        `json:"first_tag,omitempty"` // the first release that contains any
	Tags       []Release     `json:"tags"`                // that contain any, in the order in which they were released
	Branches   []Release     `json:"branches"`
}

// Release is a tag or a branch of release.
type Release struct {
	Name     string        `json:"name"`
	SHA      storage.OID   `json:"sha"`
	Date     time.Time     `json:"date"`     // committer date of its commit
	Contains int           `json:"contains"` // how many of the issue's commits
	Complete bool          `json:"complete"` // it contains all of them
	Lacks    []storage.OID `json:"lacks"`    // the others, oldest first, at most maxLacks of them
	URL      string        `json:"url,omitempty"`
}

// Limits of what is asked about releases, and of the answer.
const (
	maxPatterns = 20  // of tags, and of branches
	maxPattern  = 255 // bytes
	maxLacks    = 100 // commits told of each release
)

// SetReleases replaces what stands for a release, from the next request on.
func (s *Server) SetReleases(names ReleaseNames) { s.releaseNames.Store(&names) }

func (s *Server) issueReleases(w *response, r *http.Request) error {
	p, err := queryWith(r, []string{"tags", "branches"}, "tags", "branches")
	if err != nil {
		return err
	}
	configured := s.releaseNames.Load()
	q := storage.ReleaseQuery{}
	if q.Tag, err = namesLike("tags", p["tags"], configured.Tags); err != nil {
		return err
	}
	if q.Branch, err = namesLike("branches", p["branches"], configured.Branches); err != nil {
		return err
	}
	if q.Key, err = s.key(r.Context(), r.PathValue("key")); err != nil {
		return err
	}
	if q.Within, err = accessOf(r.Context()).within(r.Context()); err != nil {
		return err
	}
	found, err := s.options.Store.Releases(r.Context(), q)
	if err != nil {
		return fmt.Errorf("releases of %s: %w", q.Key, err)
	}
	body := Releases{Key: q.Key, Repositories: []RepositoryReleases{}}
	names := s.names()
	for _, of := range found {
		in, ok, err := names.of(r.Context(), of.Repository)
		if err != nil {
			return err
		}
		if ok {
			body.Repositories = append(body.Repositories, in.releases(of))
		}
	}
	s.answer(w, r, body)
	return nil
}

// releases gives the JSON form of the releases of one repository.
func (in *shown) releases(of storage.Releases) RepositoryReleases {
	made := RepositoryReleases{
		Repository: in.RepositoryRef, Commits: of.Commits, Tags: make([]Release, len(of.Tags)), Branches: make([]Release, len(of.Branches)),
	}
	for i, tag := range of.Tags {
		made.Tags[i] = releaseOf(tag, in.links().Tag(tag.Name))
	}
	for i, branch := range of.Branches {
		made.Branches[i] = releaseOf(branch, in.links().Branch(branch.Name))
	}
	if len(of.Tags) > 0 {
		made.FirstTag = of.Tags[0].Name
	}
	return made
}

func releaseOf(r storage.Release, url string) Release {
	return Release{
		Name: r.Name, SHA: r.OID, Date: time.Unix(r.Seconds, 0).UTC(), Contains: r.Contains, Complete: len(r.Lacks) == 0,
		Lacks: list(r.Lacks[:min(maxLacks, len(r.Lacks))]), URL: url,
	}
}

// namesLike takes the names that one of the patterns asked for matches, or without these one of those configured.
func namesLike(parameter string, asked, configured []string) (func(name string) bool, error) {
	if len(asked) > maxPatterns {
		return nil, problemf(badParameter, "%d %s are too many: give at most %d", len(asked), parameter, maxPatterns)
	}
	for _, pattern := range asked {
		if _, err := path.Match(pattern, ""); err != nil || len(pattern) > maxPattern {
			return nil, problemf(badParameter, "%s %s: want a pattern of names up to %d bytes, as release/* or v[0-9]*", parameter, quote(pattern), maxPattern)
		}
	}
	patterns := configured
	if len(asked) > 0 {
		patterns = asked
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			isLike, _ := path.Match(pattern, name) // of a pattern that is none, which was refused where it came from, no name is
			return isLike || pattern == "*"
		})
	}, nil
}
