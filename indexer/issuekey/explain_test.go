package issuekey

import (
	"slices"
	"testing"
)

func TestExplainGivesAReasonForEveryRefusal(t *testing.T) {
	r := mustNew(t, Options{Projects: []string{"ABC", "JIRA", "NEW"}, Deny: []string{"UTF"}, Aliases: map[string]string{"OLD": "NEW"}})
	for text, want := range map[string][]Finding{
		"fix ABC-12":   {{4, 10, "ABC-12", "ABC-12", ""}},
		"OLD-7":        {{0, 5, "OLD-7", "NEW-7", "project OLD is now NEW"}},
		"ABC-007":      {{0, 7, "ABC-007", "", "number has a leading zero"}},
		"JIRA-123abcd": {{0, 12, "JIRA-123abcd", "", "number is followed by a letter"}},
		"x thisNOT-1":  {{2, 11, "thisNOT-1", "", "project key is preceded by a letter"}},
		"ÄBC-12":       {{0, 7, "ÄBC-12", "", "project key is preceded by a letter"}},
		"日本ABC-12語":    {{6, 12, "ABC-12", "ABC-12", ""}},
		"UTF-8":        {{0, 5, "UTF-8", "", "project UTF is in the deny list"}},
		"DEF-8":        {{0, 5, "DEF-8", "", "project DEF is not in the list of projects"}},
		"F-67":         {{0, 4, "F-67", "", "project key must have at least two characters"}},
		"2PAC-123":     {{0, 8, "2PAC-123", "", "project key does not begin with a letter"}},
		"abc-12":       {{0, 6, "abc-12", "", "project key has lower-case letters, and this text is matched in upper case only"}},
		"ß-1":          {{0, 4, "ß-1", "", "what is left of the hyphen cannot be in a project key"}},
		"ABC-12345678901": {
			{0, 15, "ABC-12345678901", "", "number is longer than 10 digits"}},
		"feature_ABC-1-JIRA-2":                     {{8, 13, "ABC-1", "ABC-1", ""}, {14, 20, "JIRA-2", "JIRA-2", ""}},
		"2024-10-25, well-known, AB-CD, 1-2, ABC-": nil,
	} {
		if got := r.Explain(text, false); !slices.Equal(got, want) {
			t.Errorf("Explain(%q) =\n%+v, want\n%+v", text, got, want)
		}
	}
}

func TestExplainOfANameTellsOfTheLastPartToo(t *testing.T) {
	r := mustNew(t, Options{})
	for name, want := range map[string][]Finding{
		"feature_abc-12": {{0, 14, "feature_abc-12", "FEATURE_ABC-12", ""}, {8, 14, "abc-12", "ABC-12", ""}},
		"v_2-3": {
			{0, 5, "v_2-3", "V_2-3", ""},
			{2, 5, "2-3", "", "project key does not begin with a letter"}},
	} {
		if got := r.Explain(name, true); !slices.Equal(got, want) {
			t.Errorf("Explain(%q) =\n%+v, want\n%+v", name, got, want)
		}
	}
}

func TestExplainNamesThePeersOwnReasons(t *testing.T) {
	for preset, text := range map[string]string{Bitbucket: "AB-CD-12", GitHub: "AB-12cd", GitLab: "thisNOT-1"} {
		want := map[string]string{
			Bitbucket: "project key is preceded by an upper-case letter and a hyphen",
			GitHub:    "number is followed by a letter",
			GitLab:    "project key is preceded by a letter",
		}[preset]
		got := mustNew(t, Options{Preset: preset}).Explain(text, false)
		if len(got) != 1 || got[0].Reason != want {
			t.Errorf("%s: Explain(%q) = %+v, want %q", preset, text, got, want)
		}
	}
}
