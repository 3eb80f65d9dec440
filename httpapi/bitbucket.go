package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keytrail/storage"
)

// The dialect of Bitbucket Data Center, of its Jira integration: the commits of an issue. What its words mean is documented at
// developer.atlassian.com/server/bitbucket/rest.

// bitbucketVersions are the versions of the API.
var bitbucketVersions = []string{"1.0", "latest"}

// Limits of a page, those of Bitbucket itself. A larger limit is taken for the largest.
const (
	defaultBitbucketLimit = 25
	maxBitbucketLimit     = 1000
	maxBitbucketChanges   = 1000 // of each commit
)

// bitbucketFailure is what it says of an error.
type bitbucketFailure struct {
	Errors []bitbucketError `json:"errors"`
}

type bitbucketError struct {
	Context       *string `json:"context"` // always null
	Message       string  `json:"message"`
	ExceptionName *string `json:"exceptionName"` // always null
}

// bitbucketPage is a page of any list.
type bitbucketPage[T any] struct {
	Size          int  `json:"size"`
	Limit         int  `json:"limit"`
	IsLastPage    bool `json:"isLastPage"`
	Start         int  `json:"start"`
	NextPageStart *int `json:"nextPageStart"` // null on the last
	Values        []T  `json:"values"`
}

// bitbucketChangeset is a commit of an issue as one repository holds it.
type bitbucketChangeset struct {
	FromCommit *bitbucketID                    `json:"fromCommit,omitempty"` // the first parent; absent without one
	ToCommit   bitbucketCommit                 `json:"toCommit"`
	Changes    *bitbucketPage[bitbucketChange] `json:"changes,omitempty"` // when they are asked for and can be had
	Links      bitbucketLinks                  `json:"links"`
	Repository bitbucketRepository             `json:"repository"`
}

type bitbucketID struct {
	ID        storage.OID `json:"id"`
	DisplayID string      `json:"displayId"`
}

type bitbucketCommit struct {
	bitbucketID
	Author             bitbucketPerson `json:"author"`
	AuthorTimestamp    int64           `json:"authorTimestamp"` // milliseconds since 1970
	Committer          bitbucketPerson `json:"committer"`
	CommitterTimestamp int64           `json:"committerTimestamp"`
	Message            string          `json:"message"`
	Parents            []bitbucketID   `json:"parents"`
}

type bitbucketPerson struct {
	Name         string `json:"name"`
	EmailAddress string `json:"emailAddress"`
}

type bitbucketChange struct {
	Path     bitbucketFile  `json:"path"`
	SrcPath  *bitbucketFile `json:"srcPath,omitempty"` // of a moved file
	Type     string         `json:"type"`              // ADD, MODIFY, DELETE or MOVE
	NodeType string         `json:"nodeType"`          // FILE
}

type bitbucketFile struct {
	Components []string `json:"components"`
	Parent     string   `json:"parent"`
	Name       string   `json:"name"`
	Extension  string   `json:"extension,omitempty"`
	ToString   string   `json:"toString"`
}

// bitbucketLinks holds the address for people, if one is known.
type bitbucketLinks struct {
	Self []bitbucketLink `json:"self"`
}

type bitbucketLink struct {
	Href string `json:"href"`
}

// bitbucketRepository names a repository. Its project is what stands before the last slash of its name.
type bitbucketRepository struct {
	Slug    string               `json:"slug"`
	ID      storage.RepositoryID `json:"id"`
	Name    string               `json:"name"`
	Project *bitbucketProject    `json:"project,omitempty"`
	Links   bitbucketLinks       `json:"links"`
}

type bitbucketProject struct {
	Key string `json:"key"`
}

// bitbucket are the routes of the dialect.
func (s *Server) bitbucket() []route {
	return []route{{pattern: "GET " + bitbucketPath + "{version}/issues/{key}/commits", basic: true, dated: true, serve: s.bitbucketCommits}}
}

// bitbucketCommits answers one page of an issue's commits, newest committer date first.
func (s *Server) bitbucketCommits(w *response, r *http.Request) error {
	if version := r.PathValue("version"); !slices.Contains(bitbucketVersions, version) {
		return problemf(routeNotFound, "there is no version %s of this API: use 1.0 or latest", quote(version))
	}
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	key, err := s.key(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	const most = 1<<31 - 1
	limit, err := q.number("limit", 1, most, defaultBitbucketLimit)
	if err != nil {
		return err
	}
	start, err := q.number("start", 0, most, 0)
	if err != nil {
		return err
	}
	changes, err := q.number("maxChanges", 0, most, 0)
	if err != nil {
		return err
	}
	limit, changes = min(limit, maxBitbucketLimit), min(changes, maxBitbucketChanges)
	if changes > 0 {
		limit = min(limit, maxPageFiles)
	}
	page, isLast, err := s.commitsFrom(r.Context(), key, start, limit)
	if err != nil {
		return err
	}
	if changes > 0 && len(page.Commits) > 0 {
		if err := s.addFiles(r.Context(), pointers(page), changes); err != nil {
			return err
		}
	}
	body := bitbucketPage[bitbucketChangeset]{Limit: limit, IsLastPage: isLast, Start: start, Values: make([]bitbucketChangeset, len(page.Commits))}
	for i, c := range page.Commits {
		body.Values[i] = s.bitbucketChangesetOf(r.Context(), c, changes)
	}
	if body.Size = len(body.Values); !isLast {
		next := start + limit
		body.NextPageStart = &next
	}
	s.answer(w, r, body)
	return nil
}

// commitsFrom reads the commits of an issue behind the first few. Where a page begins moves when commits come or go before it, as in
// Bitbucket itself; otherwise pages that follow each other give everything once.
func (s *Server) commitsFrom(ctx context.Context, key storage.IssueKey, start, limit int) (page Commits, isLast bool, err error) {
	q := storage.CommitQuery{Key: key, Plain: true}
	if q.Within, err = accessOf(ctx).within(ctx); err != nil {
		return page, false, err
	}
	for start > 0 {
		q.Limit = min(start, storage.MaxLimit)
		passed, err := s.options.Store.Commits(ctx, q)
		if err != nil {
			return page, false, fmt.Errorf("commits of %s: %w", key, err)
		}
		if passed.Next == nil {
			return page, true, nil
		}
		start, q.After = start-len(passed.Hits), passed.Next
	}
	q.Limit, q.Plain = limit, false
	page, err = s.page(ctx, q, s.names())
	return page, page.Next == "", err
}

func (s *Server) bitbucketChangesetOf(ctx context.Context, c Commit, maxChanges int) bitbucketChangeset {
	in := s.options.showAgain(ctx, c.Repository)
	made := bitbucketChangeset{
		ToCommit: bitbucketCommit{
			bitbucketID: bitbucketIDOf(c.SHA), Author: bitbucketPerson{c.Author.Name, c.Author.Email}, AuthorTimestamp: c.Author.Date.UnixMilli(),
			Committer: bitbucketPerson{c.Committer.Name, c.Committer.Email}, CommitterTimestamp: c.Committer.Date.UnixMilli(),
			Message: c.Message, Parents: make([]bitbucketID, len(c.Parents)),
		},
		Links: bitbucketLinksOf(c.URL),
		Repository: bitbucketRepository{
			Slug: c.Repository.Name, ID: c.Repository.ID, Name: c.Repository.Name, Links: bitbucketLinksOf(in.repository.WebURL),
		},
	}
	for i, parent := range c.Parents {
		made.ToCommit.Parents[i] = bitbucketIDOf(parent)
	}
	if len(c.Parents) > 0 {
		made.FromCommit = &made.ToCommit.Parents[0]
	}
	if at := strings.LastIndex(c.Repository.Name, "/"); at >= 0 {
		made.Repository.Project = &bitbucketProject{Key: c.Repository.Name[:at]}
		made.Repository.Slug = c.Repository.Name[at+1:]
		made.Repository.Name = made.Repository.Slug
	}
	if c.Files != nil {
		made.Changes = bitbucketChangesOf(c, maxChanges)
	}
	return made
}

func bitbucketIDOf(o storage.OID) bitbucketID { return bitbucketID{o, o.String()[:11]} }

func bitbucketLinksOf(url string) bitbucketLinks {
	if url == "" {
		return bitbucketLinks{Self: []bitbucketLink{}}
	}
	return bitbucketLinks{Self: []bitbucketLink{{url}}}
}

// bitbucketChangesOf gives the first page of what a commit changed; there is no route for the others.
func bitbucketChangesOf(c Commit, limit int) *bitbucketPage[bitbucketChange] {
	page := &bitbucketPage[bitbucketChange]{Size: len(c.Files), Limit: limit, IsLastPage: !c.FilesTruncated, Values: make([]bitbucketChange, len(c.Files))}
	if c.FilesTruncated {
		page.NextPageStart = &page.Size
	}
	for i, f := range c.Files {
		change := bitbucketChange{Path: bitbucketFileOf(f.Path), NodeType: "FILE", Type: "MODIFY"}
		switch f.Change {
		case storage.ChangeAdded:
			change.Type = "ADD"
		case storage.ChangeDeleted:
			change.Type = "DELETE"
		case storage.ChangeRenamed:
			from := bitbucketFileOf(f.OldPath)
			change.Type, change.SrcPath = "MOVE", &from
		}
		page.Values[i] = change
	}
	return page
}

func bitbucketFileOf(path string) bitbucketFile {
	parts := strings.Split(path, "/")
	f := bitbucketFile{Components: parts, Parent: strings.Join(parts[:len(parts)-1], "/"), Name: parts[len(parts)-1], ToString: path}
	if at := strings.LastIndex(f.Name, "."); at >= 0 {
		f.Extension = f.Name[at+1:]
	}
	return f
}
