package issuekey

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Finding is one place in a text that is, or looks like, an issue key.
type Finding struct {
	Start, End int    // byte offsets
	Text       string // text[Start:End]; of a refused one, with the letters and digits glued to it
	Key        string // the canonical key; empty when refused
	Reason     string // why it is refused; of a key, what an alias did, else empty
}

// Explain gives every place of a text where a hyphen has a word on its left and a digit on its right, with the decision on each, in
// the order of the hyphens. The text is read as NameKeys reads it if name is set, else as Keys does, and the keys are the same.
func (r *Rules) Explain(text string, name bool) []Finding {
	g, b := &r.message, []byte(text)
	if name {
		g = &r.name
	}
	var found []Finding
	for hyphen := 0; hyphen < len(b); hyphen++ {
		i := bytes.IndexByte(b[hyphen:], '-')
		if i < 0 {
			break
		}
		hyphen += i
		word := wordAround(b, hyphen)
		if !looksLikeKey(b, word) {
			continue
		}
		end, no := g.number(b, hyphen)
		if no != accepted {
			found = append(found, r.finding(g, b, word, no))
			continue
		}
		start, no := g.project(b, hyphen)
		if no == accepted {
			word.Start, word.End = start, end
		}
		found = append(found, r.finding(g, b, word, no))
		if start, no, ok := g.part(b, hyphen); ok {
			found = append(found, r.finding(g, b, Match{start, hyphen, end}, no))
		}
	}
	return found
}

// finding tells of a match that the grammar judged; the lists are asked here.
func (r *Rules) finding(g *grammar, text []byte, m Match, no refusal) Finding {
	written := text[m.Start:m.Hyphen]
	f := Finding{Start: m.Start, End: m.End, Text: string(text[m.Start:m.End])}
	if no == accepted {
		no = r.admits(written)
	}
	upper := string(appendUpper(nil, written))
	if no != accepted {
		f.Reason = g.reason(no, upper)
		return f
	}
	f.Key = string(r.AppendKey(nil, text, m))
	if now := r.projects[upper].becomes; now != "" {
		f.Reason = fmt.Sprintf("project %s is now %s", upper, now)
	}
	return f
}

// reason gives a refusal with what the grammar and the project make of it.
func (g *grammar) reason(no refusal, project string) string {
	switch no {
	case longNumber:
		return fmt.Sprintf("number is longer than %d digits", g.maxNumber)
	case denied:
		return fmt.Sprintf("project %s is in the deny list", project)
	case notListed:
		return fmt.Sprintf("project %s is not in the list of projects", project)
	}
	return no.String()
}

// wordAround gives the letters, digits and underscores that touch the hyphen on its left, the letters and digits on its right.
func wordAround(text []byte, hyphen int) Match {
	word := Match{Start: hyphen, Hyphen: hyphen, End: hyphen + 1}
	for word.Start > 0 {
		c, size := utf8.DecodeLastRune(text[:word.Start])
		if !inWord(c) && c != '_' {
			break
		}
		word.Start -= size
	}
	for word.End < len(text) {
		c, size := utf8.DecodeRune(text[word.End:])
		if !inWord(c) {
			break
		}
		word.End += size
	}
	return word
}

// inWord reports whether a rune glues to a key: letters without case do not.
func inWord(c rune) bool { return '0' <= c && c <= '9' || isCased(c) }

// looksLikeKey reports whether a word has a letter left of its hyphen and a digit right after it. Dates and ranges have not.
func looksLikeKey(text []byte, word Match) bool {
	if word.Hyphen+1 == len(text) || !isDigit(text[word.Hyphen+1]) {
		return false
	}
	return bytes.ContainsFunc(text[word.Start:word.Hyphen], isCased)
}
