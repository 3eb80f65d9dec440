package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keytrail/storage"
)

// Actions makes things at the hosts of repositories. A failure is an *ActionError or the context's error.
type Actions interface {
	// CreateBranch makes a branch.
	CreateBranch(ctx context.Context, r storage.Repository, b NewBranch, caller HostToken) (MadeBranch, error)
	// CreatePullRequest makes a pull request within a repository.
	CreatePullRequest(ctx context.Context, r storage.Repository, p NewPullRequest, caller HostToken) (storage.PullRequest, error)
	// DefaultBranch gives the short name of a repository's default branch as its host told it; empty when it has not. Where nothing can
	// be made for the caller it fails as that would. It asks nobody.
	DefaultBranch(r storage.Repository, caller HostToken) (string, error)
}

// NewBranch is a branch to make.
type NewBranch struct {
	Base string // the branch to begin at, short
	Name string // short
}

// MadeBranch is a branch that was made.
type MadeBranch struct {
	Name   string
	SHA    string // of its tip; empty when the host does not tell
	WebURL string // empty when there is none
}

// NewPullRequest is a pull request to make.
type NewPullRequest struct {
	Title       string
	Description string
	Source      string // branch, short
	Target      string // branch, short
}

// BranchSubject is what a branch without a name is named after.
type BranchSubject struct {
	Key     storage.IssueKey
	Summary string // of the issue; empty when it was not told
	Type    string // of the issue, as "Bug"; empty when it was not told
	Base    string // branch
}

// HostToken is the caller's own token of a host, for one request. It is never kept, logged or shown; empty is none.
type HostToken string

// hostTokenField is the header field that bears it.
const hostTokenField = "Keytrail-Host-Token"

const redacted = "[redacted]"

// String hides the token from every verb of package fmt, and from logs.
func (HostToken) String() string { return redacted }

// GoString hides it from %#v.
func (HostToken) GoString() string { return redacted }

// MarshalText hides it from JSON.
func (HostToken) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// hide takes the token out of a text of the host's.
func (t HostToken) hide(text string) string {
	if t == "" {
		return text
	}
	return strings.ReplaceAll(text, string(t), redacted)
}

// ActionReason says why a host did not do what it was asked.
type ActionReason string

// The reasons.
const (
	ActionUnsupported ActionReason = "unsupported" // the host has no way to do it
	ActionNeedsToken  ActionReason = "needs-token" // the integration demands the caller's own token
	ActionForbidden   ActionReason = "forbidden"   // the token is not good for it
	ActionRefused     ActionReason = "refused"     // the host understood, and does not do it
	ActionThrottled   ActionReason = "throttled"
	ActionFailed      ActionReason = "failed" // the host could not be asked, failed, or did not answer as documented
)

// ActionError is a failed action.
type ActionError struct {
	Reason ActionReason
	Status int    // of HTTP, that the host answered with; 0 when it did not answer, or not with a failure
	Said   string // the host's own words, without secrets; empty when it said nothing
	Text   string // else what happened, without secrets; may be empty
	Err    error  // for the log, the context's where that ended it; nil when there is no more to say

	Until  time.Time // when the host is to be asked again, of ActionThrottled; zero when it is not told
	Unsent bool      // nothing was sent that may have made anything
}

func (e *ActionError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Err)
	}
	return string(e.Reason)
}

func (e *ActionError) Unwrap() error { return e.Err }

// actionTimeout is how long a host may take for one action. The client waits meanwhile.
const actionTimeout = 25 * time.Second

const headsPrefix = "refs/heads/"

// retryHost is when to ask again, in seconds, where a host that limits requests does not tell.
const retryHost = 60

// maxBranch is the length of the longest branch name that is made, in bytes.
const maxBranch = 250

func (s *Server) createBranch(w *response, r *http.Request) error {
	var request struct {
		Base    string `json:"base"`
		Name    string `json:"name"`
		Key     string `json:"key"`
		Summary string `json:"summary"`
		Type    string `json:"issue_type"`
	}
	repository, err := s.readAction(w, r, &request)
	if err != nil {
		return err
	}
	caller := HostToken(r.Header.Get(hostTokenField))
	b := NewBranch{Base: request.Base, Name: request.Name}
	if b.Base, err = s.baseOf(w, r, repository, "base", b.Base, caller); err != nil {
		return err
	}
	if b.Name == "" {
		if request.Key == "" {
			return problemf(badBody, "neither name nor key is given: give the branch's name, or the key of the issue to name it after")
		}
		key, err := s.key(r.Context(), request.Key)
		if err != nil {
			return err
		}
		b.Name = s.options.BranchName(BranchSubject{Key: key, Summary: request.Summary, Type: request.Type, Base: b.Base})
	}
	if err := checkBranch("name", b.Name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), actionTimeout)
	defer cancel()
	made, err := s.options.Actions.CreateBranch(ctx, repository, b, caller)
	if err != nil {
		lacks := fmt.Sprintf("check that the base branch %s is there, and that %s is not", quote(b.Base), quote(b.Name))
		return s.actionProblem(w, r, err, repository, caller, lacks)
	}
	in := s.options.show(repository)
	if made.WebURL == "" {
		made.WebURL = in.links().Branch(made.Name)
	}
	s.answerMade(w, struct {
		Repository RepositoryRef `json:"repository"`
		Name       string        `json:"name"`
		Base       string        `json:"base"`
		SHA        string        `json:"sha,omitempty"`
		URL        string        `json:"url,omitempty"`
	}{in.RepositoryRef, made.Name, b.Base, made.SHA, made.WebURL})
	return nil
}

func (s *Server) createPullRequest(w *response, r *http.Request) error {
	var request struct {
		Source      string `json:"source"`
		Target      string `json:"target"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	repository, err := s.readAction(w, r, &request)
	if err != nil {
		return err
	}
	made, err := s.makePullRequest(w, r, repository, NewPullRequest{
		Title: request.Title, Description: request.Description, Source: request.Source, Target: request.Target,
	})
	if err != nil {
		return err
	}
	s.answerMade(w, s.options.show(repository).pullRequest(made))
	return nil
}

// makePullRequest has the host of a repository make a pull request, to the default branch if no target is given.
func (s *Server) makePullRequest(w *response, r *http.Request, repository storage.Repository, p NewPullRequest) (made storage.PullRequest, err error) {
	p.Title = strings.TrimSpace(p.Title)
	caller := HostToken(r.Header.Get(hostTokenField))
	if p.Target, err = s.baseOf(w, r, repository, "target", p.Target, caller); err != nil {
		return made, err
	}
	if err := checkBranch("source", p.Source); err != nil {
		return made, err
	}
	switch {
	case p.Title == "":
		return made, problemf(badBody, "title is empty: give the pull request one")
	case p.Source == p.Target:
		return made, problemf(badBody, "source and target are the same branch: a pull request is from one to another")
	}
	ctx, cancel := context.WithTimeout(r.Context(), actionTimeout)
	defer cancel()
	made, err = s.options.Actions.CreatePullRequest(ctx, repository, p, caller)
	if err != nil {
		lacks := fmt.Sprintf("check that the branches %s and %s are there and differ", quote(p.Source), quote(p.Target))
		return made, s.actionProblem(w, r, err, repository, caller, lacks)
	}
	return made, nil
}

// readAction reads the request of an action: its body, and the repository that it is about.
func (s *Server) readAction(w *response, r *http.Request, body any) (storage.Repository, error) {
	if _, err := queryOf(r); err != nil {
		return storage.Repository{}, err
	}
	if err := readJSON(w, r, body); err != nil {
		return storage.Repository{}, err
	}
	return s.actedOn(r)
}

// actedOn gives the repository at whose host something is to be done.
func (s *Server) actedOn(r *http.Request) (storage.Repository, error) {
	repository, err := s.repositoryByID(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		return repository, err
	case repository.State() == storage.StateRetired:
		return repository, problemf(repositoryRetired, "repository %d is gone from its host or from the configuration: bring it back there first", repository.ID)
	case s.options.Actions == nil:
		return repository, problemf(actionNotSupported, "this process reads the index only: ask a daemon")
	}
	return repository, nil
}

// answerMade answers 201 with what was made.
func (s *Server) answerMade(w http.ResponseWriter, v any) {
	setFields(w.Header(), "Cache-Control", "no-store")
	writeBody(w, http.StatusCreated, "application/json", encode(v))
}

// actionProblem tells a caller why the host did not do it. What the host itself said is passed on; check is what the host may have
// lacked.
func (s *Server) actionProblem(w *response, r *http.Request, err error, in storage.Repository, caller HostToken, check string) error {
	s.options.Log.Info().Str("route", w.route).Uint32("repo_id", uint32(in.ID)).Str("error", caller.hide(err.Error())).Msg("host did not do it")
	if ended := r.Context().Err(); ended != nil {
		return ended
	}
	e, ok := errors.AsType[*ActionError](err)
	if errors.Is(err, context.DeadlineExceeded) {
		if ok && e.Unsent {
			return problemf(hostFailed, "the host of repository %d did not answer in %v: nothing was sent to make it; ask again later", in.ID, actionTimeout)
		}
		return problemf(hostFailed, "the host of repository %d did not answer in %v: see there whether it was made, before asking again", in.ID, actionTimeout)
	}
	if !ok {
		return err
	}
	said := ""
	switch {
	case e.Said != "":
		said = fmt.Sprintf("; the host says %q", caller.hide(e.Said))
	case e.Text != "" && (e.Reason != ActionFailed || e.Status == 0): // else it tells of the status, as the problem does
		said = "; " + caller.hide(e.Text)
	}
	switch e.Reason {
	case ActionUnsupported:
		return problemf(actionNotSupported, "the host of repository %d has no way to do this, or keytrail does not know it: do it there%s", in.ID, said)
	case ActionNeedsToken:
		return problemf(hostTokenNeeded, "the integration of repository %d acts for nobody: send your own token of the host in the header %s", in.ID, hostTokenField)
	case ActionForbidden:
		whose := "the integration's token"
		if caller != "" {
			whose = "the token in the header " + hostTokenField
		}
		return problemf(hostForbids, "the host of repository %d does not allow it with %s: use one that may write%s", in.ID, whose, said)
	case ActionRefused:
		return problemf(hostRefuses, "the host of repository %d refuses: %s%s", in.ID, check, said)
	case ActionThrottled:
		wait := retryHost
		if !e.Until.IsZero() {
			wait = max(1, int(math.Ceil(time.Until(e.Until).Seconds())))
		}
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		if e.Said == "" {
			said = ""
		}
		return problemf(hostThrottles, "the host of repository %d has had too many requests, and nothing was made: ask again in %d seconds%s", in.ID, wait, said)
	}
	return failedProblem(e, in, check, said)
}

// failedProblem tells of a host that failed whether it may have made something.
func failedProblem(e *ActionError, in storage.Repository, check, said string) error {
	switch {
	case e.Status != 0 && e.Unsent: // some hosts take what they lack for their own failure
		return problemf(hostFailed, "the host of repository %d failed with HTTP status %d, and nothing was sent to make it: %s, and ask again%s",
			in.ID, e.Status, check, said)
	case e.Status != 0:
		return problemf(hostFailed, "the host of repository %d failed with HTTP status %d: %s; it is not asked again%s",
			in.ID, e.Status, check, said)
	case e.Unsent:
		return problemf(hostFailed, "the host of repository %d could not be asked, and nothing was sent to make it: ask again later; "+
			"the log of the daemon says more%s", in.ID, said)
	}
	return problemf(hostFailed, "the host of repository %d could not be asked, and is not asked again: see there whether it was made; "+
		"the log of the daemon says more%s", in.ID, said)
}

// baseOf gives a branch that was named, or the default branch of the repository: as its last fetch found it, or before the first one as
// its host told it.
func (s *Server) baseOf(w *response, r *http.Request, in storage.Repository, field, branch string, caller HostToken) (string, error) {
	if branch != "" {
		return branch, checkBranch(field, branch)
	}
	branch, isKnown := strings.CutPrefix(in.DefaultBranch, headsPrefix)
	if !isKnown {
		var err error
		if branch, err = s.options.Actions.DefaultBranch(in, caller); err != nil {
			return "", s.actionProblem(w, r, err, in, caller, "")
		}
	}
	if branch == "" {
		return "", problemf(badBody, "%s is not given, and the default branch of repository %d is not known: give it", field, in.ID)
	}
	return branch, checkBranch(field, branch)
}

// checkBranch holds the short name of a branch to the rules of git-check-ref-format.
func checkBranch(field, name string) error {
	switch {
	case name == "":
		return problemf(badBody, "%s is empty: give a branch", field)
	case len(name) > maxBranch:
		return problemf(badBody, "%s has %d bytes: want at most %d", field, len(name), maxBranch)
	case strings.HasPrefix(name, headsPrefix):
		return problemf(badBody, "%s %s: want the short name of a branch, as %s", field, quote(name), quote(strings.TrimPrefix(name, headsPrefix)))
	case !isBranchName(name):
		return problemf(badBody, "%s %s: git does not allow this as the name of a branch", field, quote(name))
	}
	return nil
}

func isBranchName(name string) bool {
	if name == "@" || name == "HEAD" || name[0] == '-' || strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) })
}
