package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"keytrail/storage"
)

// gijThread is a reindex that somebody asked for. It is finished when each of its repositories has been looked at since.
type gijThread struct {
	id    string
	asked time.Time
	of    map[storage.RepositoryID]int // failures in a row that the repository had then
}

// maxGIJThreads is how many threads are remembered. An older one is forgotten.
const maxGIJThreads = 200

// gijThreads are the last threads that were asked for. It is safe for concurrent use.
type gijThreads struct {
	mu   sync.Mutex
	last []gijThread // the oldest first
}

// begin remembers a thread.
func (t *gijThreads) begin(asked time.Time, of map[storage.RepositoryID]int) gijThread {
	made := gijThread{id: randomUUID(), asked: asked, of: of}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, made)
	if len(t.last) > maxGIJThreads {
		t.last = append(t.last[:0:0], t.last[1:]...)
	}
	return made
}

// find gives a thread that is remembered.
func (t *gijThreads) find(id string) (gijThread, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, thread := range t.last {
		if thread.id == id {
			return thread, true
		}
	}
	return gijThread{}, false
}

// randomUUID makes a UUID of version 4 (RFC 9562, section 5.4).
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// gijReindex asks for a look at one repository or at all, ahead of their intervals, and answers before the work is done. Priorities
// do not matter: what somebody asks for goes first.
func (s *Server) gijReindex(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	var request struct {
		RepoID *int64 `json:"repoId"`
	}
	if err := readLoose(w, r, &request); err != nil {
		return err
	}
	text := q["repoid"]
	if request.RepoID != nil {
		text = strconv.FormatInt(*request.RepoID, 10)
	}
	of, err := s.gijTargets(r.Context(), text)
	if err != nil {
		return err
	}
	thread := s.threads.begin(s.options.Now(), of)
	for id := range of {
		err := s.options.Indexer.Reindex(r.Context(), id, false)
		if err != nil && (text != "" || !errors.Is(err, storage.ErrNotFound)) {
			return fmt.Errorf("reindex repository %d: %w", id, err)
		}
	}
	setFields(w.Header(), "Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(struct {
		gijDone
		Finished bool   `json:"finished"`
		ThreadID string `json:"threadId"`
	}{gijOK, false, thread.id}))
	return nil
}

// gijTargets gives the repositories to look at, one by its number or all, with their failures in a row.
func (s *Server) gijTargets(ctx context.Context, text string) (map[storage.RepositoryID]int, error) {
	if text != "" {
		r, err := s.repositoryByID(ctx, text)
		if err != nil {
			return nil, err
		}
		if r.State() == storage.StateRetired {
			return nil, problemf(repositoryRetired, "repository %d is gone from its host or from the configuration and is not looked at any more: "+
				"bring it back there first", r.ID)
		}
		return map[storage.RepositoryID]int{r.ID: r.Failure.Count}, nil
	}
	of := map[storage.RepositoryID]int{}
	for r, err := range s.options.Store.Repositories(ctx) {
		if err != nil {
			return nil, fmt.Errorf("repositories: %w", err)
		}
		if accessOf(ctx).repository(r) == nil && r.State() != storage.StateRetired {
			of[r.ID] = r.Failure.Count
		}
	}
	return of, nil
}

// gijProgress is how far a reindex is.
type gijProgress struct {
	gijDone
	Finished             bool               `json:"finished"`
	ThreadID             string             `json:"threadId,omitempty"`
	Messages             map[string]float64 `json:"messages"` // a repository each, in percent
	Errors               map[string]string  `json:"errors"`   // of those that failed
	LastOperationPercent float64            `json:"lastOperationPercent"`
}

// gijIndex answers how far a thread is, or without one which repositories have ever been looked at; of one repository or of all.
func (s *Server) gijIndex(w *response, r *http.Request) error {
	q, err := looseQueryOf(r)
	if err != nil {
		return err
	}
	var one storage.RepositoryID
	if text := q["repoid"]; text != "" {
		repository, err := s.repositoryByID(r.Context(), text)
		if err != nil {
			return err
		}
		one = repository.ID
	}
	body := gijProgress{gijDone: gijOK, ThreadID: q["threadid"], Messages: map[string]float64{}, Errors: map[string]string{}}
	var thread gijThread
	if body.ThreadID != "" {
		var isKnown bool
		if thread, isKnown = s.threads.find(body.ThreadID); !isKnown {
			return problemf(threadNotFound, "no thread %s is remembered: those since the start are, the last %d; ask without threadId for what is "+
				"known of the repositories", quote(body.ThreadID), maxGIJThreads)
		}
		if _, isOf := thread.of[one]; one != 0 && !isOf {
			return problemf(threadNotFound, "thread %s does not have repository %d: ask without repoId for those that it has", quote(body.ThreadID), one)
		}
	}
	if err := s.readProgress(r.Context(), &body, thread, one); err != nil {
		return err
	}
	setFields(w.Header(), "Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(body))
	return nil
}

// readProgress tells which repositories have been looked at since a thread was asked for, or ever.
func (s *Server) readProgress(ctx context.Context, body *gijProgress, thread gijThread, one storage.RepositoryID) error {
	all, done := 0, 0
	for r, err := range s.options.Store.Repositories(ctx) {
		if err != nil {
			return fmt.Errorf("repositories: %w", err)
		}
		failures, isOf := thread.of[r.ID]
		if accessOf(ctx).repository(r) != nil || one != 0 && r.ID != one || thread.id != "" && !isOf || r.State() == storage.StateRetired {
			continue
		}
		all++
		hasFailed := r.Failure.Class != "" && (r.Failure.Count > failures || !r.Failure.Since.Before(thread.asked))
		percent := 0.0
		if hasFailed || !r.SeenAt.IsZero() && !r.SeenAt.Before(thread.asked) {
			done++
			percent = 100
		}
		name := r.Name
		if _, isTaken := body.Messages["Indexing "+name]; isTaken {
			name = fmt.Sprintf("%s (%d)", name, r.ID)
		}
		body.Messages["Indexing "+name] = percent
		if hasFailed {
			body.Errors[name] = r.Failure.Text
		}
	}
	body.Finished, body.LastOperationPercent = done == all, 100
	if all > 0 {
		body.LastOperationPercent = float64(done) * 100 / float64(all)
	}
	return nil
}
