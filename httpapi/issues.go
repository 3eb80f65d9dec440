package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"keytrail/storage"
)

// maxKey is how long the text of an issue key may be, in bytes.
const maxKey = 255

// key reads an issue key that a request names, and refuses one that its token does not open.
func (s *Server) key(ctx context.Context, text string) (storage.IssueKey, error) {
	if len(text) > maxKey {
		return "", problemf(badKey, "%s is no issue key: it has %d bytes, and none has more than %d", quote(text), len(text), maxKey)
	}
	key, err := s.options.Keys(text)
	if err != nil {
		return "", problemf(badKey, "%v", err)
	}
	return key, accessOf(ctx).key(key)
}

// keyAlone reads the issue key of a request that has no parameters.
func (s *Server) keyAlone(r *http.Request) (storage.IssueKey, error) {
	if _, err := queryOf(r); err != nil {
		return "", err
	}
	return s.key(r.Context(), r.PathValue("key"))
}

func (s *Server) issue(w *response, r *http.Request) error {
	issue, err := s.readIssue(r, "compare")
	if err != nil {
		return err
	}
	names := s.names()
	body := Issue{Key: issue.Key, Commits: issue.Commits, Repositories: []RepositoryCount{}}
	if issue.Commits > 0 {
		first, last := issue.First.Time(), issue.Last.Time()
		body.First, body.Last = &first, &last
	}
	for _, in := range issue.Repositories {
		named, ok, err := names.of(r.Context(), in.Repository)
		if err != nil {
			return err
		}
		if ok {
			body.Repositories = append(body.Repositories, RepositoryCount{RepositoryRef: named.RepositoryRef, Commits: in.Commits})
		}
	}
	if body.Branches, err = refsOf(r.Context(), issue.Branches, names, Links.Branch); err != nil {
		return err
	}
	if body.Tags, err = refsOf(r.Context(), issue.Tags, names, Links.Tag); err != nil {
		return err
	}
	if body.PullRequests, err = pullsOf(r.Context(), issue.PullRequests, names); err != nil {
		return err
	}
	s.answer(w, r, body)
	return nil
}

func (s *Server) issueBranches(w *response, r *http.Request) error {
	issue, err := s.readIssue(r, "compare")
	if err != nil {
		return err
	}
	branches, err := refsOf(r.Context(), issue.Branches, s.names(), Links.Branch)
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		Key      storage.IssueKey `json:"key"`
		Branches []Ref            `json:"branches"`
	}{issue.Key, branches})
	return nil
}

func (s *Server) issueTags(w *response, r *http.Request) error {
	issue, err := s.readIssue(r)
	if err != nil {
		return err
	}
	tags, err := refsOf(r.Context(), issue.Tags, s.names(), Links.Tag)
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		Key  storage.IssueKey `json:"key"`
		Tags []Ref            `json:"tags"`
	}{issue.Key, tags})
	return nil
}

// readIssue reads the summary of the issue that the path names; known are the parameters that the query may have.
func (s *Server) readIssue(r *http.Request, known ...string) (storage.Issue, error) {
	p, err := queryOf(r, known...)
	if err != nil {
		return storage.Issue{}, err
	}
	compare, err := p.flag("compare", false)
	if err != nil {
		return storage.Issue{}, err
	}
	key, err := s.key(r.Context(), r.PathValue("key"))
	if err != nil {
		return storage.Issue{}, err
	}
	scope, err := accessOf(r.Context()).within(r.Context())
	if err != nil {
		return storage.Issue{}, err
	}
	issue, err := s.options.Store.Issue(r.Context(), storage.IssueQuery{Key: key, Within: scope, Compare: compare})
	if err != nil {
		return storage.Issue{}, fmt.Errorf("issue %s: %w", key, err)
	}
	return issue, nil
}

// refsOf gives the JSON form of refs, sorted by name and then by repository; link makes the address of one by its name.
func refsOf(ctx context.Context, refs []storage.IssueRef, names *names, link func(Links, string) string) ([]Ref, error) {
	answer := make([]Ref, 0, len(refs))
	for _, ref := range refs {
		in, ok, err := names.of(ctx, ref.Repository)
		if err != nil {
			return nil, err
		}
		if ok {
			made := Ref{
				Repository: in.RepositoryRef, Name: ref.Name, SHA: ref.OID, ByName: ref.ByName, ByCommit: ref.ByCommit, URL: link(in.links(), ref.Name),
			}
			if ref.Compared {
				made.Ahead, made.Behind = &ref.Ahead, &ref.Behind
			}
			answer = append(answer, made)
		}
	}
	slices.SortFunc(answer, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Repository.ID, b.Repository.ID))
	})
	return answer, nil
}

func (s *Server) issueCommits(w *response, r *http.Request) error {
	p, err := queryOf(r, "limit", "cursor", "repository", "ref", "since", "until", "files", "containment")
	if err != nil {
		return err
	}
	withFiles, err := p.files()
	if err != nil {
		return err
	}
	key, err := s.key(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	q, err := s.commitQuery(r.Context(), key, p)
	if err != nil {
		return err
	}
	if withFiles && q.Limit > maxPageFiles {
		return problemf(badParameter, "limit %d: with files=true want at most %d", q.Limit, maxPageFiles)
	}
	page, err := s.page(r.Context(), q, s.names())
	if err != nil {
		return err
	}
	if withFiles {
		if err := s.addFiles(r.Context(), pointers(page), maxListedFiles); err != nil {
			return err
		}
	}
	s.answer(w, r, page)
	return nil
}

// commitQuery reads the parameters that narrow an issue's commits.
func (s *Server) commitQuery(ctx context.Context, key storage.IssueKey, p params) (q storage.CommitQuery, err error) {
	q = storage.CommitQuery{Key: key, Ref: p.text("ref")}
	contained, err := p.flag("containment", true)
	if err != nil {
		return q, err
	}
	q.Plain = !contained
	if q.Limit, err = p.limit(); err != nil {
		return q, err
	}
	if q.Since, err = p.time("since"); err != nil {
		return q, err
	}
	if q.Until, err = p.time("until"); err != nil {
		return q, err
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, problemf(badParameter, "since is not before until, so that no commit can be between them: swap them or move one")
	}
	if name := p.text("repository"); name != "" {
		found, err := s.repositoryByName(ctx, name)
		if err != nil {
			return q, err
		}
		q.Repository = found.ID
	}
	if cursor := p.text("cursor"); cursor != "" {
		place, err := commitQuestion(q).place(cursor)
		if err != nil {
			return q, err
		}
		after, err := position(place)
		if err != nil {
			return q, err
		}
		q.After = &after
	}
	return q, nil
}

// commitQuestion identifies a query, whatever its page.
func commitQuestion(q storage.CommitQuery) question {
	instant := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return questionOf("commits", string(q.Key), strconv.FormatUint(uint64(q.Repository), 10), q.Ref, instant(q.Since), instant(q.Until))
}

// page answers one page of an issue's commits, of the repositories that the request's token opens.
func (s *Server) page(ctx context.Context, q storage.CommitQuery, names *names) (Commits, error) {
	who := accessOf(ctx)
	var err error
	if q.Within, err = who.within(ctx); err != nil {
		return Commits{}, err
	}
	page, err := s.options.Store.Commits(ctx, q)
	if err != nil {
		return Commits{}, fmt.Errorf("commits of %s: %w", q.Key, err)
	}
	body := Commits{Key: q.Key, Commits: make([]Commit, 0, len(page.Hits))}
	for _, hit := range page.Hits {
		in, ok, err := names.of(ctx, hit.Repository)
		if err != nil {
			return Commits{}, err
		}
		if ok {
			hit.Keys = who.keys(hit.Keys)
			commit := in.commit(hit)
			if q.Plain {
				commit = commit.plain()
			}
			body.Commits = append(body.Commits, commit)
		}
	}
	if page.Next != nil {
		body.Next = commitQuestion(q).cursor(placeOf(*page.Next))
	}
	return body, nil
}
