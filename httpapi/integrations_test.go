package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// recordedDiscoverer has one integration, and remembers what it was asked for.
type recordedDiscoverer struct{ asked []string }

func (d *recordedDiscoverer) Integrations() []Integration {
	at := now.Add(-time.Hour)
	return []Integration{{
		Name: "acme", Type: "github", State: IntegrationDoubted, Listed: 12, Selected: 10, Archived: 2, Disabled: 1, LastSuccess: &at, Next: &at,
		Doubted: 2, Trying: &Trying{Since: at, Error: "status 500"}, Error: &RepositoryError{Class: storage.ClassTransient, Text: "the host's answer is not plausible", Since: at, Count: 2},
	}}
}

func (d *recordedDiscoverer) Discover(name string, accept bool) error {
	if name != "acme" {
		return fmt.Errorf("integration %q: %w", name, storage.ErrNotFound)
	}
	d.asked = append(d.asked, fmt.Sprint(name, accept))
	return nil
}

func TestIntegrationsAreListedAndAskedForADiscovery(t *testing.T) {
	d := &recordedDiscoverer{}
	f := newFixture(t, func(o *Options) { o.Discoverer = d })
	if answer := f.get("/api/v1/integrations"); answer.status != http.StatusOK || !strings.Contains(string(answer.body), `"state":"doubted"`) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"acme", ``, http.StatusAccepted},
		{"acme", `{"accept": true}`, http.StatusAccepted},
		{"acme", `{"axept": true}`, http.StatusBadRequest},
		{"other", ``, http.StatusNotFound},
	} {
		if answer := f.post("/api/v1/integrations/"+c.name+"/discover", c.body); answer.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.name, c.body, answer.status, answer.body, c.status)
		}
	}
	if want := []string{"acmefalse", "acmetrue"}; !slices.Equal(d.asked, want) {
		t.Errorf("asked for %v, want %v", d.asked, want)
	}
}

func TestWithoutIntegrationsTheListIsEmpty(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Discoverer = nil })
	if answer := f.get("/api/v1/integrations"); answer.status != http.StatusOK || string(answer.body) != "{\"integrations\":[]}\n" {
		t.Errorf("%d %q", answer.status, answer.body)
	}
	if answer := f.post("/api/v1/integrations/acme/discover", ""); answer.status != http.StatusNotFound {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}
