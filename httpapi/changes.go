package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/storage"
)

// Change is one posting that was added or dropped.
type Change struct {
	Op         string            `json:"op"` // add or drop
	Key        storage.IssueKey  `json:"key"`
	SHA        storage.OID       `json:"sha"`
	Repository ChangedRepository `json:"repository"`
	Initial    bool              `json:"initial"`
	Sequence   uint64            `json:"sequence"`
	At         *time.Time        `json:"at,omitempty"` // absent of what there was when the follower began
}

// ChangedRepository names a repository, which may be forgotten by now: then it has its number only.
type ChangedRepository struct {
	ID   storage.RepositoryID `json:"id"`
	Name string               `json:"name,omitempty"`
}

// Changes is one page of the feed.
type Changes struct {
	Changes []Change `json:"changes"`
	changesMark
}

// changesMark ends a page of the feed.
type changesMark struct {
	Next  string `json:"next"`
	AtEnd bool   `json:"at_end"` // nothing lies behind Next yet
}

// Limits of the feed.
const (
	maxWait     = 60 * time.Second
	maxFeedRead = 100 // pages of changes that a request passes over before it answers with none
	ndjsonType  = "application/x-ndjson"
)

func (s *Server) changes(w *response, r *http.Request) error {
	p, err := queryOf(r, "cursor", "limit", "wait", "project")
	if err != nil {
		return err
	}
	f, err := s.follow(r.Context(), p)
	if err != nil {
		return err
	}
	wait, err := p.wait()
	if err != nil {
		return err
	}
	setFields(w.Header(), "Cache-Control", "no-store", "Vary", "Accept")
	if prefers(r, ndjsonType) {
		return f.stream(w, r, wait)
	}
	deadline := time.Now().Add(wait)
	for {
		page, err := f.next(r.Context())
		if err != nil {
			return err
		}
		if len(page.Changes) == 0 && page.AtEnd {
			moved, err := s.await(r.Context(), f.after, time.Until(deadline))
			if err != nil {
				return err
			}
			if moved && s.isGranted(f.who) {
				continue
			}
		}
		writeBody(w, http.StatusOK, "application/json", encode(page))
		return nil
	}
}

// wait reads how long a request waits for changes: a duration as 30s, or seconds; not at all when it is not given.
func (p params) wait() (time.Duration, error) {
	text := p.text("wait")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, isNumber := strconv.Atoi(text); isNumber == nil && seconds >= 0 && seconds <= int(maxWait/time.Second) {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d < 0 || d > maxWait {
		return 0, problemf(badParameter, "wait %s: want a duration as 30s, up to %v", quote(text), maxWait)
	}
	return d, nil
}

// await waits until the feed tells something behind a place, and reports whether it does. It ends too when the time is over, and
// when the server ends.
func (s *Server) await(ctx context.Context, after storage.FeedCursor, wait time.Duration) (moved bool, err error) {
	if wait <= 0 {
		return false, nil
	}
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	err = s.options.Store.Await(within, after)
	if within.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// follower reads the feed for one request, as far as its token opens it.
type follower struct {
	server   *Server
	who      *access
	question question
	project  string // of this one only, unless it is empty
	after    storage.FeedCursor
	limit    int
}

// follow reads the parameters of a follower. A cursor belongs to what the token opens: with another it would leave changes out.
func (s *Server) follow(ctx context.Context, p params) (*follower, error) {
	f := &follower{server: s, who: accessOf(ctx), limit: storage.MaxLimit}
	var err error
	if f.limit, err = p.number("limit", 1, storage.MaxLimit, storage.MaxLimit); err != nil {
		return nil, err
	}
	if f.project, err = s.project(ctx, p.text("project")); err != nil {
		return nil, err
	}
	f.question = questionOf("changes", f.project, f.who.bounds())
	if cursor := p.text("cursor"); cursor != "" {
		place, err := f.question.place(cursor)
		if err != nil {
			return nil, err
		}
		f.after = storage.FeedCursor(place)
	}
	return f, nil
}

// next reads on until there is something to tell, the end, or more than one request reads.
func (f *follower) next(ctx context.Context) (Changes, error) {
	answer := Changes{Changes: []Change{}}
	for range maxFeedRead {
		page, err := f.server.options.Store.Changes(ctx, f.after, f.limit)
		if err != nil {
			return answer, fmt.Errorf("changes: %w", err)
		}
		if answer.Changes, err = f.told(ctx, page.Changes); err != nil {
			return answer, err
		}
		f.after = page.Next
		answer.Next, answer.AtEnd = f.question.cursor([]byte(page.Next)), page.AtEnd
		if len(answer.Changes) > 0 || page.AtEnd {
			break
		}
	}
	return answer, nil
}

// told gives the JSON form of those changes that the follower is told. Of a repository that is forgotten nobody knows any more which
// integration it was of: what was dropped is told to all, so that no follower keeps it, and what was added only to those who see all.
func (f *follower) told(ctx context.Context, changes []storage.PostingChange) ([]Change, error) {
	told := make([]Change, 0, len(changes))
	names := map[storage.RepositoryID]changedFrom{}
	for _, c := range changes {
		if f.project != "" && c.Key.Project() != f.project || !f.who.has(c.Key) {
			continue
		}
		in, ok := names[c.Repository]
		if !ok {
			var err error
			if in, err = f.from(ctx, c.Repository); err != nil {
				return nil, err
			}
			names[c.Repository] = in
		}
		if !in.isOpen && !(in.isForgotten && c.Dropped) {
			continue
		}
		change := Change{
			Op: "add", Key: c.Key, SHA: c.OID, Repository: in.ChangedRepository, Initial: c.Initial, Sequence: c.Sequence, At: known(c.At),
		}
		if c.Dropped {
			change.Op = "drop"
		}
		told = append(told, change)
	}
	return told, nil
}

// changedFrom is a repository as a follower knows it.
type changedFrom struct {
	ChangedRepository
	isForgotten bool
	isOpen      bool // to the follower's token
}

// from looks a repository up in the index itself: a list as of a second ago may lack it, and its changes are not told again.
func (f *follower) from(ctx context.Context, id storage.RepositoryID) (changedFrom, error) {
	in := changedFrom{ChangedRepository: ChangedRepository{ID: id}}
	r, err := f.server.options.Store.Repository(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		in.isForgotten, in.isOpen = true, f.who == nil || f.who.token.Integrations == nil
	case err != nil:
		return in, fmt.Errorf("repository %d: %w", id, err)
	default:
		in.Name, in.isOpen = r.Name, f.who.integration(r.Integration)
	}
	return in, nil
}

// stream writes page after page, a JSON object a line and a mark behind each page, up to the end of the feed; and on while something
// new comes before the time is over that the client waits. A failure in the middle cuts the connection off; the follower goes on
// from the last mark.
func (f *follower) stream(w *response, r *http.Request, wait time.Duration) error {
	setFields(w.Header(), "Content-Type", ndjsonType)
	if r.Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriterSize(w, writeChunk)
	for f.server.isGranted(f.who) && f.server.ending.Err() == nil {
		page, err := f.next(r.Context())
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			_, _ = out.Write(encode(c)) // what fails is told by Flush
		}
		_, _ = out.Write(encode(page.changesMark))
		if out.Flush() != nil {
			panic(http.ErrAbortHandler)
		}
		_ = w.control.Flush() // a writer that cannot has no buffer
		if !page.AtEnd {
			continue
		}
		moved, err := f.server.await(r.Context(), f.after, wait)
		if err != nil || !moved {
			return err
		}
	}
	return nil
}

// isGranted reports whether the token of a request that goes on and on is still one.
func (s *Server) isGranted(who *access) bool {
	return who == nil && !s.guarded() || slices.Contains(*s.grants.Load(), who)
}

// bounds tells two tokens apart that open different things.
func (a *access) bounds() string {
	if a == nil {
		return ""
	}
	parts := func(list []string) string {
		if list == nil {
			return "*"
		}
		return strings.Join(slices.Sorted(slices.Values(list)), ",")
	}
	if a.token.Projects == nil && a.token.Integrations == nil {
		return ""
	}
	return parts(a.token.Projects) + ";" + parts(a.token.Integrations)
}
