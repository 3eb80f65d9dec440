package config

import (
	"math"
	"time"
)

// Jira is the Jira whose projects are read and in which smart commits are carried out. It is reached as the configuration's own Reach says.
// The zero value is none.
type Jira struct {
	URL      string // where its pages begin, with its context path; empty: none
	Username string // then Token is the password, or API token, that goes with it; empty: it is a personal access token
	Token    Secret
	Projects []string // whose issues smart commits may change
	// ProjectKeys has the keys of Jira's projects be the only ones, and follows those that were renamed.
	ProjectKeys  bool
	SmartCommits SmartCommits
}

// IsZero reports whether no Jira is configured.
func (j Jira) IsZero() bool { return j.URL == "" }

// SmartCommits says which commands of commits are carried out.
type SmartCommits struct {
	Enabled bool
	MaxAge  time.Duration // of a commit, and of a command until it is given up
	Authors string        // AuthorsKnown or AuthorsAny
	Grace   time.Duration // how long Jira may go on with a request whose answer is lost; 0: not at all
}

// Whose commits may give commands.
const (
	AuthorsKnown = "known" // those whose author's mail address is that of exactly one active user of Jira
	AuthorsAny   = "any"
)

func (c *Config) readJira(v value) {
	j := &c.Jira
	*j = Jira{SmartCommits: SmartCommits{Enabled: true, MaxAge: 14 * 24 * time.Hour, Authors: AuthorsKnown, Grace: time.Minute}}
	found := v.mapping(
		field{"url", text(&j.URL, checkHostURL)},
		field{"username", text(&j.Username)},
		field{"token", secret(&j.Token)},
		field{"projects", texts(&j.Projects, checkProject)},
		field{"project_keys", boolean(&j.ProjectKeys)},
		field{"smart_commits", j.SmartCommits.read},
	)
	v.require(found, "url", "token")
	if j.SmartCommits.Enabled && len(j.Projects) == 0 {
		v.fail("projects is missing: write those whose issues smart commits may change, or smart_commits: {enabled: false}")
	}
}

func (s *SmartCommits) read(v value) {
	v.mapping(
		field{"enabled", boolean(&s.Enabled)},
		field{"max_age", duration(&s.MaxAge, time.Second, math.MaxInt64)},
		field{"grace", durationOrNone(&s.Grace, time.Second, time.Hour)},
		field{"authors", oneOf(&s.Authors, AuthorsKnown, AuthorsAny)},
	)
}
