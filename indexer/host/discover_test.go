package host

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// shelf is a host of a known document.
type shelf struct {
	document any
	err      error
}

func (s shelf) List(context.Context) (any, error) { return s.document, s.err }

func (s shelf) Select(document any) ([]Repository, error) {
	elements, err := Elements(document)
	if err != nil {
		return nil, err
	}
	var all []Repository
	for _, o := range elements {
		all = append(all, Repository{ID: o.ID("id"), Name: o.String("name")})
	}
	return all, nil
}

func (s shelf) Credentials(context.Context, Repository) (Credentials, error) {
	return Credentials{}, nil
}

// filterFunc is a filter of one function.
type filterFunc func(any) (any, error)

func (f filterFunc) Apply(_ context.Context, document any) (any, error) { return f(document) }

// two are the repositories 1 and 2, the first one twice.
func two() any {
	one := map[string]any{"id": 1.0, "name": "acme/one"}
	return []any{one, map[string]any{"id": "2", "name": "acme/two"}, one}
}

func TestDiscoverGivesEachRepositoryOnceBeforeAndAfterTheFilter(t *testing.T) {
	found, err := Discover(t.Context(), shelf{document: two()}, nil)
	if err != nil || len(found.Listed) != 2 || len(found.Selected) != 2 {
		t.Errorf("got %+v, %v", found, err)
	}
	last := filterFunc(func(d any) (any, error) { return d.([]any)[1:2], nil })
	found, err = Discover(t.Context(), shelf{document: two()}, last)
	if err != nil || len(found.Listed) != 2 || len(found.Selected) != 1 || found.Selected[0].ID != "2" {
		t.Errorf("got %+v, %v", found, err)
	}
	none := filterFunc(func(any) (any, error) { return []any{}, nil })
	if found, err = Discover(t.Context(), shelf{document: two()}, none); err != nil || len(found.Selected) != 0 {
		t.Errorf("a filter that selects nothing: %+v, %v", found, err)
	}
}

func TestNoFailureOfADiscoveryLooksLikeAnEmptyOne(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		host   shelf
		filter Filter
		kind   error
	}{
		{"the list", shelf{err: broken}, nil, broken},
		{"its shape", shelf{document: map[string]any{"message": "Bad credentials"}}, nil, ErrShape},
		{"null", shelf{}, nil, ErrShape},
		{"the filter", shelf{document: two()}, filterFunc(func(any) (any, error) { return nil, broken }), broken},
		{"null from the filter", shelf{document: two()}, filterFunc(func(any) (any, error) { return nil, nil }), ErrShape},
		{"names from the filter", shelf{document: two()}, filterFunc(func(any) (any, error) { return []any{"acme/one"}, nil }), ErrShape},
		{"a projection", shelf{document: two()}, filterFunc(func(any) (any, error) { return []any{map[string]any{"name": "acme/one"}}, nil }), ErrShape},
	} {
		found, err := Discover(t.Context(), c.host, c.filter)
		if !errors.Is(err, c.kind) || found.Listed != nil || found.Selected != nil {
			t.Errorf("%s: got %+v, %v", c.name, found, err)
		}
	}
}

func TestElementsAreFoundInEachHostsEnvelope(t *testing.T) {
	list := []any{map[string]any{"id": 1.0}}
	for _, document := range []any{
		list, map[string]any{"count": 1.0, "value": list}, map[string]any{"total_count": 1.0, "repositories": list}, map[string]any{"values": list},
		map[string]any{"ok": true, "data": list},
	} {
		if got, err := Elements(document); err != nil || len(got) != 1 || got[0].ID("id") != "1" {
			t.Errorf("%v: got %v, %v", document, got, err)
		}
	}
	for _, document := range []any{nil, true, 1.0, "x", []any{nil}, []any{list}, map[string]any{"value": nil}, map[string]any{"message": "no"}, 1} {
		if _, err := Elements(document); !errors.Is(err, ErrShape) {
			t.Errorf("%v: got %v", document, err)
		}
	}
}

func TestAnObjectGivesTheZeroValueForWhatItLacks(t *testing.T) {
	o := Object{
		"id": 9007199254740991.0, "project": map[string]any{"name": "Shop", "key": nil}, "archived": true,
		"clone": []any{map[string]any{"name": "http"}, "odd"},
	}
	if o.ID("id") != "9007199254740991" || o.ID("project.name") != "Shop" || o.ID("archived") != "" {
		t.Error("an id is misread")
	}
	if o.String("project.name") != "Shop" || o.String("project.key") != "" || o.String("id.name") != "" || o.String("none") != "" {
		t.Error("a text is misread")
	}
	if !o.Bool("archived") || o.Bool("id") || !o.Has("id") || o.Has("project.key") || o.Has("none") {
		t.Error("what is there is misread")
	}
	if list := o.List("clone"); len(list) != 1 || list[0].String("name") != "http" || len(o.List("id")) != 0 {
		t.Error("a list is misread")
	}
}

func TestACloneURLMustBeAtAKnownOrigin(t *testing.T) {
	known := Origins{"https://git.example.com", "http://lab.example.com:8080/gitlab"}
	for raw, want := range map[string]string{
		"":                                   "",
		"https://git.example.com/a/b.git":    "https://git.example.com/a/b.git",
		"https://GIT.example.com:443/a%2Fb":  "https://GIT.example.com:443/a%2Fb",
		"https://org@git.example.com/a/b":    "https://git.example.com/a/b",
		"https://u:pw@git.example.com/a?t=1": "https://git.example.com/a",
		"http://lab.example.com:8080/x.git":  "http://lab.example.com:8080/x.git",
	} {
		if got, err := known.Clone(raw); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"https://git.example.com.example.net/a", "http://git.example.com/a", "https://git.example.com:8443/a", "https://git.example.com@example.net/a",
		"https://example.net/https://git.example.com/a", "ssh://git.example.com/a", "git.example.com:a", "/srv/git/a", "ext::sh -c id", "-oProxyCommand=x",
		"https://%zz", "file:///etc/passwd", "https:///a", "https://127.0.0.1/a", "https://canary:canary@example.net/",
	} {
		if got, err := known.Clone(raw); err == nil || got != "" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %q, %v", raw, got, err)
		}
	}
}

func TestALinkForPeopleIsOneOfHTTP(t *testing.T) {
	for raw, want := range map[string]string{
		"https://git.example.com/a?b=c": "https://git.example.com/a?b=c", "": "", "javascript:alert(1)": "", "data:text/html,x": "", "//example.com/": "",
	} {
		if got := Web(raw); got != want {
			t.Errorf("%q: got %q", raw, got)
		}
	}
}
