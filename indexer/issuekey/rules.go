package issuekey

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options choose the grammar and the projects. The zero value is the jira preset for every project.
type Options struct {
	Preset string // Jira, GitHub, GitLab or Bitbucket; empty means Jira

	// Project keys in any case. A key of a project that is denied, or that a non-empty Projects does not list, is not found.
	Projects []string
	Deny     []string

	// Aliases name the project that a renamed one is now, in any case: OLD to NEW. Keys of OLD are found as keys of NEW. NEW may
	// itself be renamed. A renamed project in Projects stands for what it is now.
	Aliases map[string]string

	// Whether keys are matched in any case; nil leaves it to the preset. Only the jira preset has a choice.
	AnyCaseMessages *bool
	AnyCaseNames    *bool
}

// DefaultDeny gives the words that look like project keys in most histories and seldom are: UTF-8, SHA-256, ISO-8859, CVE-2024,
// RFC-9457.
func DefaultDeny() []string { return []string{"UTF", "SHA", "ISO", "CVE", "RFC"} }

// Presets gives the names that Options.Preset may have.
func Presets() []string { return []string{Jira, GitHub, GitLab, Bitbucket} }

// Rules finds keys by one choice of Options. It is immutable, and safe for concurrent use.
type Rules struct {
	preset               string
	message, name, query grammar
	projects             map[string]project // by project key in upper case; one that is absent has the zero value
	onlyListed           bool
	fingerprint          string
}

// project is what the options say of one project key as it is written in a text.
type project struct {
	denied, listed bool
	becomes        string // the project key to use instead; empty for itself
}

// New checks the options and makes rules of them. Its error names each value that is wrong.
func New(o Options) (*Rules, error) {
	r := &Rules{preset: o.Preset, projects: map[string]project{}, onlyListed: len(o.Projects) > 0}
	if r.preset == "" {
		r.preset = Jira
	}
	if err := r.setGrammars(o); err != nil {
		return nil, err
	}
	list, listErr := r.parseList("project", o.Projects)
	deny, denyErr := r.parseList("denied project", o.Deny)
	aliases, aliasErr := r.parseAliases(o.Aliases)
	if err := errors.Join(listErr, denyErr, aliasErr); err != nil {
		return nil, err
	}
	if err := r.setProjects(list, deny, aliases); err != nil {
		return nil, err
	}
	r.fingerprint = r.hash()
	return r, nil
}

func (r *Rules) setGrammars(o Options) error {
	var ok bool
	if r.query, ok = presetGrammar(r.preset, true); !ok {
		return fmt.Errorf("issue key preset %q does not exist: want one of %s", r.preset, strings.Join(Presets(), ", "))
	}
	messages, messagesErr := r.anyCase("messages", o.AnyCaseMessages, r.preset == GitHub)
	names, namesErr := r.anyCase("names", o.AnyCaseNames, r.preset == GitHub || r.preset == Jira)
	r.message, _ = presetGrammar(r.preset, messages)
	r.name, _ = presetGrammar(r.preset, names)
	r.name.lastPart = r.preset == Jira && names
	return errors.Join(messagesErr, namesErr)
}

// anyCase settles whether a kind of text is matched in any case, by choice or else as the preset does.
func (r *Rules) anyCase(texts string, choice *bool, preset bool) (bool, error) {
	switch {
	case choice == nil:
		return preset, nil
	case *choice == preset || r.preset == Jira:
		return *choice, nil
	}
	return preset, fmt.Errorf("any case in %s cannot be %t: the published rule of preset %s says otherwise, only preset %s leaves the choice",
		texts, *choice, r.preset, Jira)
}

// parse gives a project key of the options in upper case.
func (r *Rules) parse(kind, value string) (string, error) {
	upper := upperASCII(value)
	if err := r.query.checkProject(upper); err != nil {
		return "", fmt.Errorf("%s %.60q of preset %s: %w", kind, value, r.preset, err)
	}
	return upper, nil
}

func (r *Rules) parseList(kind string, values []string) ([]string, error) {
	var parsed []string
	var errs []error
	for _, value := range values {
		key, err := r.parse(kind, value)
		parsed, errs = append(parsed, key), append(errs, err)
	}
	return parsed, errors.Join(errs...)
}

// parseAliases gives for each renamed project the last name in its chain.
func (r *Rules) parseAliases(values map[string]string) (map[string]string, error) {
	next := make(map[string]string, len(values))
	var errs []error
	for _, value := range slices.Sorted(maps.Keys(values)) {
		from, fromErr := r.parse("alias", value)
		to, toErr := r.parse("alias target", values[value])
		errs = append(errs, fromErr, toErr)
		if other, ok := next[from]; ok && other != to {
			errs = append(errs, fmt.Errorf("alias %s leads to both %s and %s: keep one", from, other, to))
		}
		next[from] = to
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	last := make(map[string]string, len(next))
	for _, from := range slices.Sorted(maps.Keys(next)) {
		chain := []string{from}
		to := next[from]
		for ; next[to] != "" && !slices.Contains(chain, to); to = next[to] {
			chain = append(chain, to)
		}
		if slices.Contains(chain, to) {
			return nil, fmt.Errorf("aliases go round in a circle: %s -> %s; remove one of them", strings.Join(chain, " -> "), to)
		}
		last[from] = to
	}
	return last, nil
}

func (r *Rules) setProjects(list, deny []string, aliases map[string]string) error {
	for _, key := range deny {
		r.projects[key] = project{denied: true}
	}
	var errs []error
	conflict := func(key, with string) {
		if r.projects[key].denied {
			errs = append(errs, fmt.Errorf("project %s is both in the deny list and %s: remove it from one", key, with))
		}
	}
	for _, key := range list {
		conflict(key, "in the list of projects")
		if now := aliases[key]; now != "" {
			key = now
		}
		p := r.projects[key]
		p.listed = true
		r.projects[key] = p
	}
	for _, from := range slices.Sorted(maps.Keys(aliases)) {
		to := aliases[from]
		conflict(from, "an alias of "+to)
		conflict(to, "the target of alias "+from)
		r.projects[from] = project{listed: r.projects[to].listed, becomes: to}
	}
	return errors.Join(errs...)
}

// admits judges a project key, in any case, by the lists.
func (r *Rules) admits(key []byte) refusal {
	if len(r.projects) == 0 {
		return accepted
	}
	var upper [longest]byte
	switch p := r.projects[string(appendUpper(upper[:0], key))]; {
	case p.denied:
		return denied
	case r.onlyListed && !p.listed:
		return notListed
	}
	return accepted
}

// appendUpper appends text with a-z made A-Z.
func appendUpper(dst, text []byte) []byte {
	for _, c := range text {
		if isLower(c) {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func upperASCII(s string) string { return string(appendUpper(nil, []byte(s))) }
