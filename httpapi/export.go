package httpapi

import (
	"bufio"
	"context"
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
	project, err := s.project(r.Context(), p.text("project"))
	if err != nil {
		return err
	}
	who := accessOf(r.Context())
	w.Header().Set("Content-Type", ndjsonType)
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
		if !who.has(posting.Key) {
			continue
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

// project reads a project's key, and refuses one that the request's token does not open. The grammar knows keys of issues only, so
// it is asked about the project's first. The empty text is no project in particular.
func (s *Server) project(ctx context.Context, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	key, err := s.options.Keys(text + "-1")
	if err != nil || len(text) > maxKey {
		return "", problemf(badParameter, "project %s is no project key: want one as KAFKA", quote(text))
	}
	return key.Project(), accessOf(ctx).key(key)
}
