package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"net/http"

	"keytrail/storage"
)

// gijCommit is a commit of an issue as one repository holds it. Merges are told in two fields, branches in two: clients differ.
type gijCommit struct {
	Author        string            `json:"author"` // "Name <mail>"
	CommitID      storage.OID       `json:"commitId"`
	IsMergeCommit bool              `json:"isMergeCommit"`
	MergeCommit   bool              `json:"mergeCommit"`
	Date          string            `json:"date"` // the committer's, by which they are sorted
	Message       string            `json:"message"`
	Repository    RepositoryRef     `json:"repository"`
	Branch        string            `json:"branch"`   // the first of Branches; empty without any
	Branches      []string          `json:"branches"` // the default branch first, if it has the commit
	Notes         map[string]string `json:"notes"`
	Files         []gijFile         `json:"files,omitzero"`
	FilesError    string            `json:"filesError,omitempty"` // why there are none; of keytrail's own
}

// gijFile is a file that a commit changed. LinesChanged is always zero: git counts a changed line as one deleted and one added.
type gijFile struct {
	Path         string `json:"path"`
	LinesAdded   int    `json:"linesAdded"`
	LinesChanged int    `json:"linesChanged"`
	LinesDeleted int    `json:"linesDeleted"`
	Added        bool   `json:"added"`
	Deleted      bool   `json:"deleted"`
}

// Limits of what commits tell of their files in this dialect, which has no pages.
const (
	maxGIJFileCommits = 1000 // the newest, that tell their files
	maxGIJFiles       = 1000 // of each
)

// gijCommits answers all commits of an issue. Many are written as they are read.
func (s *Server) gijCommits(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	key, err := s.key(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	all := gijListing{server: s, names: s.names(), query: storage.CommitQuery{Key: key, Limit: storage.MaxLimit}}
	if q.isSet("showfiles") {
		all.files, all.query.Limit = maxGIJFileCommits, maxPageFiles
	}
	commits, err := all.page(r.Context())
	if err != nil {
		return err
	}
	if all.isAtEnd {
		s.answer(w, r, struct {
			gijDone
			Commits []gijCommit `json:"commits"`
		}{gijOK, list(commits)})
		return nil
	}
	setFields(w.Header(), "Content-Type", "application/json", "Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	return all.write(r.Context(), bufio.NewWriterSize(w, writeChunk), commits)
}

// gijListing reads all commits of an issue, a page at a time.
type gijListing struct {
	server  *Server
	names   *names
	query   storage.CommitQuery
	files   int // commits that are still to tell their files
	isAtEnd bool
}

// page reads the next page.
func (l *gijListing) page(ctx context.Context) ([]gijCommit, error) {
	page, err := l.server.page(ctx, l.query, l.names)
	if err != nil {
		return nil, err
	}
	told := page.Commits[:min(l.files, len(page.Commits))]
	if len(told) > 0 {
		if err := l.server.addFiles(ctx, pointers(Commits{Commits: told}), maxGIJFiles); err != nil {
			return nil, err
		}
		if l.files -= len(told); l.files == 0 {
			l.query.Limit = storage.MaxLimit
		}
	}
	var commits []gijCommit
	for _, c := range page.Commits {
		in, ok, err := l.names.of(ctx, c.Repository.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			commits = append(commits, gijCommitOf(c, in))
		}
	}
	if l.isAtEnd = page.Next == ""; l.isAtEnd {
		return commits, nil
	}
	place, err := commitQuestion(l.query).place(page.Next)
	if err != nil {
		return nil, err
	}
	after, err := position(place)
	l.query.After = &after
	return commits, err
}

// write writes the first page and all that follow. A failure in the middle cuts the connection off, so that a client that reads to
// the end has them all.
func (l *gijListing) write(ctx context.Context, out *bufio.Writer, commits []gijCommit) error {
	var b []byte
	var err error
	out.WriteString(`{"success":true,"commits":[`)
	for isFirst := true; ; {
		for _, c := range commits {
			if b = b[:0]; !isFirst {
				b = append(b, ',')
			}
			if _, err := out.Write(appendInner(b, c)); err != nil {
				panic(http.ErrAbortHandler)
			}
			isFirst = false
		}
		if l.isAtEnd {
			break
		}
		if commits, err = l.page(ctx); err != nil {
			return err
		}
	}
	out.WriteString("]}\n")
	if err := out.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func gijCommitOf(c Commit, in *shown) gijCommit {
	branch := in.linked(c).Branch
	branches := make([]string, 0, len(c.Branches))
	if branch != "" {
		branches = append(branches, branch)
	}
	for _, name := range c.Branches {
		if name != branch {
			branches = append(branches, name)
		}
	}
	g := gijCommit{
		Author: fmt.Sprintf("%s <%s>", c.Author.Name, c.Author.Email), CommitID: c.SHA, IsMergeCommit: c.Merge, MergeCommit: c.Merge,
		Date: c.Committer.Date.Format(gijDate), Message: c.Message, Repository: c.Repository, Branch: branch, Branches: branches, Notes: c.Notes,
		FilesError: c.FilesError,
	}
	if c.Files != nil {
		g.Files = make([]gijFile, len(c.Files))
		for i, f := range c.Files {
			g.Files[i] = gijFile{
				Path: f.Path, LinesAdded: f.Added, LinesDeleted: f.Removed, Added: f.Change == storage.ChangeAdded, Deleted: f.Change == storage.ChangeDeleted,
			}
		}
	}
	return g
}
