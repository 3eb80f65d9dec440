// Package smartcommit reads the commands that a commit message or a git note gives to Jira, as
//
//	ACME-1 ACME-2 #time 1h 30m Reviewed #comment Retry once more #resolve
//
// It is pure: text in, commands out; no clock, no network. [Parse] finds them, and [Time] and [Named] read what follows one.
//
// # The grammar
//
// It is that of Git Integration for Jira, which Bitbucket's and Jira's own smart commits are a part of. A message is read line by line.
//
//   - A command is a # at the beginning of a line or behind white space, and behind it a word of letters and hyphens that begins with a
//     letter and ends before white space, the end of the line, or punctuation (,.;:!?) that one of these follows. So #123, C#, a#b, #foo2
//     and a heading's "# Foo" are none.
//   - comment, time, assign, fixversion, affectsversion and label are commands of their own, in any case; every other word is the
//     name of a transition.
//   - A command is for the issues whose keys stand before it on its line. Behind another command only those right before it count, with
//     nothing but white space, commas, colons and the like between; others are text of the command before.
//   - A command that has no key of its own is for the last keys that a line names in front of it outside of a command's text. A
//     command without any key is none.
//   - What follows a command is its text, up to the next command and the keys of that. The text of a comment, a time and a transition
//     goes on over several lines, up to an empty one or one that begins with a key; that of the others ends with the line. Where keys are
//     all that stands behind a command on its line, and the next line begins with a command, they are the keys of that one.
//
// A command for several issues is several commands, one for each in the order of the keys. Commands are numbered from 0 through the
// whole text: the same text has the same numbers by the same rules.
package smartcommit

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"keytrail/indexer/issuekey"
)

// The names of commands.
const (
	Comment        = "comment"
	Work           = "time"
	Assign         = "assign"
	FixVersion     = "fixversion"
	AffectsVersion = "affectsversion"
	Label          = "label"
	Transition     = "transition"
)

// maxCommands bounds how many commands a text may give, one for each issue: more is no message of a person.
const maxCommands = 1000

// Command is a command for one issue.
type Command struct {
	Index int    // from 0 through the text
	Key   string // of the issue, canonical
	Name  string // one of the names above
	Text  string // what follows it, as written, without space around; of a transition, its name and then its comment
}

// Parse gives the commands of a message or a note in their order; of an excessive text the first thousand.
func Parse(text string, rules *issuekey.Rules) []Command {
	p := parser{rules: rules}
	for line := range strings.Lines(text) {
		p.line(strings.TrimRight(line, "\r\n"))
	}
	p.close()
	return p.found
}

// What may stand around keys without being text.
const (
	marks      = " \t-*>[("    // before a line's first key: white space, and the marks of lists and quotes
	separators = " \t,;:&[]()" // between keys, and between them and a command
)

// parser is the place in a text between two lines.
type parser struct {
	rules *issuekey.Rules
	found []Command

	keys []string // last named outside of a command's text
	held []string // all that stood behind the last command on its line: keys of the next one, or its text

	name string   // of the command whose text is being read; empty: none is
	word string   // of a transition, its name as written
	of   []string // the issues it is for
	text []string // by lines
}

// line reads one line without its end.
func (p *parser) line(line string) {
	if strings.TrimSpace(line) == "" {
		p.close()
		return
	}
	tokens := tokens(line)
	before := line
	if len(tokens) > 0 {
		before = line[:tokens[0].start]
	}
	p.before(before, len(tokens) > 0)
	for i, t := range tokens {
		p.open(t.word)
		if i+1 < len(tokens) {
			p.between(line[t.end:tokens[i+1].start])
		} else {
			p.behind(line[t.end:])
		}
	}
}

// before reads what stands in front of the first command of a line, or a line without any.
func (p *parser) before(text string, isFollowed bool) {
	found := p.find(text)
	held := p.held
	p.held = nil
	switch {
	case isFollowed && len(held) > 0 && strings.TrimSpace(text) == "":
		p.text = nil
		p.close()
		p.keys = held
	case p.name == "" || len(found) > 0 && strings.Trim(text[:found[0].Start], marks) == "":
		p.close()
		p.take(text, found)
	case isFollowed:
		p.between(text)
	default:
		p.text = append(p.text, text)
	}
}

// between reads the end of a command's text, and the keys of the next one behind that.
func (p *parser) between(text string) {
	found := p.find(text)
	from := lastRun(text, found)
	end := len(text)
	if from < len(found) {
		end = found[from].Start
	}
	p.text = append(p.text, text[:end])
	p.close()
	p.take(text, found[from:])
}

// behind reads what stands behind the last command of a line.
func (p *parser) behind(text string) {
	p.text = append(p.text, text)
	switch p.name {
	case Comment, Work, Transition:
		found := p.find(text)
		if len(found) > 0 && lastRun(text, found) == 0 && strings.Trim(text[:found[0].Start], separators) == "" {
			p.held = p.canonical(text, found)
		}
	default:
		p.close()
	}
}

// open begins a command.
func (p *parser) open(word string) {
	p.name, p.word, p.of, p.text = strings.ToLower(word), "", p.keys, nil
	switch p.name {
	case Comment, Work, Assign, FixVersion, AffectsVersion, Label:
	default:
		p.name, p.word = Transition, word
	}
}

// close ends the command whose text was read.
func (p *parser) close() {
	name := p.name
	p.name, p.held = "", nil
	if name == "" {
		return
	}
	text := strings.TrimSpace(p.word + " " + joined(p.text))
	for _, key := range p.of {
		if len(p.found) == maxCommands {
			return
		}
		p.found = append(p.found, Command{Index: len(p.found), Key: key, Name: name, Text: text})
	}
}

// joined puts lines together, without space around each.
func joined(lines []string) string {
	trimmed := make([]string, len(lines))
	for i, l := range lines {
		trimmed[i] = strings.TrimSpace(l)
	}
	return strings.TrimSpace(strings.Join(trimmed, "\n"))
}

// take makes keys those of the commands to come; none leave the ones before.
func (p *parser) take(text string, found []issuekey.Match) {
	if len(found) > 0 {
		p.keys = p.canonical(text, found)
	}
}

func (p *parser) find(text string) []issuekey.Match { return p.rules.Find(nil, []byte(text)) }

// canonical gives the keys that were found, each once.
func (p *parser) canonical(text string, found []issuekey.Match) []string {
	var keys []string
	for _, m := range found {
		if key := string(p.rules.AppendKey(nil, []byte(text), m)); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lastRun gives from which of the keys on they stand right before the end of a text, with nothing but separators between.
func lastRun(text string, found []issuekey.Match) int {
	from, end := len(found), len(text)
	for from > 0 && strings.Trim(text[found[from-1].End:end], separators) == "" {
		from--
		end = found[from].Start
	}
	return from
}

// token is where a command stands in a line; word is without the #.
type token struct {
	start, end int // end is behind the punctuation that follows the word
	word       string
}

// tokens finds the commands of a line.
func tokens(line string) []token {
	var found []token
	for i := 0; i < len(line); i++ {
		at := strings.IndexByte(line[i:], '#')
		if at < 0 {
			break
		}
		i += at
		if before, _ := utf8.DecodeLastRuneInString(line[:i]); i > 0 && !unicode.IsSpace(before) {
			continue
		}
		if t, ok := tokenAt(line, i); ok {
			found = append(found, t)
			i = t.end - 1
		}
	}
	return found
}

// tokenAt reads the command whose # is at a place of a line.
func tokenAt(line string, at int) (token, bool) {
	rest := line[at+1:]
	end := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' })
	if end < 0 {
		end = len(rest)
	}
	word := rest[:end]
	if word == "" || word[0] == '-' {
		return token{}, false
	}
	rest = strings.TrimLeft(rest[end:], ",.;:!?")
	if r, _ := utf8.DecodeRuneInString(rest); rest != "" && !unicode.IsSpace(r) {
		return token{}, false
	}
	return token{start: at, end: len(line) - len(rest), word: word}, true
}
