package link

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Templates are the addresses of one repository's pages as an operator writes them, each a whole address such as
// https://git.example.com/tools/commit/${rev}. An empty one means that there is no such page.
//
// $convert(${branch},"from","to") is the variable with every "from" in it replaced by "to"; any variable that the page has
// may stand there. Variables and $convert are those of Git Integration for Jira; ${tag}, ${base} and ${head} are beside them,
// and on every page ${repository}, the name that [Maker.Of] gives.
type Templates struct {
	Commit      string // ${rev} ${parent} ${branch}
	Branch      string // ${branch}
	Tag         string // ${tag}
	File        string // ${rev} ${parent} ${branch} ${path}, and sums of the path: ${sha256path} ${sha1path} ${md5}
	PullRequest string // ${mergereqId}
	Compare     string // ${base} ${head}
}

// Compile makes the Maker of templates. Its errors name the page, and a variable that the page does not have.
func Compile(t Templates) (Maker, error) {
	return compileAll(t, func(text string, known []string) (template, error) {
		origin, rest, err := cutOrigin(text)
		if err != nil {
			return template{}, err
		}
		return compile(origin, rest, known)
	})
}

// compileAll compiles each template that is not empty, by the variables of its page.
func compileAll(t Templates, compile func(text string, known []string) (template, error)) (Maker, error) {
	var m Maker
	for _, page := range []struct {
		name, text string
		into       *template
		known      []string
	}{
		{"commit", t.Commit, &m.commit, []string{"rev", "parent", "branch"}},
		{"branch", t.Branch, &m.branch, []string{"branch"}},
		{"tag", t.Tag, &m.tag, []string{"tag"}},
		{"file", t.File, &m.file, []string{"rev", "parent", "branch", "path", "sha256path", "sha1path", "md5"}},
		{"pull request", t.PullRequest, &m.pullRequest, []string{"mergereqId"}},
		{"compare", t.Compare, &m.compare, []string{"base", "head"}},
	} {
		if page.text == "" {
			continue
		}
		compiled, err := compile(page.text, append(page.known, "repository"))
		if err != nil {
			return Maker{}, fmt.Errorf("the %s link: the template %w", page.name, err)
		}
		*page.into = compiled
	}
	return m, nil
}

// cutOrigin parts a template into scheme and host, which must be written out, and what follows.
func cutOrigin(text string) (origin, rest string, err error) {
	scheme, after, ok := strings.Cut(text, "://")
	if !ok {
		return "", "", errNoAddress
	}
	end := strings.IndexAny(after, `/\?#$`)
	if end < 0 {
		end = len(after)
	}
	origin, rest = scheme+"://"+after[:end], after[end:]
	switch {
	case strings.HasPrefix(rest, "$"):
		return "", "", errors.New("has a variable in its host; write the host out")
	case strings.HasPrefix(rest, `\`): // a slash to browsers, and part of the host to others
		return "", "", errHost
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "", "", errNoAddress
	}
	return origin, rest, checkOrigin(u)
}

// template is a compiled template; the zero template is no page.
type template struct {
	origin string // scheme, host and port; for a known host the address of the page that it stands under
	parts  []part
}

// part is a stretch of a template: literal text, then possibly a variable.
type part struct {
	literal  string // as it stands in the address
	variable string // its name; empty at the end of a template
	from, to string // what $convert replaces in its value, and by what; no from: nothing
	keep     string // the bytes of its value that stand as they are
}

// expand is the template with the values of its variables, or empty where one is empty or no address can hold it.
func (t template) expand(value func(variable string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.variable == "" {
			continue
		}
		v := value(p.variable)
		if v == "" {
			return ""
		}
		if p.from != "" {
			v = strings.ReplaceAll(v, p.from, p.to)
		}
		b.WriteString(escape(v, p.keep))
	}
	if hasDotSegment(path(b.String())) {
		return ""
	}
	return t.origin + b.String()
}

// path is the path of what follows an origin.
func path(rest string) string {
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		return rest[:i]
	}
	return rest
}

// compile reads what follows the origin in a template; known are the variables that its page has.
func compile(origin, text string, known []string) (template, error) {
	t := template{origin: origin}
	keep, inFragment := unreserved+"/", false
	for text != "" {
		literal, rest := cutLiteral(text)
		clean, err := cleanLiteral(literal)
		if err != nil {
			return template{}, err
		}
		inFragment = inFragment || strings.Contains(literal, "#")
		switch {
		case inFragment:
			keep = unreserved + "/"
		case strings.Contains(literal, "?"):
			keep = unreserved
		}
		p := part{literal: clean, keep: keep}
		if text, err = p.readVariable(rest, known); err != nil {
			return template{}, err
		}
		t.parts = append(t.parts, p)
	}
	if t.expand(func(string) string { return "name" }) == "" {
		return template{}, errDotSegments
	}
	return t, nil
}

// cutLiteral parts text before its first variable or function. A "$" that begins neither is literal.
func cutLiteral(text string) (literal, rest string) {
	for i := range len(text) {
		if text[i] != '$' {
			continue
		}
		after := text[i+1:]
		name := after[:len(after)-len(strings.TrimLeft(after, alphanumeric))]
		if strings.HasPrefix(after, "{") || name != "" && strings.HasPrefix(after[len(name):], "(") {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// cleanLiteral encodes what an address cannot hold.
func cleanLiteral(literal string) (string, error) {
	for i := range len(literal) {
		if c := literal[i]; c < ' ' || c == 0x7f {
			return "", errors.New("holds a control character")
		}
	}
	if _, err := url.PathUnescape(literal); err != nil {
		return "", errors.New("has a % that two hexadecimal digits do not follow; write %25 for the sign itself")
	}
	return escape(literal, legal), nil
}

// readVariable reads the variable or the $convert that text begins with into p. Empty text is the template's end.
func (p *part) readVariable(text string, known []string) (rest string, err error) {
	if text == "" {
		return "", nil
	}
	if strings.HasPrefix(text, "${") {
		p.variable, rest, err = cutVariable(text, known)
		return rest, err
	}
	arguments, ok := strings.CutPrefix(text, "$convert(")
	if !ok {
		name, _, _ := strings.Cut(text, "(")
		return "", fmt.Errorf("has the unknown function %s; there is only $convert", name)
	}
	arguments = strings.TrimLeft(arguments, " ")
	if !strings.HasPrefix(arguments, "${") {
		return "", errConvert
	}
	if p.variable, rest, err = cutVariable(arguments, known); err != nil {
		return "", err
	}
	var okFrom, okTo bool
	p.from, rest, okFrom = cutQuoted(rest)
	p.to, rest, okTo = cutQuoted(rest)
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), ")")
	if !ok || !okFrom || !okTo || p.from == "" {
		return "", errConvert
	}
	return rest, nil
}

// errConvert tells how $convert is written.
var errConvert = errors.New(`has a $convert that is not written $convert(${branch},"from","to"), with something to replace`)

// cutVariable reads the ${name} that text begins with.
func cutVariable(text string, known []string) (name, rest string, err error) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(text, "${"), "}")
	switch {
	case !ok:
		return "", "", errors.New("has a ${ without its }")
	case !slices.Contains(known, name):
		all := strings.Join(known, "}, ${")
		return "", "", fmt.Errorf("has the variable ${%s}, which this link does not have; it has ${%s}", name, all)
	}
	return name, rest, nil
}

// cutQuoted reads the comma and the string in quotes that text begins with. A quote ends the string; there is no way to
// write one within it.
func cutQuoted(text string) (quoted, rest string, ok bool) {
	text, ok = strings.CutPrefix(strings.TrimLeft(text, " "), ",")
	if !ok {
		return "", "", false
	}
	text, ok = strings.CutPrefix(strings.TrimLeft(text, " "), `"`)
	if !ok {
		return "", "", false
	}
	return strings.Cut(text, `"`)
}
