package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keytrail/storage"
)

// Fetched tells what is here of the repositories. It asks no host.
type Fetched interface {
	// Has reports whether what is here of a repository has an object, whether or not a ref reaches it.
	Has(ctx context.Context, id storage.RepositoryID, oid storage.OID) (bool, error)
	// Refspecs gives the refspecs by which a repository is fetched; nil for one that is not in the configuration.
	Refspecs(id storage.RepositoryID) []string
	// RefspecFor gives the one by which a ref is; empty when none does.
	RefspecFor(id storage.RepositoryID, ref string) string
}

// CommitExplanation says why a commit is or is not in the index.
type CommitExplanation struct {
	SHA          storage.OID    `json:"sha"`
	Indexed      bool           `json:"indexed"`
	Reason       string         `json:"reason"` // in a sentence or two, with the way out
	Repositories []CommitHolder `json:"repositories"`

	// Unreached are repositories of which the commit was fetched, while no indexed ref reaches it.
	Unreached []LookedAt `json:"unreached"`
	Searched  int        `json:"searched"` // how many repositories were searched for the object

	// Suspects are repositories that may have the commit unseen, when no other is known to have it; SuspectsTotal counts them all.
	Suspects      []LookedAt `json:"suspects"`
	SuspectsTotal int        `json:"suspects_total"`
}

// LookedAt tells how looks at a repository went.
type LookedAt struct {
	Repository  RepositoryRef    `json:"repository"`
	State       storage.State    `json:"state"`
	LastSuccess *time.Time       `json:"last_success,omitempty"`
	IndexedAt   *time.Time       `json:"indexed_at,omitempty"` // when the tips last changed
	Error       *RepositoryError `json:"error,omitempty"`      // of the last look, if that failed
	Refspecs    []string         `json:"refspecs,omitempty"`   // by which it is fetched
}

// CommitHolder is one repository that has a commit in the index.
type CommitHolder struct {
	LookedAt
	Fetched       *bool              `json:"fetched,omitempty"` // the object is here
	Keys          []storage.IssueKey `json:"keys"`
	Findings      []Finding          `json:"findings"` // in the message
	Notes         []NoteFindings     `json:"notes"`
	Decided       []Association      `json:"decided"`
	Branches      []string           `json:"branches"`
	Tags          []string           `json:"tags"`
	Refs          []ReachingRef      `json:"refs"` // all that reach it, the first maxExplainedRefs of them
	RefsTruncated bool               `json:"refs_truncated,omitempty"`
}

// NoteFindings is what the key grammar says of one note.
type NoteFindings struct {
	Ref      string    `json:"ref"`
	Findings []Finding `json:"findings"`
}

// ReachingRef is a ref that reaches a commit.
type ReachingRef struct {
	Name    string `json:"name"`              // full
	Refspec string `json:"refspec,omitempty"` // by which it is fetched
}

// Limits of an explanation.
const (
	maxExplainedRefs = 100
	maxSuspects      = 20
	maxCandidates    = 10              // commits named that begin alike
	searchTime       = 2 * time.Second // for the object, among what was fetched of all repositories
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
	oid, err := s.unabbreviated(r.Context(), sha)
	if err != nil {
		return err
	}
	x := explainer{server: s, who: accessOf(r.Context()), oid: oid}
	explanation, err := x.explain(r.Context())
	if err != nil {
		return fmt.Errorf("explain commit %s: %w", oid, err)
	}
	s.answer(w, r, explanation)
	return nil
}

// unabbreviated reads a commit id, or the beginning of one that the index has and the request's token opens.
func (s *Server) unabbreviated(ctx context.Context, text string) (storage.OID, error) {
	if oid, err := storage.ParseOID(text); err == nil {
		return oid, nil
	}
	if storage.CheckDigits(text) != nil {
		return storage.OID{}, problemf(badSHA, "commit %s: give all 40 hexadecimal digits of its id, as git rev-parse prints them, or at least the first %d",
			quote(text), storage.MinDigits)
	}
	found, err := s.options.Store.Abbreviated(ctx, text, 10*maxCandidates)
	if err != nil {
		return storage.OID{}, fmt.Errorf("commits that begin with %q: %w", text, err)
	}
	var open []string
	for _, oid := range found {
		x := explainer{server: s, who: accessOf(ctx), oid: oid}
		holders, err := x.holders(ctx)
		if err != nil {
			return storage.OID{}, err
		}
		if len(holders) > 0 {
			open = append(open, oid.String())
		}
	}
	switch len(open) {
	case 0:
		return storage.OID{}, problemf(commitNotFound, "no commit in the index begins with %s: give all 40 digits to learn what could hide it", quote(text))
	case 1:
		return storage.ParseOID(open[0])
	}
	return storage.OID{}, problemf(badSHA, "%d or more commits begin with %s: give more digits of the one you mean, as of %s",
		len(open), quote(text), strings.Join(open[:min(maxCandidates, len(open))], ", "))
}

// explainer explains one commit to one token.
type explainer struct {
	server *Server
	who    *access
	oid    storage.OID
}

// holder is a repository and the commit as it holds it.
type holder struct {
	storage.Repository
	hit storage.Hit
}

// holders gives the repositories that have the commit, as far as the token opens them and one of its keys.
func (x *explainer) holders(ctx context.Context) (holders []holder, err error) {
	store := x.server.options.Store
	for id, err := range store.Holders(ctx, x.oid) {
		if err != nil {
			return nil, err
		}
		h := holder{}
		if h.Repository, err = store.Repository(ctx, id); err == nil && x.who.repository(h.Repository) == nil {
			h.hit, err = store.Commit(ctx, id, x.oid)
		}
		switch {
		case errors.Is(err, storage.ErrNotFound): // it has been dropped since
		case err != nil:
			return nil, err
		case x.who.repository(h.Repository) == nil && x.who.hit(h.hit) == nil:
			holders = append(holders, h)
		}
	}
	return holders, nil
}

func (x *explainer) explain(ctx context.Context) (CommitExplanation, error) {
	e := CommitExplanation{SHA: x.oid, Repositories: []CommitHolder{}, Unreached: []LookedAt{}, Suspects: []LookedAt{}}
	holders, err := x.holders(ctx)
	if err != nil {
		return e, err
	}
	isKeyed := false
	for _, h := range holders {
		told, err := x.holder(ctx, h)
		if err != nil {
			return e, err
		}
		isKeyed = isKeyed || len(told.Keys) > 0
		e.Repositories = append(e.Repositories, told)
	}
	e.Indexed = len(holders) > 0
	if !e.Indexed {
		if err := x.search(ctx, &e); err != nil {
			return e, err
		}
	}
	e.Reason = reasonFor(&e, isKeyed, x.who)
	return e, nil
}

// holder tells all about the commit in one repository.
func (x *explainer) holder(ctx context.Context, h holder) (CommitHolder, error) {
	told := CommitHolder{
		LookedAt: x.lookedAt(h.Repository), Keys: list(x.who.keys(h.hit.Keys)), Findings: list(x.server.options.ExplainText(h.hit.Message)),
		Notes: []NoteFindings{}, Branches: list(h.hit.Branches), Tags: list(h.hit.Tags), Refs: []ReachingRef{},
	}
	for ref, text := range h.hit.Notes {
		told.Notes = append(told.Notes, NoteFindings{Ref: ref, Findings: list(x.server.options.ExplainText(text))})
	}
	slices.SortFunc(told.Notes, func(a, b NoteFindings) int { return strings.Compare(a.Ref, b.Ref) })
	var err error
	if told.Decided, err = x.server.decisions(ctx, x.oid); err != nil {
		return told, err
	}
	fetched := x.server.options.Fetched
	for tip, err := range x.server.options.Store.Containing(ctx, h.ID, x.oid) {
		if errors.Is(err, storage.ErrNotFound) {
			break // it has been dropped since
		}
		if err != nil {
			return told, err
		}
		if told.RefsTruncated = len(told.Refs) == maxExplainedRefs; told.RefsTruncated {
			break
		}
		ref := ReachingRef{Name: tip.Ref}
		if fetched != nil {
			ref.Refspec = fetched.RefspecFor(h.ID, tip.Ref)
		}
		told.Refs = append(told.Refs, ref)
	}
	if fetched != nil {
		if has, err := fetched.Has(ctx, h.ID, x.oid); err == nil { // one that cannot be read has its error told
			told.Fetched = &has
		}
	}
	return told, ctx.Err()
}

// lookedAt tells how looks at a repository went.
func (x *explainer) lookedAt(r storage.Repository) LookedAt {
	shown := RepositoryOf(r, x.server.options.Now())
	l := LookedAt{
		Repository: RepositoryRef{ID: r.ID, Name: r.Name}, State: shown.State, LastSuccess: shown.LastSuccess, IndexedAt: shown.IndexedAt, Error: shown.Error,
	}
	if x.server.options.Fetched != nil {
		l.Refspecs = x.server.options.Fetched.Refspecs(r.ID)
	}
	return l
}

// search looks for a commit that no repository is known to have: among what was fetched, and for repositories that may have it unseen.
// A token of some projects learns nothing of commits without its keys.
func (x *explainer) search(ctx context.Context, e *CommitExplanation) error {
	within, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	fetched := x.server.options.Fetched
	for r, err := range x.server.options.Store.Repositories(ctx) {
		if err != nil {
			return err
		}
		if x.who.repository(r) != nil || r.State() == storage.StateRetired {
			continue
		}
		if fetched != nil && within.Err() == nil && (x.who == nil || x.who.token.Projects == nil) {
			has, err := fetched.Has(within, r.ID, x.oid)
			if err == nil {
				e.Searched++
			}
			if has && len(e.Unreached) < maxSuspects {
				e.Unreached = append(e.Unreached, x.lookedAt(r))
				continue
			}
		}
		if state := r.State(); state == storage.StateFailing || state == storage.StateNew {
			if e.SuspectsTotal++; len(e.Suspects) < maxSuspects {
				e.Suspects = append(e.Suspects, x.lookedAt(r))
			}
		}
	}
	return ctx.Err()
}

// hasDropped reports whether a key that the message or a note holds was dropped by hand.
func (h CommitHolder) hasDropped() bool {
	found := slices.Clone(h.Findings)
	for _, n := range h.Notes {
		found = append(found, n.Findings...)
	}
	return slices.ContainsFunc(h.Decided, func(a Association) bool {
		return a.Verdict == storage.VerdictDrop && slices.ContainsFunc(found, func(f Finding) bool { return f.Found && f.Key == a.Key })
	})
}

// reasonFor says in words what an explanation comes to.
func reasonFor(e *CommitExplanation, isKeyed bool, who *access) string {
	switch {
	case isKeyed:
		return "it is indexed, and linked to the keys listed"
	case slices.ContainsFunc(e.Repositories, CommitHolder.hasDropped):
		return "it is indexed, but linked to no key: what its message and notes hold was dropped by hand, as listed, or refused, as the findings say"
	case e.Indexed:
		return "it is indexed, but neither its message nor a note on it holds an issue key; the findings say what was refused and why"
	case len(e.Unreached) > 0:
		return "it was fetched, but no indexed ref of these repositories reaches it: a push has replaced it, its branch or tag is gone, or it is " +
			"known by a ref that the refspecs leave out; push it again, or add its ref to refs.other"
	}
	where := "of any repository"
	if who != nil && (who.token.Projects != nil || who.token.Integrations != nil) {
		where = "that the token opens, of the projects that it opens,"
	}
	reason := "no indexed ref " + where + " reaches it: it was never pushed, its branch or tag is gone, the refspecs leave its ref out, or its repository is " +
		"not in the configuration"
	if e.SuspectsTotal > 0 {
		reason += fmt.Sprintf("; or its repository is behind: of %d, the suspects, the last look failed or there was none yet; mend what their errors say, or "+
			"wait for their first index", e.SuspectsTotal)
	}
	return reason
}
