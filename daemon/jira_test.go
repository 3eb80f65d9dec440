package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer"
	"keytrail/indexer/jira"
	"keytrail/indexer/schedule"
	"keytrail/storage/memstore"
)

func TestTheKeysOfJirasProjectsAreTheOnlyOnes(t *testing.T) {
	projects := []jira.Project{{Key: "ACME", Former: []string{"ACM", "OLD"}}, {Key: "CORE", Former: []string{"ISO"}}, {Key: "NEW", Former: []string{"CORE"}}, {Key: "UTF"}}
	const text = "ACME-1 ACM-2 OLD-3 CORE-4 NEW-5 ISO-6 UTF-7 OTHER-8 MINE-9"
	for name, test := range map[string]struct {
		keys config.IssueKeys
		want string
	}{
		"as Jira has them":     {config.IssueKeys{}, "ACME-1 ACME-2 ACME-3 CORE-4 CORE-6 NEW-5 UTF-7"},
		"denied ones are none": {config.IssueKeys{Deny: []string{"ISO", "UTF"}}, "ACME-1 ACME-2 ACME-3 CORE-4 NEW-5"},
		"projects narrow":      {config.IssueKeys{Projects: []string{"ACME", "OTHER"}}, "ACME-1 ACME-2 ACME-3"},
		"by a former key too":  {config.IssueKeys{Projects: []string{"OLD"}}, "ACME-1 ACME-2 ACME-3"},
		"aliases go before":    {config.IssueKeys{Aliases: map[string]string{"OLD": "NEW", "MINE": "NEW"}}, "ACME-1 ACME-2 CORE-4 CORE-6 NEW-3 NEW-5 NEW-9 UTF-7"},
	} {
		test.keys.Preset = "jira"
		rules, err := rulesWith(test.keys, projects)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(rules.Keys(text), " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if _, err := rulesWith(config.IssueKeys{Preset: "jira", Projects: []string{"OTHER"}}, projects); err == nil {
		t.Error("no project is left, which would have let all through")
	}
	rules, err := rulesWith(config.IssueKeys{Preset: "bitbucket"}, append(slices.Clone(projects), jira.Project{Key: "A1"}))
	if err != nil || strings.Join(rules.Keys("A1-1 ACME-1"), " ") != "ACME-1" {
		t.Errorf("a project that the preset has no key for: %v", err)
	}
}

func TestAListOfProjectsThatHasLostMostIsNotBelieved(t *testing.T) {
	settings := config.Default()
	rules, err := newRules(settings.IssueKeys)
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New()
	defer store.Close()
	var log strings.Builder
	d := &daemon{settings: settings, jira: &jiraSide{dir: t.TempDir(), log: zerolog.New(&log)}}
	d.indexer = indexer.New(indexer.Options{Store: store, Rules: rules, Limits: schedule.Limits{Total: 1, PerHost: 1}, Registerer: prometheus.NewRegistry()})
	defer d.indexer.Close()
	d.rules.Store(rules)
	const text = "AA-1 BB-1 CC-1 DD-1 EE-1 XX-1"
	step := func(want string, keys ...string) {
		t.Helper()
		var projects []jira.Project
		for _, key := range keys {
			projects = append(projects, jira.Project{Key: key})
		}
		d.takeProjects(projects)
		if got := strings.Join(d.rules.Load().Keys(text), " "); got != want {
			t.Errorf("after %v: %s, want %s\n%s", keys, got, want, log.String())
		}
	}
	step(text)
	step("AA-1 BB-1 CC-1 DD-1 EE-1", "AA", "BB", "CC", "DD", "EE")
	step("AA-1 BB-1 CC-1 DD-1 EE-1", "AA", "BB")
	step("AA-1 BB-1 CC-1 DD-1 EE-1")
	step("AA-1 BB-1 XX-1", "AA", "BB", "XX")
	for _, said := range []string{`"added":["XX"]`, `"gone":["CC","DD","EE"]`, "less than half"} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("the log lacks %s:\n%s", said, log.String())
		}
	}
	if got := difference([]jira.Project{{Key: "AA", Former: []string{"OLD"}}}, []jira.Project{{Key: "AA"}}); !slices.Equal(got, []string{"AA, once OLD"}) {
		t.Errorf("a new former key: %q", got)
	}
}

func TestTheProjectsOfAJiraAreKeptForAStartWithoutIt(t *testing.T) {
	j := &jiraSide{dir: t.TempDir(), config: config.Jira{URL: "https://jira.example.com"}}
	if got, err := j.known(); got != nil || err != nil {
		t.Errorf("before the first: %v, %v", got, err)
	}
	j.projects = []jira.Project{{Key: "ACME", Former: []string{"OLD"}}, {Key: "CORE"}}
	if err := j.keep(); err != nil {
		t.Fatal(err)
	}
	if got, err := j.known(); err != nil || !cmp.Equal(got, j.projects) {
		t.Errorf("got %v, %v", got, err)
	}
	j.config.URL = "https://other.example.com"
	if got, err := j.known(); got != nil || err != nil {
		t.Errorf("of another Jira: %v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(j.dir, projectsFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := j.known(); got != nil || err == nil {
		t.Errorf("of a cut file: %v, %v", got, err)
	}
}
