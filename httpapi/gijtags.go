package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"keytrail/storage"
)

// gijTag is a tag that contains a commit of an issue. Its time and committer are those of the commit it points at.
type gijTag struct {
	Name                  string               `json:"name"`
	CommitID              storage.OID          `json:"commitId"`
	RepoID                storage.RepositoryID `json:"repoId"`
	RepoName              string               `json:"repoName"`
	IsGitViewerEnabled    bool                 `json:"isGitViewerEnabled"`
	CreationDate          int64                `json:"creationDate"` // milliseconds since 1970
	CreationDateFormatted string               `json:"creationDateFormatted"`
	CommitterName         string               `json:"committerName"`
	CommitterEmail        string               `json:"committerEmail"`
}

// maxGIJTags is how many tags of a repository are told where no number is asked for, and where all are.
const maxGIJTags = 1000

// gijTags answers the tags that contain commits of an issue, the newest first.
func (s *Server) gijTags(w *response, r *http.Request) error {
	ctx := r.Context()
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	most, err := q.number("tagsPerRepository", 0, 1_000_000, 0)
	if err != nil {
		return err
	}
	if most == 0 {
		most = maxGIJTags
	}
	key, err := s.key(ctx, r.PathValue("key"))
	if err != nil {
		return err
	}
	body := struct {
		gijDone
		Tags                 []gijTag `json:"tags"`
		FirstTag             *gijTag  `json:"firstTag,omitempty"` // the oldest
		HasMore              bool     `json:"hasMore"`
		IsTagsFeatureEnabled bool     `json:"isTagsFeatureEnabled"`
		CalculationError     string   `json:"calculationError"` // never any
	}{gijDone: gijOK, IsTagsFeatureEnabled: true}
	if body.Tags, body.FirstTag, body.HasMore, err = s.readGIJTags(ctx, key, min(most, maxGIJTags)); err != nil {
		return err
	}
	s.answer(w, r, body)
	return nil
}

// readGIJTags reads the newest tags of each repository, and the oldest of all; there may be more.
func (s *Server) readGIJTags(ctx context.Context, key storage.IssueKey, most int) (tags []gijTag, first *gijTag, hasMore bool, err error) {
	q := storage.ReleaseQuery{Key: key, Branch: func(string) bool { return false }}
	if q.Within, err = accessOf(ctx).within(ctx); err != nil {
		return nil, nil, false, err
	}
	all, err := s.options.Store.Releases(ctx, q)
	if err != nil {
		return nil, nil, false, fmt.Errorf("releases of %s: %w", key, err)
	}
	newestFirst := func(a, b gijTag) int {
		return cmp.Or(cmp.Compare(b.CreationDate, a.CreationDate), cmp.Compare(b.Name, a.Name), cmp.Compare(a.RepoID, b.RepoID))
	}
	names := s.names()
	tags = []gijTag{}
	for _, in := range all {
		of, ok, err := names.of(ctx, in.Repository)
		if err != nil {
			return nil, nil, false, err
		}
		if !ok {
			continue
		}
		list := make([]gijTag, len(in.Tags))
		for i, t := range in.Tags {
			made := storage.Signature{Seconds: t.Seconds}.Time()
			list[i] = gijTag{Name: t.Name, CommitID: t.OID, RepoID: of.ID, RepoName: of.Name, CreationDate: made.UnixMilli()}
		}
		slices.SortFunc(list, newestFirst)
		if n := len(list); n > 0 && (first == nil || newestFirst(list[n-1], *first) > 0) {
			oldest := list[n-1]
			first = &oldest
		}
		hasMore = hasMore || len(list) > most
		tags = append(tags, list[:min(most, len(list))]...)
	}
	slices.SortFunc(tags, newestFirst)
	return tags, first, hasMore, s.completeGIJTags(ctx, tags, first)
}

// completeGIJTags adds who committed what the tags point at, where the token opens that.
func (s *Server) completeGIJTags(ctx context.Context, tags []gijTag, first *gijTag) error {
	complete := func(t *gijTag) error {
		t.CreationDateFormatted = time.UnixMilli(t.CreationDate).UTC().Format(gijDate)
		hit, err := s.options.Store.Commit(ctx, t.RepoID, t.CommitID)
		if errors.Is(err, storage.ErrNotFound) {
			return nil // the tag has gone since
		}
		if err != nil {
			return fmt.Errorf("commit of tag %q: %w", t.Name, err)
		}
		if accessOf(ctx).hit(hit) == nil {
			t.CommitterName, t.CommitterEmail = hit.Committer.Name, hit.Committer.Email
		}
		t.CreationDateFormatted = hit.Committer.Time().Format(gijDate)
		return nil
	}
	for i := range tags {
		if err := complete(&tags[i]); err != nil {
			return err
		}
	}
	if first == nil {
		return nil
	}
	return complete(first)
}
