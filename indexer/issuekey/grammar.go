package issuekey

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The presets that Options.Preset names.
const (
	Jira      = "jira"
	GitHub    = "github"
	GitLab    = "gitlab"
	Bitbucket = "bitbucket"
)

// longest bounds, in bytes, the project keys of every preset and the numbers of those that publish no smaller bound. It is the most
// that Jira lets an administrator allow for project keys.
const longest = 255

// grammar says what a key looks like in one kind of text, before project lists are asked.
type grammar struct {
	run             [256]bool // the bytes of a project key
	anyCase         bool
	dropUnderscores bool // leading ones are not part of the project key
	lastPart        bool // the part after the last underscore is tried too
	leadingZero     bool // a number may begin with 0
	minProject      int  // bytes
	maxNumber       int  // digits

	before func(text []byte) refusal // judges the text that ends where the project key begins
	after  func(text []byte) refusal // judges the text that begins where the number ends
}

// presetGrammar gives the grammar of a preset. ok is false for a preset that does not exist.
func presetGrammar(preset string, anyCase bool) (g grammar, ok bool) {
	nothing := func([]byte) refusal { return accepted }
	switch preset {
	case Jira:
		g = grammar{dropUnderscores: true, minProject: 2, maxNumber: 10, before: casedBefore, after: casedAfter}
		g.setRun(digits+"_", anyCase)
	case GitHub:
		g = grammar{minProject: 2, maxNumber: longest, before: foldingBefore, after: foldingAfter}
		g.setRun(digits, anyCase)
	case GitLab:
		g = grammar{leadingZero: true, minProject: 2, maxNumber: longest, before: lowerBefore, after: nothing}
		g.setRun(digits+"_", anyCase)
	case Bitbucket:
		g = grammar{leadingZero: true, minProject: 1, maxNumber: longest, before: hyphenatedBefore, after: nothing}
		g.setRun("", anyCase)
	default:
		return grammar{}, false
	}
	return g, true
}

const digits = "0123456789"

func (g *grammar) setRun(besidesLetters string, anyCase bool) {
	for c := 'A'; c <= 'Z'; c++ {
		g.run[c] = true
		g.run[c+'a'-'A'] = anyCase
	}
	for _, c := range []byte(besidesLetters) {
		g.run[c] = true
	}
	g.anyCase = anyCase
}

// match judges the hyphen at text[hyphen]. The match counts only when it is accepted.
func (g *grammar) match(text []byte, hyphen int) (Match, refusal) {
	end, no := g.number(text, hyphen)
	if no != accepted {
		return Match{}, no
	}
	start, no := g.project(text, hyphen)
	return Match{Start: start, Hyphen: hyphen, End: end}, no
}

// number judges what follows the hyphen and gives the end of its digits.
func (g *grammar) number(text []byte, hyphen int) (end int, no refusal) {
	first := hyphen + 1
	for end = first; end < len(text) && isDigit(text[end]); end++ {
		if end-first == g.maxNumber {
			return end, longNumber
		}
	}
	switch {
	case end == first:
		return end, noNumber
	case text[first] == '0' && !g.leadingZero:
		return end, leadingZero
	}
	return end, g.after(text[end:])
}

// project judges what precedes the hyphen and gives the start of the project key.
func (g *grammar) project(text []byte, hyphen int) (start int, no refusal) {
	run := hyphen
	for run > 0 && g.run[text[run-1]] {
		run--
	}
	start = run
	for g.dropUnderscores && start < hyphen && text[start] == '_' {
		start++
	}
	switch no := g.shape(text[start:hyphen]); {
	case no == noProject && hyphen > 0 && isLower(text[hyphen-1]) && !g.anyCase:
		return start, lowerCase
	case no != accepted:
		return start, no
	case start > run:
		return start, accepted
	}
	return start, g.before(text[:start])
}

// shape judges a project key by itself; its bytes are known to be of the run.
func (g *grammar) shape(project []byte) refusal {
	switch {
	case len(project) == 0:
		return noProject
	case !isLetter(project[0]):
		return noLetterFirst
	case len(project) < g.minProject:
		return shortProject
	case len(project) > longest:
		return longProject
	}
	return accepted
}

// part judges the part after the last underscore of the run before the hyphen. ok is false where that part is empty or is the project
// key itself.
func (g *grammar) part(text []byte, hyphen int) (start int, no refusal, ok bool) {
	if !g.lastPart {
		return 0, accepted, false
	}
	start = hyphen
	for start > 0 && g.run[text[start-1]] && text[start-1] != '_' {
		start--
	}
	before := start
	for before > 0 && text[before-1] == '_' {
		before--
	}
	if start == hyphen || before == start || before == 0 || !g.run[text[before-1]] {
		return 0, accepted, false
	}
	return start, g.shape(text[start:hyphen]), true
}

// checkProject says what is wrong with a whole project key in upper case, as an administrator writes it.
func (g *grammar) checkProject(project string) error {
	for i := range len(project) {
		if !g.run[project[i]] {
			c, _ := utf8.DecodeRuneInString(project[i:])
			return fmt.Errorf("%q cannot be in a project key", c)
		}
	}
	switch no := g.shape([]byte(project)); no {
	case accepted:
		return nil
	case noProject:
		return errors.New("project key is empty")
	default:
		return errors.New(no.String())
	}
}
