package httpapi

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.yaml
var contract []byte

// health says that the process answers, nothing more.
func (s *Server) health(w *response, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", s.options.Version}))
	return nil
}

// ready says whether the daemon does its job.
func (s *Server) ready(w *response, r *http.Request) error {
	if err := s.options.Ready(); err != nil {
		return problemf(notReady, "%v", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(struct {
		Status string `json:"status"`
	}{"ready"}))
	return nil
}

// openapi gives the contract.
func (s *Server) openapi(w *response, r *http.Request) error {
	s.answerTagged(w, r, "application/yaml", contract)
	return nil
}
