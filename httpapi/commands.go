package httpapi

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"keytrail/storage"
)

// commandShown is the state of a command that nobody carries out.
const commandShown storage.CommandState = "shown"

// Command is a smart-commit command, and what came of it.
type Command struct {
	SHA        storage.OID          `json:"sha"`
	Repository RepositoryRef        `json:"repository"` // in which the commit was seen first; without a name when it was forgotten since
	Index      int                  `json:"index"`      // names the command among those of the commit
	Key        storage.IssueKey     `json:"key"`
	Name       string               `json:"name"`
	Text       string               `json:"text"`
	State      storage.CommandState `json:"state"`
	Attempts   int                  `json:"attempts"`
	Outcome    string               `json:"outcome"`
	At         time.Time            `json:"at"` // of the last attempt, else when it was found; of one that is shown, the committer date
}

// issueCommands answers the commands for an issue.
func (s *Server) issueCommands(w *response, r *http.Request) error {
	key, err := s.keyAlone(r)
	if err != nil {
		return err
	}
	body := struct {
		Key      storage.IssueKey `json:"key"`
		Commands []Command        `json:"commands"`
	}{key, []Command{}}
	if s.options.ShownCommands != nil {
		body.Commands, err = s.shownCommands(r.Context(), key)
	} else {
		body.Commands, err = s.carriedOut(r.Context(), key)
	}
	if err != nil {
		return err
	}
	s.answer(w, r, body)
	return nil
}

// carriedOut gives the commands for an issue that the index knows, in the order in which they were found.
func (s *Server) carriedOut(ctx context.Context, key storage.IssueKey) ([]Command, error) {
	commands, names := []Command{}, s.names()
	for c, err := range s.options.Store.Commands(ctx, storage.CommandQuery{Key: key}) {
		if err != nil {
			return nil, fmt.Errorf("commands of %s: %w", key, err)
		}
		if commands, err = appendCommand(ctx, commands, c, names); err != nil {
			return nil, err
		}
	}
	return commands, nil
}

// shownCommands gives the commands that the newest commits of an issue give for it, those of the newest first. What several repositories
// have is given once.
func (s *Server) shownCommands(ctx context.Context, key storage.IssueKey) ([]Command, error) {
	scope, err := accessOf(ctx).within(ctx)
	if err != nil {
		return nil, err
	}
	page, err := s.options.Store.Commits(ctx, storage.CommitQuery{Key: key, Within: scope, Plain: true})
	if err != nil {
		return nil, fmt.Errorf("commits of %s: %w", key, err)
	}
	commands, names, seen := []Command{}, s.names(), map[storage.CommandID]bool{}
	for _, hit := range page.Hits {
		for _, c := range s.options.ShownCommands(hit) {
			if c.Key != key || seen[c.CommandID] {
				continue
			}
			seen[c.CommandID] = true
			c.State, c.FoundAt = commandShown, hit.Committer.Time()
			if commands, err = appendCommand(ctx, commands, c, names); err != nil {
				return nil, err
			}
		}
	}
	return commands, nil
}

// appendCommand adds the JSON form of a command, unless the request's token does not open it.
func appendCommand(ctx context.Context, to []Command, c storage.Command, names *names) ([]Command, error) {
	if !accessOf(ctx).has(c.Key) {
		return to, nil
	}
	repository := RepositoryRef{ID: c.Repository} // commands outlive their repositories
	in, ok, err := names.of(ctx, c.Repository)
	switch a := accessOf(ctx); {
	case err != nil:
		return to, err
	case ok:
		repository = in.RepositoryRef
	case a != nil && a.token.Integrations != nil:
		return to, nil
	}
	at := c.TriedAt
	if at.IsZero() {
		at = c.FoundAt
	}
	return append(to, Command{
		SHA: c.OID, Repository: repository, Index: c.Index, Key: c.Key, Name: c.Name, Text: c.Text, State: c.State, Attempts: c.Attempts,
		Outcome: c.Outcome, At: at,
	}), nil
}

// commands answers one page of all commands that are carried out, in the order in which they were found.
func (s *Server) commands(w *response, r *http.Request) error {
	p, err := queryOf(r, "state", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := p.limit()
	if err != nil {
		return err
	}
	state, err := p.oneOf("state", string(storage.CommandWaiting), string(storage.CommandTrying), string(storage.CommandDone),
		string(storage.CommandFailed), string(storage.CommandSkipped))
	if err != nil {
		return err
	}
	question, passed := questionOf("commands", state), uint64(0)
	if cursor := p.text("cursor"); cursor != "" {
		place, err := question.place(cursor)
		if err != nil {
			return err
		}
		if len(place) != 8 {
			return malformedCursor()
		}
		passed = binary.BigEndian.Uint64(place)
	}
	body := struct {
		Commands []Command `json:"commands"`
		Next     string    `json:"next,omitempty"`
	}{Commands: []Command{}}
	// Commands are never taken away, so that their number among all is a place, whatever their states become.
	n, names := uint64(0), s.names()
	for c, err := range s.options.Store.Commands(r.Context(), storage.CommandQuery{}) {
		if err != nil {
			return fmt.Errorf("commands: %w", err)
		}
		if n++; n <= passed || state != "" && string(c.State) != state {
			continue
		}
		if len(body.Commands) == limit {
			body.Next = question.cursor(binary.BigEndian.AppendUint64(nil, n-1))
			break
		}
		if body.Commands, err = appendCommand(r.Context(), body.Commands, c, names); err != nil {
			return err
		}
	}
	s.answer(w, r, body)
	return nil
}
