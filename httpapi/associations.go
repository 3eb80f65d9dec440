package httpapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"keytrail/storage"
)

// Editor takes over what is decided by hand; a storage.Writer is one.
type Editor interface {
	Associate(ctx context.Context, decided []storage.Association) (storage.Associated, error)
}

// Association is what somebody decided by hand about a key and a commit.
type Association struct {
	Number  uint64           `json:"number"`
	Key     storage.IssueKey `json:"key"`
	SHA     storage.OID      `json:"sha"`
	Verdict storage.Verdict  `json:"verdict"`
	At      time.Time        `json:"at"`
	By      string           `json:"by,omitempty"`
	Token   string           `json:"token,omitempty"` // name of the API token that was used
	Reason  string           `json:"reason,omitempty"`
}

// Limits of what is decided in one call.
const (
	maxAssociations = 500  // keys of a commit, or entries of a list
	maxBy           = 255  // bytes
	maxReason       = 1000 // bytes
)

// associationOf gives the JSON form of an association.
func associationOf(a storage.Association) Association {
	return Association{
		Number: a.Number, Key: a.Key, SHA: a.OID, Verdict: a.Verdict, At: a.At.UTC(), By: a.By, Token: a.Token, Reason: a.Reason,
	}
}

// decisions gives what stands of what was decided by hand about a commit, as far as the request's token opens it.
func (s *Server) decisions(ctx context.Context, oid storage.OID) ([]Association, error) {
	found := []Association{}
	for a, err := range s.options.Store.Associations(ctx, storage.AssociationQuery{OID: oid}) {
		if err != nil {
			return nil, fmt.Errorf("associations of %s: %w", oid, err)
		}
		if accessOf(ctx).has(a.Key) {
			found = append(found, associationOf(a))
		}
	}
	return found, nil
}

// associations lists what was decided by hand, in the order in which it was.
func (s *Server) associations(w *response, r *http.Request) error {
	p, err := queryOf(r, "key", "sha", "history", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := p.limit()
	if err != nil {
		return err
	}
	q, question, err := s.associationQuery(r.Context(), p)
	if err != nil {
		return err
	}
	page := struct {
		Associations []Association `json:"associations"`
		Next         string        `json:"next,omitempty"`
	}{Associations: []Association{}}
	who := accessOf(r.Context())
	for a, err := range s.options.Store.Associations(r.Context(), q) {
		if err != nil {
			return fmt.Errorf("associations: %w", err)
		}
		isOpen, err := s.opens(r.Context(), who, a)
		if err != nil {
			return err
		}
		if !isOpen {
			continue
		}
		if len(page.Associations) == limit {
			last := page.Associations[limit-1].Number
			page.Next = question.cursor(binary.BigEndian.AppendUint64(nil, last))
			break
		}
		page.Associations = append(page.Associations, associationOf(a))
	}
	s.answer(w, r, page)
	return nil
}

// associationQuery reads the parameters that narrow a list of associations.
func (s *Server) associationQuery(ctx context.Context, p params) (q storage.AssociationQuery, asked question, err error) {
	if text := p.text("key"); text != "" {
		if q.Key, err = s.key(ctx, text); err != nil {
			return q, asked, err
		}
	}
	if text := p.text("sha"); text != "" {
		if q.OID, err = fullSHA(text); err != nil {
			return q, asked, err
		}
	}
	if q.History, err = p.flag("history", false); err != nil {
		return q, asked, err
	}
	asked = questionOf("associations", string(q.Key), q.OID.String(), strconv.FormatBool(q.History))
	if cursor := p.text("cursor"); cursor != "" {
		place, err := asked.place(cursor)
		if err != nil {
			return q, asked, err
		}
		if len(place) != 8 {
			return q, asked, malformedCursor()
		}
		q.After = binary.BigEndian.Uint64(place)
	}
	return q, asked, nil
}

// opens reports whether a token opens what was decided: the key's project, and a repository that has the commit.
func (s *Server) opens(ctx context.Context, who *access, a storage.Association) (bool, error) {
	if !who.has(a.Key) {
		return false, nil
	}
	scope, err := who.within(ctx)
	if err != nil || scope == nil {
		return err == nil, err
	}
	for _, id := range scope {
		isHeld, err := s.options.Store.Holds(ctx, id, a.OID)
		if errors.Is(err, storage.ErrNotFound) {
			continue // it was forgotten since
		}
		if isHeld || err != nil {
			return isHeld, err
		}
	}
	return false, nil
}

// associateCommit decides which issues a commit belongs to, in every repository that has it.
func (s *Server) associateCommit(w *response, r *http.Request) error {
	var request struct {
		Add    []string `json:"add"`
		Drop   []string `json:"drop"`
		Clear  []string `json:"clear"`
		By     string   `json:"by"`
		Reason string   `json:"reason"`
	}
	if _, err := queryOf(r); err != nil {
		return err
	}
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	repository, hit, err := s.findCommit(r)
	if err != nil {
		return err
	}
	d := decider{server: s, by: request.By, reason: request.Reason, seen: map[storage.IssueKey]bool{}}
	for _, group := range []struct {
		verdict storage.Verdict
		keys    []string
	}{{storage.VerdictAdd, request.Add}, {storage.VerdictDrop, request.Drop}, {storage.VerdictClear, request.Clear}} {
		for _, text := range group.keys {
			if err := d.decide(r.Context(), group.verdict, text, hit.OID); err != nil {
				return err
			}
		}
	}
	done, err := d.carryOut(r.Context())
	if err != nil {
		return err
	}
	if hit, err = s.options.Store.Commit(r.Context(), repository.ID, hit.OID); err != nil {
		return fmt.Errorf("commit %s of repository %d: %w", hit.OID, repository.ID, err)
	}
	decided, err := s.decisions(r.Context(), hit.OID)
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		SHA        storage.OID        `json:"sha"`
		Repository RepositoryRef      `json:"repository"`
		Keys       []storage.IssueKey `json:"keys"`
		Decided    []Association      `json:"decided"`
		postingsChanged
	}{hit.OID, RepositoryRef{ID: repository.ID, Name: repository.Name}, list(accessOf(r.Context()).keys(hit.Keys)), decided, done})
	return nil
}

// associate takes over a list of decisions, of this index or of another.
func (s *Server) associate(w *response, r *http.Request) error {
	var request struct {
		Associations []struct {
			Key     string          `json:"key"`
			SHA     string          `json:"sha"`
			Verdict storage.Verdict `json:"verdict"`
			By      string          `json:"by"`
			Reason  string          `json:"reason"`

			// What the index that the list came from tells of itself. This one has its own.
			Number uint64 `json:"number"`
			At     string `json:"at"`
			Token  string `json:"token"`
		} `json:"associations"`
	}
	if _, err := queryOf(r); err != nil {
		return err
	}
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	d := decider{server: s}
	who := accessOf(r.Context())
	for _, a := range request.Associations {
		oid, err := fullSHA(a.SHA)
		if err != nil {
			return err
		}
		switch a.Verdict {
		case storage.VerdictAdd, storage.VerdictDrop, storage.VerdictClear:
		default:
			return problemf(badBody, "verdict %s: want one of add, drop, clear", quote(string(a.Verdict)))
		}
		d.by, d.reason = a.By, a.Reason
		if err := d.decide(r.Context(), a.Verdict, a.Key, oid); err != nil {
			return err
		}
		isOpen, err := s.opens(r.Context(), who, d.decided[len(d.decided)-1])
		if err != nil {
			return err
		}
		if !isOpen {
			return problemf(commitNotFound, "no repository that the token opens has commit %s", oid)
		}
	}
	done, err := d.carryOut(r.Context())
	if err != nil {
		return err
	}
	s.answer(w, r, struct {
		Taken int `json:"taken"`
		postingsChanged
	}{len(d.decided), done})
	return nil
}

// postingsChanged counts what associations changed in all repositories.
type postingsChanged struct {
	Added   int64 `json:"postings_added"`
	Dropped int64 `json:"postings_dropped"`
}

// decider gathers the decisions of one call.
type decider struct {
	server     *Server
	by, reason string
	seen       map[storage.IssueKey]bool // when not nil, no key may come twice
	decided    []storage.Association
}

// decide adds a decision, unless the request's token does not open it or a limit is met.
func (d *decider) decide(ctx context.Context, verdict storage.Verdict, text string, oid storage.OID) error {
	key, err := d.server.key(ctx, text)
	switch {
	case err != nil:
		return err
	case d.seen[key]:
		return problemf(badBody, "%s stands twice: say once what is decided about it", key)
	case len(d.decided) == maxAssociations:
		return problemf(badBody, "more than %d keys are decided at once: do it in several calls", maxAssociations)
	case len(d.by) > maxBy:
		return problemf(badBody, "by has %d bytes: want at most %d", len(d.by), maxBy)
	case len(d.reason) > maxReason:
		return problemf(badBody, "reason has %d bytes: want at most %d", len(d.reason), maxReason)
	}
	if d.seen != nil {
		d.seen[key] = true
	}
	d.decided = append(d.decided, storage.Association{
		Key: key, OID: oid, Verdict: verdict, At: d.server.options.Now(), By: d.by, Token: accessOf(ctx).name(), Reason: d.reason,
	})
	return nil
}

// carryOut has the index take the decisions over, all or none.
func (d *decider) carryOut(ctx context.Context) (postingsChanged, error) {
	editor := d.server.options.Associations
	switch {
	case len(d.decided) == 0:
		return postingsChanged{}, problemf(badBody, "nothing is decided: name at least one key")
	case editor == nil:
		return postingsChanged{}, problemf(actionNotSupported, "this process reads the index only: ask a daemon")
	}
	done, err := editor.Associate(ctx, d.decided)
	if err != nil {
		return postingsChanged{}, fmt.Errorf("associate: %w", err)
	}
	return postingsChanged{Added: done.PostingsAdded, Dropped: done.PostingsDropped}, nil
}
