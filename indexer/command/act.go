package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"keytrail/indexer/jira"
	"keytrail/indexer/smartcommit"
	"keytrail/storage"
)

// errCommand says that a command cannot be done as it is written; the text that wraps it says why.
var errCommand = errors.New("the command cannot be done")

// indexError is a failure of the index, not of Jira.
type indexError struct{ error }

func (e *indexError) Unwrap() error { return e.error }

// attempt is one attempt to do a command.
type attempt struct {
	r          *Runner
	c          storage.Command
	hit        storage.Hit
	isRepeated bool // one before may have done it

	plan string // of a transition: the name of the status that it leads to
}

// do does the command in Jira and tells what came of it.
func (a *attempt) do(ctx context.Context) (outcome string, err error) {
	if err := a.checkAuthor(ctx); err != nil {
		return "", err
	}
	key, j := string(a.c.Key), a.r.Jira
	if a.c.Text == "" {
		return "", fmt.Errorf("#%s without anything behind it: %w", a.c.Name, errCommand)
	}
	switch a.c.Name {
	case smartcommit.Comment:
		return a.comment(ctx, a.c.Text)
	case smartcommit.Work:
		return a.work(ctx)
	case smartcommit.Transition:
		return a.transition(ctx)
	case smartcommit.Assign:
		return a.assign(ctx)
	case smartcommit.FixVersion:
		return "fix version " + a.c.Text, j.AddFixVersion(ctx, key, a.c.Text)
	case smartcommit.AffectsVersion:
		return "affected version " + a.c.Text, j.AddAffectedVersion(ctx, key, a.c.Text)
	case smartcommit.Label:
		labels := strings.Fields(a.c.Text)
		return "labels " + strings.Join(labels, " "), j.AddLabels(ctx, key, labels)
	}
	return "", fmt.Errorf("#%s is not known to this keytrail: %w", a.c.Name, errCommand)
}

// knownFor is how long an author that Jira knows is not asked about again.
const knownFor = 5 * time.Minute

// checkAuthor refuses commits whose author is nobody in Jira.
func (a *attempt) checkAuthor(ctx context.Context) error {
	mail := a.hit.Author.Email
	if a.r.Authors == AnyAuthors || a.r.Now().Before(a.r.known[mail]) {
		return nil
	}
	_, err := a.r.Jira.UserByMail(ctx, mail)
	if errors.Is(err, jira.ErrNoUser) {
		return fmt.Errorf("the author of the commit: %w; set their mail address in Jira, let the account of the token browse users "+
			"and see their mail addresses, or set jira.smart_commits.authors to any", err)
	}
	if err == nil {
		clear(a.r.known)
		a.r.known[mail] = a.r.Now().Add(knownFor)
	}
	return err
}

// marker is what the last line of a comment or worklog begins with: it names the command for ever.
func marker(id storage.CommandID) string {
	return fmt.Sprintf("keytrail: commit %s, command %d,", id.OID, id.Index)
}

// signed gives a text with a line behind it that says where it is from.
func (a *attempt) signed(ctx context.Context, text string) (string, error) {
	name := "a repository"
	r, err := a.r.Store.Repository(ctx, a.hit.Repository)
	switch {
	case err == nil:
		name = r.Name
	case !errors.Is(err, storage.ErrNotFound):
		return "", &indexError{err}
	}
	line := fmt.Sprintf("%s %s, by %s", marker(a.c.CommandID), oneLine(name), oneLine(a.hit.Author.Name))
	return strings.TrimSpace(text + "\n\n" + line), nil
}

// oneLine takes out of a name what could end the line or be read as markup of Jira's, such as the mention of a user.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune("[]{}|!~^*", r) {
			return ' '
		}
		return r
	}, s)
}

// comment adds a comment, unless one before did.
func (a *attempt) comment(ctx context.Context, text string) (string, error) {
	key := string(a.c.Key)
	if a.isRepeated {
		if is, err := a.r.Jira.HasComment(ctx, key, marker(a.c.CommandID)); err != nil || is {
			return "commented at an attempt before", err
		}
	}
	text, err := a.signed(ctx, text)
	if err != nil {
		return "", err
	}
	return "commented", a.r.Jira.Comment(ctx, key, text)
}

// work adds a worklog, unless one before did.
func (a *attempt) work(ctx context.Context) (string, error) {
	spent, text, ok := smartcommit.Time(a.c.Text)
	if !ok {
		return "", fmt.Errorf("#time has no duration behind it, such as 1w 2d 4h 30m: %w", errCommand)
	}
	key := string(a.c.Key)
	if a.isRepeated {
		if is, err := a.r.Jira.HasWork(ctx, key, marker(a.c.CommandID)); err != nil || is {
			return "logged " + spent + " at an attempt before", err
		}
	}
	text, err := a.signed(ctx, text)
	if err != nil {
		return "", err
	}
	return "logged " + spent, a.r.Jira.LogWork(ctx, key, jira.Work{Spent: spent, Started: a.hit.Author.Time(), Comment: text})
}

// assign gives the issue to a user, found by mail address or by name, which may look like one.
func (a *attempt) assign(ctx context.Context) (string, error) {
	who, _ := smartcommit.Named(a.c.Text)
	var user jira.User
	err := jira.ErrNoUser
	if strings.Contains(who, "@") {
		user, err = a.r.Jira.UserByMail(ctx, who)
	}
	if errors.Is(err, jira.ErrNoUser) {
		user, err = a.r.Jira.UserByName(ctx, who)
	}
	if err != nil {
		return "", err
	}
	return "assigned to " + user.DisplayName, a.r.Jira.Assign(ctx, string(a.c.Key), user)
}

// transition has the issue go a step of its workflow, and then adds the comment, each unless an attempt before did.
func (a *attempt) transition(ctx context.Context) (string, error) {
	name, text := smartcommit.Named(a.c.Text)
	if err := a.move(ctx, name); err != nil {
		return "", err
	}
	outcome := fmt.Sprintf("moved to %q", a.plan)
	if text == "" {
		return outcome, nil
	}
	commented, err := a.comment(ctx, text)
	if err != nil {
		return "", fmt.Errorf("moved, but the comment is missing: %w", err)
	}
	return outcome + ", " + commented, nil
}

// move has the issue go the step of a name. Where that leads is kept by the index before: when an attempt before was begun and
// the issue is there, it is done.
func (a *attempt) move(ctx context.Context, name string) error {
	key := string(a.c.Key)
	status, err := a.r.Jira.Status(ctx, key)
	if err != nil {
		return err
	}
	if plan, ok := planOf(a.c.Outcome); a.isRepeated && ok {
		if a.plan = plan; plan == status {
			return nil
		}
	}
	steps, err := a.r.Jira.Transitions(ctx, key)
	if err != nil {
		return err
	}
	step, err := choose(steps, name, status)
	if err != nil {
		return err
	}
	a.plan = step.To
	if step.ID == "" {
		return nil
	}
	a.c.Outcome = a.planned()
	if err := a.r.Store.SetCommand(ctx, a.c); err != nil {
		return &indexError{err}
	}
	return a.r.Jira.Transition(ctx, key, step.ID)
}

// choose finds the step that a command names: by its own name, else by the status it leads to, else by the words that its name begins with,
// where only one does. An issue that is in a status of the name already needs none.
func choose(steps []jira.Transition, name, status string) (jira.Transition, error) {
	name = smartcommit.Hyphenated(name)
	is := []func(jira.Transition) bool{
		func(t jira.Transition) bool { return smartcommit.Hyphenated(t.Name) == name },
		func(t jira.Transition) bool { return smartcommit.Hyphenated(t.To) == name },
		func(t jira.Transition) bool { return strings.HasPrefix(smartcommit.Hyphenated(t.Name), name+"-") },
	}
	for i, matches := range is {
		var found []jira.Transition
		for _, t := range steps {
			if matches(t) {
				found = append(found, t)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return jira.Transition{}, fmt.Errorf("%d steps from %q are called #%s: %w", len(found), status, name, errCommand)
		case i == 1 && smartcommit.Hyphenated(status) == name:
			return jira.Transition{To: status}, nil
		}
	}
	var names []string
	for _, t := range steps {
		names = append(names, "#"+smartcommit.Hyphenated(t.Name))
	}
	return jira.Transition{}, fmt.Errorf("no step from %q is called #%s, there are: %s: %w", status, name, strings.Join(names, " "), errCommand)
}

// planned writes where a transition leads, to stand before the outcome; planOf reads it.
func (a *attempt) planned() string {
	if a.plan == "" {
		return ""
	}
	return "to " + strconv.Quote(a.plan) + ": "
}

// planOf gives the status that an attempt before was to lead to.
func planOf(outcome string) (string, bool) {
	rest, ok := strings.CutPrefix(outcome, "to ")
	if !ok {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", false
	}
	plan, err := strconv.Unquote(quoted)
	return plan, err == nil
}
