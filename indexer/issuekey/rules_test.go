package issuekey

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestDeniedProjectsAreNotFound(t *testing.T) {
	r := mustNew(t, Options{Deny: append(DefaultDeny(), "tmp")})
	if got := r.Keys("UTF-8 SHA-256 ISO-8859 CVE-2024-1 RFC-9457 TMP-1 ABC-1"); !slices.Equal(got, []string{"ABC-1"}) {
		t.Errorf("Keys = %q", got)
	}
	if got := r.NameKeys("utf-8/feature_tmp-2"); !slices.Equal(got, []string{"FEATURE_TMP-2"}) {
		t.Errorf("NameKeys = %q", got)
	}
}

func TestProjectListNarrowsToItsProjects(t *testing.T) {
	r := mustNew(t, Options{Projects: []string{"ABC", "old"}, Aliases: map[string]string{"OLD": "NEW"}})
	if got := r.Keys("ABC-1 DEF-1 OLD-2 NEW-3"); !slices.Equal(got, []string{"ABC-1", "NEW-2", "NEW-3"}) {
		t.Errorf("Keys = %q", got)
	}
	if got := r.NameKeys("feature_abc-12"); !slices.Equal(got, []string{"ABC-12"}) {
		t.Errorf("NameKeys = %q", got)
	}
}

func TestAliasesFollowRenamedProjectsToTheirLastName(t *testing.T) {
	r := mustNew(t, Options{Aliases: map[string]string{"one": "TWO", "TWO": "three"}})
	if got := r.Keys("ONE-1 TWO-2 THREE-3 THREE-1"); !slices.Equal(got, []string{"THREE-1", "THREE-2", "THREE-3"}) {
		t.Errorf("Keys = %q", got)
	}
	if got, err := r.Canonical("one-1"); got != "THREE-1" || err != nil {
		t.Errorf("Canonical = %q, %v", got, err)
	}
}

func TestBadOptionsAreRefusedByName(t *testing.T) {
	yes, no := true, false
	for want, o := range map[string]Options{
		`preset "jra" does not exist: want one of jira, github, gitlab, bitbucket`: {Preset: "jra"},
		`project "A" of preset jira: project key must have at least two`:           {Projects: []string{"A"}},
		`project "" of preset jira: project key is empty`:                          {Projects: []string{""}},
		`denied project "2AB" of preset jira: project key does not begin`:          {Deny: []string{"2AB"}},
		`project "ÄB" of preset jira: 'Ä' cannot be in a project key`:              {Projects: []string{"ÄB"}},
		`project "AB-1" of preset jira: '-' cannot be in a project key`:            {Projects: []string{"AB-1"}},
		`denied project "MY_P" of preset github: '_' cannot be`:                    {Preset: GitHub, Deny: []string{"MY_P"}},
		`denied project "_AB" of preset jira: project key does not begin`:          {Deny: []string{"_AB"}},
		`project key is longer than 255 characters`:                                {Deny: []string{strings.Repeat("A", 256)}},
		`alias "A B" of preset jira: ' ' cannot`:                                   {Aliases: map[string]string{"A B": "AB"}},
		`alias target "" of preset jira: project key is empty`:                     {Aliases: map[string]string{"AB": ""}},
		`alias AB leads to both CD and EF`:                                         {Aliases: map[string]string{"AB": "CD", "ab": "EF"}},
		`circle: AB -> AB`:                                                         {Aliases: map[string]string{"AB": "AB"}},
		`circle: AB -> CD -> EF -> CD`:                                             {Aliases: map[string]string{"AB": "CD", "CD": "EF", "EF": "CD"}},
		`project AB is both in the deny list and in the list of projects`:          {Deny: []string{"AB"}, Projects: []string{"ab"}},
		`project AB is both in the deny list and an alias of CD`:                   {Deny: []string{"AB"}, Aliases: map[string]string{"AB": "CD"}},
		`project CD is both in the deny list and the target of alias AB`:           {Deny: []string{"CD"}, Aliases: map[string]string{"AB": "CD"}},
		`any case in messages cannot be true: the published rule of preset gitlab`: {Preset: GitLab, AnyCaseMessages: &yes},
		`any case in names cannot be false: the published rule of preset github`:   {Preset: GitHub, AnyCaseNames: &no},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v) = %v, want %q", o, err, want)
		}
	}
	if _, err := New(Options{Preset: GitHub, AnyCaseNames: &yes}); err != nil {
		t.Errorf("a choice that the preset makes too: %v", err)
	}
}

func TestCanonicalReadsAKeyInAnyCase(t *testing.T) {
	r := mustNew(t, Options{Projects: []string{"ABC"}, Deny: []string{"UTF"}})
	for s, want := range map[string]string{" abc-12\n": "ABC-12", "Utf-8": "UTF-8", "my_p2-3": "MY_P2-3"} {
		if got, err := r.Canonical(s); got != want || err != nil {
			t.Errorf("Canonical(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for s, reason := range map[string]string{
		"":                "no hyphen",
		"ABC":             "no hyphen",
		"ABC-":            "no number",
		"-1":              "cannot be in a project key",
		"F-67":            "at least two",
		"ABC-007":         "leading zero",
		"ABC-12345678901": "longer than 10 digits",
		"2PAC-1":          "begin with a letter",
		"ABC-1x":          "followed by a letter",
		"ABC-1 DEF-2":     "more than a key",
		"x ABC-1":         "more than a key",
		"_ABC-1":          "more than a key",
		"ÄBC-1":           "preceded by a letter",
	} {
		got, err := r.Canonical(s)
		if err == nil || got != "" || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "ABC-123") {
			t.Errorf("Canonical(%q) = %q, %v; want an error with %q", s, got, err, reason)
		}
	}
}

func TestFingerprintDiffersExactlyWhereOptionsDo(t *testing.T) {
	yes, no := true, false
	seen := map[string]int{}
	for i, o := range []Options{
		{},
		{Preset: GitHub},
		{Preset: GitLab},
		{Preset: Bitbucket},
		{AnyCaseMessages: &yes},
		{AnyCaseNames: &no},
		{Deny: []string{"AB"}},
		{Projects: []string{"AB"}},
		{Projects: []string{"AB", "CD"}},
		{Aliases: map[string]string{"AB": "CD"}},
		{Aliases: map[string]string{"CD": "AB"}},
	} {
		print := mustNew(t, o).Fingerprint()
		if j, ok := seen[print]; ok || len(print) != 16 {
			t.Errorf("options %d have fingerprint %q, as options %d", i, print, j)
		}
		seen[print] = i
	}
	for _, same := range [][2]Options{
		{{}, {Preset: Jira, AnyCaseMessages: &no, AnyCaseNames: &yes}},
		{{Deny: []string{"AB", "cd"}}, {Deny: []string{"CD", "AB", "AB"}}},
		{{Aliases: map[string]string{"AB": "CD", "CD": "EF"}}, {Aliases: map[string]string{"ab": "EF", "CD": "EF"}}},
	} {
		if a, b := mustNew(t, same[0]).Fingerprint(), mustNew(t, same[1]).Fingerprint(); a != b {
			t.Errorf("fingerprints of %+v and %+v are %s and %s", same[0], same[1], a, b)
		}
	}
}

func TestRulesAreSharedByGoroutinesAndIndependentOfTheirOptions(t *testing.T) {
	o := Options{Deny: []string{"UTF"}, Aliases: map[string]string{"OLD": "NEW"}}
	r := mustNew(t, o)
	o.Deny[0], o.Aliases["OLD"] = "ABC", "UTF"
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if got := r.Keys("OLD-1 ABC-2 UTF-8"); !slices.Equal(got, []string{"ABC-2", "NEW-1"}) {
					t.Errorf("Keys = %q", got)
				}
			}
		})
	}
	all.Wait()
}
