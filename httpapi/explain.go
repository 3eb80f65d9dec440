package httpapi

import (
	"fmt"
	"net/http"
)

// explain says what the key grammar makes of a text, or why a commit is or is not in the index.
func (s *Server) explain(w *response, r *http.Request) error {
	p, err := queryOf(r, "text", "sha")
	if err != nil {
		return err
	}
	text, sha := p.text("text"), p.text("sha")
	if (text == "") == (sha == "") {
		return problemf(badParameter, "give either text or sha")
	}
	if text != "" {
		s.answer(w, r, struct {
			Text     string    `json:"text"`
			Findings []Finding `json:"findings"`
		}{text, list(s.options.ExplainText(text))})
		return nil
	}
	oid, err := fullSHA(sha)
	if err != nil {
		return err
	}
	explanation, err := s.options.ExplainCommit(r.Context(), oid)
	if err != nil {
		return fmt.Errorf("explain commit %s: %w", oid, err)
	}
	explanation.Repositories = list(explanation.Repositories)
	for i := range explanation.Repositories {
		holder := &explanation.Repositories[i]
		holder.Keys, holder.Findings = list(holder.Keys), list(holder.Findings)
		holder.Branches, holder.Tags = list(holder.Branches), list(holder.Tags)
	}
	s.answer(w, r, explanation)
	return nil
}
