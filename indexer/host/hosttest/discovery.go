package hosttest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
)

// list gives the document of a host that answers as recorded.
func list(t *testing.T, h host.Host) any {
	t.Helper()
	document, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// selected gives the repositories of a document.
func selected(t *testing.T, h host.Host, document any) []host.Repository {
	t.Helper()
	repositories, err := h.Select(document)
	if err != nil {
		t.Fatal(err)
	}
	return repositories
}

// edited gives a document in whose text one thing is replaced by another.
func edited(t *testing.T, document any, old, new string) any {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var changed any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), old, new)), &changed); err != nil {
		t.Fatal(err)
	}
	return changed
}

func discovery(t *testing.T, c Case) {
	runAll(t, c, []clause{
		{"lists the repositories of all pages", listsAllPages},
		{"is narrowed by a filter on the host's own JSON", isFiltered},
		{"selects from what a filter left", selectsFromAFilter},
		{"refuses what no list of repositories is", refusesOtherShapes},
		{"knows a renamed repository by its identity", knowsRenamed},
		{"refuses a clone URL at a foreign origin", refusesForeignClones},
	})
}

func listsAllPages(t *testing.T, c Case) {
	s, h := c.start(t)
	found, err := host.Discover(t.Context(), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]host.Repository, len(c.Listed))
	for i, r := range c.Listed {
		want[i] = s.repository(r)
	}
	if diff := cmp.Diff(want, found.Listed); diff != "" {
		t.Error(diff)
	}
}

func isFiltered(t *testing.T, c Case) {
	if c.Filter == "" {
		t.Skip("the case has no filter")
	}
	_, h := c.start(t)
	narrow, err := filter.Compile(c.Filter)
	if err != nil {
		t.Fatal(err)
	}
	defer narrow.Wait()
	found, err := host.Discover(t.Context(), h, narrow)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(found.Selected))
	for i, r := range found.Selected {
		names[i] = r.Name
	}
	if len(found.Listed) != len(c.Listed) || !slices.Equal(names, c.Filtered) {
		t.Errorf("%d listed, selected %v", len(found.Listed), names)
	}
}

func selectsFromAFilter(t *testing.T, c Case) {
	_, h := c.start(t)
	document := list(t, h)
	elements, err := host.Elements(document)
	if err != nil {
		t.Fatalf("a document that filters know in another shape: %v", err)
	}
	backwards := make([]any, 0, len(elements))
	for i := range elements {
		backwards = append(backwards, map[string]any(elements[len(elements)-1-i]))
	}
	all := selected(t, h, document)
	for i, r := range selected(t, h, backwards) {
		if r != all[len(all)-1-i] {
			t.Errorf("element %d from the end is %+v", i, r)
		}
	}
	if rest := selected(t, h, backwards[:1]); len(rest) != 1 {
		t.Errorf("%d repositories of one", len(rest))
	}
}

func refusesOtherShapes(t *testing.T, c Case) {
	_, h := c.start(t)
	for name, document := range map[string]any{
		"null": nil, "a text": "all", "an error": map[string]any{"message": "Bad credentials"}, "names": []any{"billing-api"}, "a number": 3.0,
	} {
		if _, err := h.Select(document); err == nil {
			t.Errorf("%s is taken", name)
		} else {
			c.mustBe(t, err, host.ErrShape)
		}
	}
}

func knowsRenamed(t *testing.T, c Case) {
	if c.NameIsIdentity {
		t.Skip("the host has no identity but the name")
	}
	_, h := c.start(t)
	document := list(t, h)
	before := selected(t, h, document)
	renamed := 0
	for i, r := range selected(t, h, edited(t, document, "billing-api", "billing-service")) {
		if r.ID != before[i].ID {
			t.Errorf("%s is %s after its rename, was %s", before[i].Name, r.ID, before[i].ID)
		}
		if r.Name != before[i].Name {
			renamed++
		}
	}
	if renamed == 0 {
		t.Error("no repository has another name")
	}
}

func refusesForeignClones(t *testing.T, c Case) {
	s, h := c.start(t)
	own := s.URL
	if c.CloneOrigin != "" {
		own = c.CloneOrigin
	}
	const foreign = "https://foreign.example.net"
	repositories, err := h.Select(edited(t, list(t, h), own, foreign))
	if err != nil {
		c.mustBe(t, err, host.ErrOrigin)
	}
	for _, r := range repositories {
		if host.Origin(r.CloneHTTP) == host.Origin(foreign) {
			t.Errorf("%s is cloned from %s", r.Name, r.CloneHTTP)
		}
	}
}

func credentials(t *testing.T, c Case) {
	t.Run("go with the headers of the configuration", func(t *testing.T) {
		s, h := c.start(t)
		list(t, h)
		for _, r := range s.Requests() {
			if r.Header.Get("X-Tenant") != TenantName {
				t.Errorf("%s %s does not have them", r.Method, r.URL)
			}
		}
	})
	t.Run("are given for a repository and shown nowhere", func(t *testing.T) {
		s, h := c.start(t)
		got, err := h.Credentials(t.Context(), s.repository(c.Listed[0]))
		if err != nil {
			t.Fatal(err)
		}
		if got == (host.Credentials{}) {
			t.Error("there are none")
		}
		if shown, err := json.Marshal(got); err != nil || string(shown) != `"[redacted]"` {
			t.Errorf("they are shown: %s, %v", shown, err)
		}
	})
}
