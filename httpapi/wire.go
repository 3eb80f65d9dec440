package httpapi

import (
	"time"

	"keytrail/storage"
)

// The JSON of the API. The command line prints the same, and clients read it back. Lists are [] when empty, and a
// field that may be absent is absent when its value is not known.

// RepositoryRef names a repository.
type RepositoryRef struct {
	ID   storage.RepositoryID `json:"id"`
	Name string               `json:"name"`
}

// Person is an author or a committer, with the time in the zone that the commit was made in.
type Person struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

// Commit is a commit as one repository holds it.
type Commit struct {
	SHA        storage.OID        `json:"sha"`
	Repository RepositoryRef      `json:"repository"`
	Author     Person             `json:"author"`
	Committer  Person             `json:"committer"`
	Message    string             `json:"message"`
	Parents    []storage.OID      `json:"parents"`
	Merge      bool               `json:"merge"`
	Keys       []storage.IssueKey `json:"keys"`
	Branches   []string           `json:"branches,omitzero"`   // nil when they were not asked for
	Tags       []string           `json:"tags,omitzero"`       // nil when they were not asked for
	FirstTag   string             `json:"first_tag,omitempty"` // of the tags, the one released first
	InDefault  *bool              `json:"in_default,omitempty"`
	Notes      map[string]string  `json:"notes"`         // by notes ref
	URL        string             `json:"url,omitempty"` // for people

	Decided []Association `json:"decided,omitzero"` // what stands of what was decided by hand; of a single commit only

	// Only when they are asked for.
	Files          []File `json:"files,omitzero"`
	FilesTruncated bool   `json:"files_truncated,omitempty"`
	FilesError     string `json:"files_error,omitempty"` // why there are none
}

// File is what a commit did to one file.
type File struct {
	Path      string         `json:"path"`
	OldPath   string         `json:"old_path,omitempty"` // of a renamed file
	Change    storage.Change `json:"change"`
	Added     int            `json:"added"` // lines
	Removed   int            `json:"removed"`
	Binary    bool           `json:"binary"`
	Uncounted bool           `json:"uncounted,omitempty"` // too large: its lines are not known
	URL       string         `json:"url,omitempty"`       // for people
}

// Diff is what a commit changed against its first parent.
type Diff struct {
	SHA            storage.OID   `json:"sha"`
	Repository     RepositoryRef `json:"repository"`
	Parent         storage.OID   `json:"parent,omitzero"`
	Files          []File        `json:"files"`
	FilesTotal     int           `json:"files_total"`
	FilesTruncated bool          `json:"files_truncated"`
	Patch          string        `json:"patch"`
	PatchTruncated bool          `json:"patch_truncated"`
	ExactRenames   bool          `json:"exact_renames"`
}

// Commits is one page of an issue's commits, newest committer date first.
type Commits struct {
	Key     storage.IssueKey `json:"key"`
	Commits []Commit         `json:"commits"`
	Next    string           `json:"next,omitempty"` // cursor of the next page
}

// Issue sums up what belongs to an issue.
type Issue struct {
	Key          storage.IssueKey  `json:"key"`
	Commits      int64             `json:"commits"`
	Repositories []RepositoryCount `json:"repositories"`
	First        *time.Time        `json:"first,omitempty"` // committer date of the oldest commit
	Last         *time.Time        `json:"last,omitempty"`
	Branches     []Ref             `json:"branches"`
	Tags         []Ref             `json:"tags"`
	PullRequests []PullRequest     `json:"pull_requests"` // the last changed first
}

// RepositoryCount counts an issue's commits in one repository.
type RepositoryCount struct {
	RepositoryRef
	Commits int64 `json:"commits"`
}

// Ref is a branch or a tag that belongs to an issue.
type Ref struct {
	Repository RepositoryRef `json:"repository"`
	Name       string        `json:"name"`
	SHA        storage.OID   `json:"sha"`
	ByName     bool          `json:"by_name"`       // the key is in the name
	ByCommit   bool          `json:"by_commit"`     // it holds a linked commit
	URL        string        `json:"url,omitempty"` // for people

	// Of a branch, when they are asked for and the default branch is known.
	Ahead  *int `json:"ahead,omitempty"`  // commits that it has and the default branch lacks
	Behind *int `json:"behind,omitempty"` // commits that it lacks and the default branch has
}

// Repository tells where a repository stands.
type Repository struct {
	ID               storage.RepositoryID `json:"id"`
	Name             string               `json:"name"`
	URL              string               `json:"url"`
	WebURL           string               `json:"web_url,omitempty"`
	Integration      string               `json:"integration,omitempty"`
	State            storage.State        `json:"state"`
	DefaultBranch    string               `json:"default_branch,omitempty"`
	Tips             int                  `json:"tips"`
	Commits          int64                `json:"commits"`
	Postings         int64                `json:"postings"`
	LastSuccess      *time.Time           `json:"last_success,omitempty"`
	StalenessSeconds *int64               `json:"staleness_seconds,omitempty"` // since the last success
	IndexedAt        *time.Time           `json:"indexed_at,omitempty"`        // when the tips last changed
	Error            *RepositoryError     `json:"error,omitempty"`
}

// RepositoryError is why looks at a repository fail.
type RepositoryError struct {
	Class storage.ErrorClass `json:"class"`
	Text  string             `json:"text"`
	Since time.Time          `json:"since"`
	Count int                `json:"count"` // failures in a row
}

// Posting is one line of an export.
type Posting struct {
	Key        storage.IssueKey `json:"key"`
	SHA        storage.OID      `json:"sha"`
	Repository RepositoryRef    `json:"repository"`
}

// Finding is one place of a text that looks like an issue key.
type Finding struct {
	Text   string           `json:"text"`  // as written
	Start  int              `json:"start"` // byte offsets of it
	End    int              `json:"end"`
	Key    storage.IssueKey `json:"key,omitempty"` // what it counts as; empty when it is refused
	Found  bool             `json:"found"`
	Reason string           `json:"reason,omitempty"` // why it is refused, or counts as another key than it is written
}

// CommitOf gives the JSON form of a commit.
func CommitOf(h storage.Hit, in RepositoryRef) Commit {
	notes, inDefault := h.Notes, h.InDefault
	if notes == nil {
		notes = map[string]string{}
	}
	return Commit{
		SHA:        h.OID,
		Repository: in,
		Author:     personOf(h.Author),
		Committer:  personOf(h.Committer),
		Message:    h.Message,
		Parents:    list(h.Parents),
		Merge:      len(h.Parents) > 1,
		Keys:       list(h.Keys),
		Branches:   list(h.Branches),
		Tags:       list(h.Tags),
		FirstTag:   h.FirstTag,
		InDefault:  &inDefault,
		Notes:      notes,
	}
}

// plain is a commit without what was not asked for: the branches and tags that contain it.
func (c Commit) plain() Commit {
	c.Branches, c.Tags, c.FirstTag, c.InDefault = nil, nil, "", nil
	return c
}

// DiffOf gives the JSON form of a diff.
func DiffOf(d storage.Diff, in RepositoryRef) Diff {
	return Diff{
		SHA: d.Commit, Repository: in, Parent: d.Parent,
		Files: filesOf(d.Files), FilesTotal: d.Total, FilesTruncated: d.Total > len(d.Files),
		Patch: d.Patch, PatchTruncated: d.PatchTruncated, ExactRenames: d.ExactRenames,
	}
}

func filesOf(changes []storage.FileChange) []File {
	files := make([]File, len(changes))
	for i, c := range changes {
		files[i] = File{
			Path: c.Path, OldPath: c.OldPath, Change: c.Change, Added: c.Added, Removed: c.Removed, Binary: c.IsBinary, Uncounted: c.Uncounted,
		}
	}
	return files
}

func personOf(s storage.Signature) Person {
	return Person{Name: s.Name, Email: s.Email, Date: s.Time()}
}

// RepositoryOf gives the JSON form of a repository as it stands at an instant.
func RepositoryOf(r storage.Repository, now time.Time) Repository {
	answer := Repository{
		ID:            r.ID,
		Name:          r.Name,
		URL:           r.URL,
		WebURL:        r.WebURL,
		Integration:   r.Integration,
		State:         r.State(),
		DefaultBranch: r.DefaultBranch,
		Tips:          r.Tips,
		Commits:       r.Commits,
		Postings:      r.Postings,
		LastSuccess:   known(r.SeenAt),
		IndexedAt:     known(r.IndexedAt),
	}
	if !r.SeenAt.IsZero() {
		staleness := max(int64(now.Sub(r.SeenAt)/time.Second), 0)
		answer.StalenessSeconds = &staleness
	}
	if f := r.Failure; f.Class != "" {
		answer.Error = &RepositoryError{Class: f.Class, Text: f.Text, Since: f.Since.UTC(), Count: f.Count}
	}
	return answer
}

// known gives nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// list gives an empty list for nil, which JSON would otherwise call null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
