package issuekey

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// letter is one rune of a text as the models see it.
type letter struct {
	rune
	at int // byte offset
}

func letters(text string) []letter {
	var ls []letter
	for at, r := range text {
		ls = append(ls, letter{r, at})
	}
	return append(ls, letter{utf8.RuneError, len(text)})
}

func (l letter) cased() bool { return unicode.In(l.rune, unicode.Lu, unicode.Ll, unicode.Lt) }
func (l letter) digit() bool { return strings.ContainsRune("0123456789", l.rune) }
func (l letter) of(anyCase bool) bool { // a letter of a project key
	return strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ", l.rune) ||
		anyCase && strings.ContainsRune("abcdefghijklmnopqrstuvwxyz", l.rune)
}

// jiraModel is the grammar of the package comment as a property of three places in a text, tried on every three places.
type jiraModel struct {
	anyCase, lastPart bool
}

func (j jiraModel) find(text string) []Match {
	ls := letters(text)
	var found []Match
	for hyphen := range ls {
		if ls[hyphen].rune != '-' {
			continue
		}
		for end := hyphen + 2; end < len(ls); end++ {
			if !j.isNumber(ls, hyphen+1, end) {
				continue
			}
			for start := range hyphen {
				if j.isProject(ls, start, hyphen) {
					found = append(found, Match{ls[start].at, ls[hyphen].at, ls[end].at})
				}
			}
		}
	}
	return found
}

func (j jiraModel) isNumber(ls []letter, start, end int) bool {
	for _, l := range ls[start:end] {
		if !l.digit() {
			return false
		}
	}
	return end-start <= 10 && ls[start].rune != '0' && !ls[end].digit() && !ls[end].cased()
}

func (j jiraModel) isProject(ls []letter, start, end int) bool {
	inRun := func(l letter) bool { return l.of(j.anyCase) || l.digit() || l.rune == '_' }
	for _, l := range ls[start:end] {
		if !inRun(l) {
			return false
		}
	}
	if length := ls[end].at - ls[start].at; length < 2 || length > 255 || !ls[start].of(j.anyCase) {
		return false
	}
	if j.lastPart && start > 0 && ls[start-1].rune == '_' && !slices.ContainsFunc(ls[start:end], func(l letter) bool { return l.rune == '_' }) {
		return true
	}
	before := start
	for before > 0 && ls[before-1].rune == '_' {
		before--
	}
	if before == 0 {
		return true
	}
	return !inRun(ls[before-1]) && (before < start || !ls[before-1].cased())
}

// A peerModel finds keys with the published expression of a peer; what Go's regexp cannot say is around it.
type peerModel func(text string) []Match

func githubModel() peerModel {
	re := regexp.MustCompile(`(?i)(?:^|[^A-Z\d])([A-Z][A-Z\d]{1,255}-[1-9]\d{0,255})(?:$|[^A-Z\d])`)
	return func(text string) (found []Match) {
		for from := 0; from <= len(text); {
			m := re.FindStringSubmatchIndex(text[from:])
			if m == nil {
				break
			}
			found = append(found, matchIn(text, from+m[2], from+m[3]))
			from += m[3]
		}
		return found
	}
}

func gitlabModel() peerModel {
	re := regexp.MustCompile(`\b([A-Z][A-Z_0-9]+-\d+)`)
	return func(text string) (found []Match) {
		for _, m := range re.FindAllStringIndex(text, -1) {
			found = append(found, matchIn(text, m[0], m[1]))
		}
		return found
	}
}

func bitbucketModel() peerModel {
	key, before := regexp.MustCompile(`^[A-Z]+-\d+`), regexp.MustCompile(`[A-Z]{1,10}-?$`)
	return func(text string) (found []Match) {
		for at := 0; at < len(text); at++ {
			if m := key.FindString(text[at:]); m != "" && !before.MatchString(text[:at]) {
				found = append(found, matchIn(text, at, at+len(m)))
				at += len(m) - 1
			}
		}
		return found
	}
}

func matchIn(text string, start, end int) Match {
	return Match{start, start + strings.IndexByte(text[start:end], '-'), end}
}

// storable drops what the scanner refuses beyond the published expressions: too long for the index, or with the two folding letters.
func storable(text string, found []Match) []Match {
	return slices.DeleteFunc(found, func(m Match) bool {
		return m.Hyphen-m.Start > 255 || m.End-m.Hyphen-1 > 255 || strings.ContainsAny(text[m.Start:m.End], "ſ\u212a")
	})
}
