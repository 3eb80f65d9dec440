// Package branchname names a branch after an issue, by a template as users of Git Integration for Jira write it.
//
//	${issuekey}-${summary}                                        ACME-42-retry-once-more
//	${issuetype:New Feature,feature,Bug,bug,task}/${issuekey}     bug/ACME-42
//
// The variables are ${issuekey}, ${projectkey}, ${summary}, ${issuetype} and ${basebranch}. Behind ${issuetype: stand pairs of a
// type and what to write for it, then, if there is one more, what to write for any other type.
package branchname

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength is the length of the longest name, in bytes.
const maxLength = 250

// Subject is the issue that a branch is named after, and the branch that it begins at. All but the key may be empty.
type Subject struct {
	Key     string // "ACME-42"
	Summary string
	Type    string
	Base    string
}

// Template makes names. It is immutable, and safe for concurrent use.
type Template struct{ parts []part }

// part is a text, or a variable when it has a name.
type part struct {
	text    string
	name    string
	choices []string // of ${issuetype: pairs, then maybe a default
}

// Parse reads a template. Its error says what is wrong.
func Parse(template string) (*Template, error) {
	t := &Template{}
	for rest := template; rest != ""; {
		text, variable, found := strings.Cut(rest, "${")
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
		if !found {
			break
		}
		inside, after, closed := strings.Cut(variable, "}")
		if !closed {
			return nil, fmt.Errorf("%q begins a variable that has no end: write it as ${issuekey}", "${"+variable)
		}
		p := part{}
		var list string
		p.name, list, _ = strings.Cut(inside, ":")
		switch p.name {
		case "issuekey", "projectkey", "summary", "issuetype", "basebranch":
		default:
			return nil, fmt.Errorf("there is no variable ${%s}: those there are are issuekey, projectkey, summary, issuetype and basebranch", p.name)
		}
		if list != "" {
			if p.name != "issuetype" {
				return nil, fmt.Errorf("${%s} takes no list: only issuetype does", p.name)
			}
			p.choices = strings.Split(list, ",")
		}
		t.parts = append(t.parts, p)
		rest = after
	}
	if !strings.Contains(template, "${issuekey}") {
		return nil, fmt.Errorf("the template has no ${issuekey}: without the key in its name the branch does not belong to the issue")
	}
	return t, nil
}

// Name makes the name of a branch. What the subject lacks leaves no separators behind.
func (t *Template) Name(s Subject) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.write(s))
	}
	name := b.String()
	if len(name) > maxLength {
		end := maxLength
		for !utf8.RuneStart(name[end]) {
			end--
		}
		name = name[:end]
	}
	var kept []string
	for _, segment := range strings.Split(name, "/") {
		if segment = strings.Trim(segment, "-_. "); segment != "" {
			kept = append(kept, segment)
		}
	}
	return strings.Join(kept, "/")
}

// write gives the text that stands for a part.
func (p part) write(s Subject) string {
	switch p.name {
	case "issuekey":
		return s.Key
	case "projectkey":
		if i := strings.LastIndexByte(s.Key, '-'); i >= 0 {
			return s.Key[:i]
		}
		return s.Key
	case "summary":
		return slug(s.Summary)
	case "basebranch":
		return strings.ToValidUTF8(s.Base, "")
	case "issuetype":
		return p.choose(s.Type)
	}
	return p.text
}

// choose gives what to write for a type of issue.
func (p part) choose(kind string) string {
	for i := 0; i+1 < len(p.choices); i += 2 {
		if strings.EqualFold(strings.TrimSpace(p.choices[i]), strings.TrimSpace(kind)) {
			return strings.TrimSpace(p.choices[i+1])
		}
	}
	if len(p.choices)%2 == 1 {
		return strings.TrimSpace(p.choices[len(p.choices)-1])
	}
	return slug(kind)
}

// slug writes a text in lower case, with a hyphen in place of all between its letters and digits.
func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(strings.ToValidUTF8(text, " ")), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c)
	})
	return strings.Join(words, "-")
}
