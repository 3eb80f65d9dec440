package mirror

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	git "github.com/libgit2/git2go/v34"
)

const (
	notesPrefix   = "refs/notes/"
	changesPrefix = "refs/changes/" // where Gerrit keeps the revisions of its changes
)

// Refspecs choose which refs of a repository are indexed and under which names. The zero value chooses none. A Refspecs
// is not changed after ParseRefspecs and is safe for concurrent use; reflect.DeepEqual compares two.
type Refspecs struct{ list []refspec }

type refspec struct {
	text string // by it reflect.DeepEqual tells refspecs apart, which cannot see into C
	spec *git.Refspec
	// prefix is set when the refspec gives every ref that begins with it its own name, as refs/heads/* does: nearly all
	// do, and a comparison costs a hundredth of the two calls into C.
	prefix string
}

// ParseRefspecs gives the refspecs for branches and tags, which are always there, for notes and Gerrit's changes if
// wanted, and for others as a user writes them: "+refs/pull/*:refs/pull/*". The plus is taken for granted, and a refspec
// without a right side keeps names as they are.
func ParseRefspecs(notes, changes bool, other []string) (Refspecs, error) {
	if err := setUp(); err != nil {
		return Refspecs{}, err
	}
	specs := []string{"refs/heads/*", "refs/tags/*"}
	if notes {
		specs = append(specs, notesPrefix+"*")
	}
	if changes {
		specs = append(specs, changesPrefix+"*")
	}
	var r Refspecs
	for _, s := range append(specs, other...) {
		spec, err := parseRefspec(s)
		if err != nil {
			return Refspecs{}, err
		}
		r.list = append(r.list, spec)
	}
	return r, nil
}

func parseRefspec(s string) (refspec, error) {
	refuse := func(reason string) (refspec, error) {
		return refspec{}, fmt.Errorf("%w %q: %s; a good one looks like +refs/pull/*:refs/pull/*", ErrRefspec, s, reason)
	}
	if strings.HasPrefix(s, "^") {
		return refuse("negative refspecs are not supported")
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return refuse("it holds a space or a control character")
	}
	source, target, both := strings.Cut(strings.TrimPrefix(s, "+"), ":")
	if !both {
		target = source
	}
	for _, side := range []string{source, target} {
		switch {
		case !strings.HasPrefix(side, "refs/"):
			return refuse("both sides begin with refs/")
		case strings.Count(side, "*") > 1:
			return refuse("a side has at most one *")
		}
	}
	if strings.Contains(source, "*") != strings.Contains(target, "*") {
		return refuse("either both sides have a * or none")
	}
	text := "+" + source + ":" + target
	parsed, err := git.ParseRefspec(text, true)
	if err != nil {
		return refuse("git does not accept it: " + err.Error())
	}
	spec := refspec{text: text, spec: parsed}
	if prefix, all := strings.CutSuffix(source, "/*"); all && source == target {
		spec.prefix = prefix + "/"
	}
	return spec, nil
}

// Prefixes are the beginnings of all names that the refspecs choose.
func (r Refspecs) Prefixes() []string {
	var prefixes []string
	for _, s := range r.list {
		prefix, _, _ := strings.Cut(s.spec.Src(), "*")
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// keepNames reports whether every ref that is chosen keeps its name.
func (r Refspecs) keepNames() bool {
	return !slices.ContainsFunc(r.list, func(s refspec) bool { return s.prefix == "" })
}

// IsNotes reports whether a ref holds notes rather than commits. The name is the one after mapping.
func (r Refspecs) IsNotes(name string) bool { return strings.HasPrefix(name, notesPrefix) }

// names calls found with each name that the refspecs give a ref; more than one refspec may choose it.
func (r Refspecs) names(ref string, found func(name string)) error {
	for _, s := range r.list {
		if s.prefix != "" {
			if len(ref) > len(s.prefix) && strings.HasPrefix(ref, s.prefix) {
				found(ref)
			}
			continue
		}
		if !s.spec.SrcMatches(ref) {
			continue
		}
		name, err := s.spec.Transform(ref)
		if err != nil {
			return fmt.Errorf("map ref %.200q by %s: %w", ref, s.spec, err)
		}
		found(name)
	}
	runtime.KeepAlive(r.list)
	return nil
}
