package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"keytrail/storage"
)

// Discoverer keeps the set of repositories in step with what integrations have.
type Discoverer interface {
	// Integrations tells of all, in the order of the configuration.
	Integrations() []Integration
	// Discover asks for a discovery of one soon, and does not wait for it. With accept its answer is believed whatever it is. An
	// unknown name is storage.ErrNotFound.
	Discover(name string, accept bool) error
}

// IntegrationState says how the last discovery of an integration went.
type IntegrationState string

// The states of an integration.
const (
	IntegrationNew     IntegrationState = "new" // none has succeeded since the start
	IntegrationOK      IntegrationState = "ok"
	IntegrationFailing IntegrationState = "failing" // the repositories known before stay
	IntegrationDoubted IntegrationState = "doubted" // it said that most repositories are gone; those known before stay
)

// Trying is a discovery that runs.
type Trying struct {
	Since time.Time `json:"since"`
	Error string    `json:"error,omitempty"` // why the last request failed, which is sent again; without secrets
}

// Integration is an account on a git host and how the discoveries of its repositories go.
type Integration struct {
	Name        string           `json:"name"`
	Type        string           `json:"type"`
	State       IntegrationState `json:"state"`
	Listed      int              `json:"listed"`
	Selected    int              `json:"selected"`
	Archived    int              `json:"archived"`
	Disabled    int              `json:"disabled"`
	LastSuccess *time.Time       `json:"last_success,omitempty"`
	Next        *time.Time       `json:"next,omitempty"` // absent while one runs
	Error       *RepositoryError `json:"error,omitempty"`
	Trying      *Trying          `json:"trying,omitempty"`  // while one runs
	Doubted     int              `json:"doubted,omitempty"` // how often in a row the same implausible answer was given
}

func (s *Server) integrations(w *response, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	var all []Integration
	if s.options.Discoverer != nil {
		for _, i := range s.options.Discoverer.Integrations() {
			if accessOf(r.Context()).integration(i.Name) {
				all = append(all, i)
			}
		}
	}
	s.answer(w, r, struct {
		Integrations []Integration `json:"integrations"`
	}{list(all)})
	return nil
}

// discover asks for a discovery. It answers before the work is done.
func (s *Server) discover(w *response, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	var request struct {
		Accept bool `json:"accept"`
	}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &request); err != nil {
			return err
		}
	}
	name := r.PathValue("integration")
	err := error(storage.ErrNotFound)
	if s.options.Discoverer != nil && accessOf(r.Context()).integration(name) {
		err = s.options.Discoverer.Discover(name, request.Accept)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return problemf(integrationNotFound, "there is no integration of this name in the configuration that runs: GET /api/v1/integrations lists them")
	}
	if err != nil {
		return fmt.Errorf("discover integration %q: %w", name, err)
	}
	writeBody(w, http.StatusAccepted, "application/json", encode(struct {
		Integration string `json:"integration"`
		Accept      bool   `json:"accept"`
	}{name, request.Accept}))
	return nil
}
