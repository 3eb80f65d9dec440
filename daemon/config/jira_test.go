package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keytrail/daemon/config"
)

func TestAJiraIsReadWithItsDefaults(t *testing.T) {
	standard := config.SmartCommits{Enabled: true, MaxAge: 14 * 24 * time.Hour, Authors: config.AuthorsKnown, Grace: time.Minute}
	const top = "jira:\n  url: https://jira.example.com/jira\n  token: {env: JIRA}\n"
	for text, want := range map[string]config.Jira{
		"  projects: [ACME, CORE]\n": {Projects: []string{"ACME", "CORE"}, SmartCommits: standard},
		"  smart_commits: {enabled: false}\n  project_keys: true\n  username: bot\n": {
			Username: "bot", ProjectKeys: true, SmartCommits: config.SmartCommits{MaxAge: standard.MaxAge, Authors: standard.Authors, Grace: standard.Grace},
		},
		"  projects: [ACME]\n  smart_commits: {max_age: 24h, authors: any, grace: 0}\n": {
			Projects: []string{"ACME"}, SmartCommits: config.SmartCommits{Enabled: true, MaxAge: 24 * time.Hour, Authors: config.AuthorsAny},
		},
	} {
		c, err := config.Parse("k.yaml", []byte(top+text), config.Checks{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want.URL, want.Token = "https://jira.example.com/jira", config.SecretFromEnv("JIRA")
		if d := cmp.Diff(want, c.Jira, cmpopts.EquateComparable(config.Secret{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	if c, err := config.Parse("k.yaml", nil, config.Checks{}); err != nil || !c.Jira.IsZero() {
		t.Errorf("without one: %+v, %v", c, err)
	}
}

func TestTheFaultsOfAJiraAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"jira: {projects: [ACME]}":                                         "url is missing",
		"jira: {url: 'https://jira.example.com', projects: [ACME]}":        "write token: {env: NAME} or {file: PATH}",
		"jira: {url: 'https://jira.example.com', token: {env: T}}":         "projects is missing",
		"jira: {url: 'https://a:b@jira.example.com', token: {env: T}}":     "credentials",
		"jira: {token: hidden-token-1}":                                    "a secret must not stand in the file",
		"jira: {projects: [acme]}":                                         "want a project key",
		"jira: {smart_commits: {authors: all}}":                            "want one of known, any",
		"jira: {smart_commits: {max_age: -1h}}":                            "want a duration",
		"jira: {smart_commit: {enabled: true}}":                            "did you mean smart_commits?",
		"jira: {url: ftp://jira.example.com, token: {env: T}, projects: }": "want an http:// or https:// URL",
	} {
		_, err := config.Parse("k.yaml", []byte(text), config.Checks{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestAChangeOfJiraTakesARestart(t *testing.T) {
	parse := func(text string) *config.Config {
		c, err := config.Parse("k.yaml", []byte(text), config.Checks{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const jira = "jira: {url: 'https://jira.example.com', token: {env: T}, projects: [ACME]}"
	if got := parse(jira).NeedsRestart(parse(jira)); got != nil {
		t.Errorf("the same: %q", got)
	}
	if got := parse(jira).NeedsRestart(parse(strings.Replace(jira, "ACME", "CORE", 1))); !cmp.Equal(got, []string{"jira"}) {
		t.Errorf("another project: %q", got)
	}
}
