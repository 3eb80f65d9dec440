package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"keytrail/storage"
)

// gijBranch is a branch in the development panel of an issue. The addresses of desktop programs are not known.
type gijBranch struct {
	Name                   string `json:"name"`
	IsAheadBehindPresented bool   `json:"isAheadBehindPresented"`
	Ahead                  int    `json:"ahead"`
	Behind                 int    `json:"behind"`
	ExternalURL            string `json:"externalUrl,omitempty"`
}

// gijPanel is what the development panel of an issue tells of one repository.
type gijPanel struct {
	RepoID             storage.RepositoryID `json:"repoId"`
	RepoName           string               `json:"repoName"`
	IsGitViewerEnabled bool                 `json:"isGitViewerEnabled"` // there is none
	IsRepoAPIEnabled   bool                 `json:"isRepoApiEnabled"`   // pull requests can be made
	Branches           []gijBranch          `json:"branches"`
}

// gijDetails answers the development panel of an issue: its branches by repository, those too that are named after it.
func (s *Server) gijDetails(w *response, r *http.Request) error {
	ctx := r.Context()
	key, err := s.key(ctx, r.PathValue("key"))
	if err != nil {
		return err
	}
	q := storage.IssueQuery{Key: key, Compare: true}
	if q.Within, err = accessOf(ctx).within(ctx); err != nil {
		return err
	}
	issue, err := s.options.Store.Issue(ctx, q)
	if err != nil {
		return fmt.Errorf("issue %s: %w", key, err)
	}
	panels, err := s.gijPanels(ctx, issue)
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		gijDone
		CommitCount          int64      `json:"commitCount"`
		Repositories         []gijPanel `json:"repositories"`
		EnableBranchCreation bool       `json:"enableBranchCreation"` // this dialect has no route for it
		GKEnabled            bool       `json:"gkEnabled"`
		GLEnabled            bool       `json:"glEnabled"`
		NotAllPermissions    bool       `json:"notAllPermissions"` // the token opens some repositories only
	}{gijDone: gijOK, CommitCount: issue.Commits, Repositories: panels, NotAllPermissions: q.Within != nil})
	return nil
}

// gijPanels gives the repositories that have a commit or a branch of an issue, in order of their ids.
func (s *Server) gijPanels(ctx context.Context, issue storage.Issue) ([]gijPanel, error) {
	branches := map[storage.RepositoryID][]storage.IssueRef{}
	for _, in := range issue.Repositories {
		branches[in.Repository] = nil
	}
	for _, b := range issue.Branches {
		branches[b.Repository] = append(branches[b.Repository], b)
	}
	names, types := s.names(), s.integrationTypes()
	panels := []gijPanel{}
	for id, list := range branches {
		in, ok, err := names.of(ctx, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		panel := gijPanel{RepoID: id, RepoName: in.Name, IsRepoAPIEnabled: s.canAct(in.repository, types), Branches: []gijBranch{}}
		slices.SortFunc(list, func(a, b storage.IssueRef) int { return cmp.Compare(a.Name, b.Name) })
		for _, b := range list {
			panel.Branches = append(panel.Branches, gijBranch{
				Name: b.Name, IsAheadBehindPresented: b.Compared, Ahead: b.Ahead, Behind: b.Behind, ExternalURL: in.links().Branch(b.Name),
			})
		}
		panels = append(panels, panel)
	}
	slices.SortFunc(panels, func(a, b gijPanel) int { return cmp.Compare(a.RepoID, b.RepoID) })
	return panels, nil
}

// canAct reports whether pull requests can be asked for at the host of a repository, whose kind is known by the name of its integration.
func (s *Server) canAct(r storage.Repository, types map[string]string) bool {
	kind := types[r.Integration]
	return s.options.Actions != nil && kind != "" && kind != "folder" && kind != "gerrit"
}
