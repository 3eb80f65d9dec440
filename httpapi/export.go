package httpapi

import (
	"bufio"
	"fmt"
	"net/http"
)

// export streams every posting, one JSON object a line. A failure in the middle cuts the connection off, so that
// a client that reads to the end has them all.
func (s *Server) export(w *response, r *http.Request) error {
	p, err := queryOf(r, "project")
	if err != nil {
		return err
	}
	project, err := s.project(p.text("project"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	names := s.names()
	out := bufio.NewWriterSize(w, writeChunk)
	for posting, err := range s.options.Store.Postings(r.Context(), project) {
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		in, ok, err := names.of(r.Context(), posting.Repository)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if _, err := out.Write(encode(Posting{Key: posting.Key, SHA: posting.OID, Repository: in.RepositoryRef})); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if err := out.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// project reads a project's key. The grammar knows keys of issues only, so it is asked about the project's first.
func (s *Server) project(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	key, err := s.options.Keys(text + "-1")
	if err != nil {
		return "", problemf(badParameter, "project %s is no project key: want one as KAFKA", quote(text))
	}
	return key.Project(), nil
}
