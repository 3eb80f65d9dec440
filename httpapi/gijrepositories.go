package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"keytrail/storage"
)

// gijRepository is a repository, in those fields whose values are known.
type gijRepository struct {
	ID                   storage.RepositoryID `json:"id"`
	DisplayName          string               `json:"displayName"`
	Origin               string               `json:"origin"`
	MainBranch           string               `json:"mainBranch"`
	Disabled             bool                 `json:"disabled"` // retired
	EnableFetches        bool                 `json:"enableFetches"`
	Hosted               bool                 `json:"hosted"`                    // read in place, from a path
	Global               bool                 `json:"global"`                    // of all projects
	RevisionIndexing     bool                 `json:"revisionIndexing"`          // its commits are indexed
	GitViewerEnabled     bool                 `json:"gitViewerEnabled"`          // there is none
	LastIndexedDate      int64                `json:"lastIndexedDate,omitempty"` // the last successful look; milliseconds since 1970
	IntegrationType      string               `json:"integrationType,omitempty"`
	SupportsPullRequests string               `json:"supportsPullRequestApi,omitempty"`
	State                string               `json:"state"` // QUEUED, UPDATED or ERROR
}

// gijTypes are the words of the dialect for kinds of hosts. Those that it does not know are told by their own.
var gijTypes = map[string]string{
	"azure-devops": "AZURE_DEVOPS", "azure-devops-server": "TFS_SERVER", "codecommit": "AWS", "folder": "FILESPACE", "gerrit": "GERRIT",
	"github": "GITHUB", "github-app": "GITHUB", "gitlab": "GITLAB",
}

func gijType(kind string) string {
	if known, ok := gijTypes[kind]; ok {
		return known
	}
	return strings.ToUpper(strings.ReplaceAll(kind, "-", "_"))
}

// integrationTypes gives the kinds of hosts of the integrations, by name.
func (s *Server) integrationTypes() map[string]string {
	types := map[string]string{}
	if s.options.Discoverer != nil {
		for _, in := range s.options.Discoverer.Integrations() {
			types[in.Name] = in.Type
		}
	}
	return types
}

// gijRepositoryOf writes a repository that is looked at for the first time as QUEUED: whether that has begun is not known here.
func (s *Server) gijRepositoryOf(r storage.Repository, types map[string]string) gijRepository {
	state := map[storage.State]string{storage.StateNew: "QUEUED", storage.StateFailing: "ERROR"}[r.State()]
	if state == "" {
		state = "UPDATED"
	}
	g := gijRepository{
		ID: r.ID, DisplayName: r.Name, Origin: r.URL, MainBranch: strings.TrimPrefix(r.DefaultBranch, "refs/heads/"),
		Disabled: r.State() == storage.StateRetired, EnableFetches: r.State() != storage.StateRetired,
		Hosted: strings.HasPrefix(r.URL, "/") || strings.HasPrefix(r.URL, "file://"), Global: true, RevisionIndexing: true,
		LastIndexedDate: milliseconds(r.SeenAt), IntegrationType: gijType(types[r.Integration]), State: state,
	}
	if s.canAct(r, types) {
		g.SupportsPullRequests = "PULL_REQUESTS_GROUP"
	}
	return g
}

// gijRepositories answers the repositories that are looked at: all, those that have a commit of a project, or with all the retired
// ones too.
func (s *Server) gijRepositories(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	var of map[storage.RepositoryID]bool
	if text := q["projectkey"]; text != "" {
		if of, err = s.repositoriesOfProject(r.Context(), text); err != nil {
			return err
		}
	}
	found, err := s.readGIJRepositories(r.Context(), func(repository storage.Repository) bool {
		return (of == nil || of[repository.ID]) && (q.isSet("all") || repository.State() != storage.StateRetired)
	})
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		gijDone
		Repositories []gijRepository `json:"repositories"`
	}{gijOK, found})
	return nil
}

// maxGIJPage is the most repositories of a page, as in the dialect itself.
const maxGIJPage = 100

// gijRepositoryPage answers some of the repositories that there are, the retired ones among them, in order of their ids.
func (s *Server) gijRepositoryPage(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	limit, err := q.number("limit", 1, maxGIJPage, maxGIJPage)
	if err != nil {
		return err
	}
	offset, err := q.number("offset", 0, 1<<31-1, 0)
	if err != nil {
		return err
	}
	all, err := s.readGIJRepositories(r.Context(), func(storage.Repository) bool { return true })
	if err != nil {
		return err
	}
	page := all[min(offset, len(all)):min(offset+limit, len(all))]
	s.answer(w, r, struct {
		gijDone
		Total        int             `json:"total"`
		Offset       int             `json:"offset"`
		Count        int             `json:"count"`
		Repositories []gijRepository `json:"repositories"`
	}{gijOK, len(all), offset, len(page), page})
	return nil
}

// readGIJRepositories gives those repositories that the token opens and that are asked for.
func (s *Server) readGIJRepositories(ctx context.Context, isAsked func(storage.Repository) bool) ([]gijRepository, error) {
	who, types := accessOf(ctx), s.integrationTypes()
	found := []gijRepository{}
	for repository, err := range s.options.Store.Repositories(ctx) {
		if err != nil {
			return nil, fmt.Errorf("repositories: %w", err)
		}
		if who.repository(repository) == nil && isAsked(repository) {
			found = append(found, s.gijRepositoryOf(repository, types))
		}
	}
	return found, nil
}

// repositoriesOfProject gives the repositories that have a commit of a project.
func (s *Server) repositoriesOfProject(ctx context.Context, text string) (map[storage.RepositoryID]bool, error) {
	project, err := s.project(ctx, text)
	if err != nil {
		return nil, err
	}
	found := map[storage.RepositoryID]bool{}
	for p, err := range s.options.Store.Postings(ctx, project) {
		if err != nil {
			return nil, fmt.Errorf("postings of %s: %w", project, err)
		}
		found[p.Repository] = true
	}
	return found, nil
}

// gijIntegrations answers the accounts on git hosts. They have names and no numbers.
func (s *Server) gijIntegrations(w *response, r *http.Request) error {
	type integration struct {
		DisplayName     string `json:"displayName"`
		Type            string `json:"type"`
		State           string `json:"state"` // QUEUED, UPDATED or ERROR
		LastIndexedDate int64  `json:"lastIndexedDate,omitempty"`
	}
	found := []integration{}
	if s.options.Discoverer != nil {
		for _, in := range s.options.Discoverer.Integrations() {
			if !accessOf(r.Context()).integration(in.Name) {
				continue
			}
			made := integration{DisplayName: in.Name, Type: gijType(in.Type), State: map[IntegrationState]string{
				IntegrationNew: "QUEUED", IntegrationOK: "UPDATED", IntegrationFailing: "ERROR", IntegrationDoubted: "ERROR",
			}[in.State]}
			if in.LastSuccess != nil {
				made.LastIndexedDate = in.LastSuccess.UnixMilli()
			}
			found = append(found, made)
		}
	}
	s.answer(w, r, struct {
		gijDone
		Integrations []integration `json:"integrations"`
	}{gijOK, found})
	return nil
}
