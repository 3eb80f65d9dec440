package issuekey

import (
	"slices"
	"strings"
	"testing"
)

func mustNew(t testing.TB, o Options) *Rules {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fields(s string) []string { return slices.Sorted(slices.Values(strings.Fields(s))) }

// The peers' columns are what their published expressions find; the jira columns follow from the grammar in the package comment.
func TestEachPresetFindsWhatItsPublishedRuleFinds(t *testing.T) {
	nines := strings.Repeat("9", 20)
	for _, c := range []struct{ text, github, gitlab, bitbucket, jira, jiraName string }{
		{"jra-123", "JRA-123", "", "", "", "JRA-123"},
		{"J42-123", "J42-123", "J42-123", "", "J42-123", "J42-123"},
		{"2PAC-123", "", "", "PAC-123", "", ""},
		{"F-67-my-feature", "", "", "F-67", "", ""},
		{"feature/J3-123-my-feature", "J3-123", "J3-123", "", "J3-123", "J3-123"},
		{"JIRA-123abcd", "", "JIRA-123", "JIRA-123", "", ""},
		{"MY_PROJ-12", "PROJ-12", "MY_PROJ-12", "PROJ-12", "MY_PROJ-12", "MY_PROJ-12 PROJ-12"},
		{"PRODUCT_2013-7", "", "PRODUCT_2013-7", "", "PRODUCT_2013-7", "PRODUCT_2013-7"},
		{"ABC-007", "", "ABC-007", "ABC-007", "", ""},
		{"ABC-0", "", "ABC-0", "ABC-0", "", ""},
		{"thisNOT-123", "THISNOT-123", "", "NOT-123", "", "THISNOT-123"},
		{"TICKET-12345-455", "TICKET-12345", "TICKET-12345", "TICKET-12345", "TICKET-12345", "TICKET-12345"},
		{"CVE-2024-12345", "CVE-2024", "CVE-2024", "CVE-2024", "CVE-2024", "CVE-2024"},
		{"UTF-8 SHA-256 X-1", "UTF-8 SHA-256", "UTF-8 SHA-256", "UTF-8 SHA-256 X-1", "UTF-8 SHA-256", "UTF-8 SHA-256"},
		{"feature/JIRA-1234_some_tag", "JIRA-1234", "JIRA-1234", "JIRA-1234", "JIRA-1234", "JIRA-1234"},
		{"JRA-123 Jra-456-jra-901\n[bah-321]", "JRA-123 JRA-456 JRA-901 BAH-321", "JRA-123", "JRA-123", "JRA-123", "JRA-123 JRA-456 JRA-901 BAH-321"},
		{"AB-CD-12", "CD-12", "CD-12", "", "CD-12", "CD-12"},
		{"ÄBC-12", "BC-12", "BC-12", "BC-12", "", ""},
		{"日本ABC-12語", "ABC-12", "ABC-12", "ABC-12", "ABC-12", "ABC-12"},
		{"http://x/browse/TST-5?focused=1", "TST-5", "TST-5", "TST-5", "TST-5", "TST-5"},
		{"Merge branch 'TEST-2' into TEST-3", "TEST-2 TEST-3", "TEST-2 TEST-3", "TEST-2 TEST-3", "TEST-2 TEST-3", "TEST-2 TEST-3"},
		{"ABC-" + nines, "ABC-" + nines, "ABC-" + nines, "ABC-" + nines, "", ""},
	} {
		for preset, want := range map[string]string{GitHub: c.github, GitLab: c.gitlab, Bitbucket: c.bitbucket, Jira: c.jira} {
			r := mustNew(t, Options{Preset: preset})
			if got := r.Keys(c.text); !slices.Equal(got, fields(want)) {
				t.Errorf("%s: Keys(%q) = %q, want %q", preset, c.text, got, want)
			}
			if preset == Jira {
				want = c.jiraName
			}
			if got := r.NameKeys(c.text); !slices.Equal(got, fields(want)) {
				t.Errorf("%s: NameKeys(%q) = %q, want %q", preset, c.text, got, want)
			}
		}
	}
}

func TestJiraPresetReadsMessagesByTheGrammar(t *testing.T) {
	r := mustNew(t, Options{})
	long := strings.Repeat("A", 255)
	for text, want := range map[string]string{
		"feature_ABC-12":      "ABC-12",
		"__ABC-12":            "ABC-12",
		"fix-ABC-12-title":    "ABC-12",
		"JIRA-1234_tag":       "JIRA-1234",
		"ABC-12ä":             "",
		"ABC-12ǅ":             "",
		"ǅABC-12":             "",
		"ABC-12.":             "ABC-12",
		"ABC-1234567890":      "ABC-1234567890",
		"ABC-12345678901":     "",
		"ABC-":                "",
		"ABC-x ABC--1 ABC- 1": "",
		"-1":                  "",
		"AB-12-CD-34":         "AB-12 CD-34",
		"AB-12_CD-34":         "AB-12",
		"AB-12CD-34":          "",
		"_2A-1":               "",
		"A_-1":                "A_-1",
		"x_\xffABC-12\xff":    "ABC-12",
		"\xc3ABC-12\xc3":      "ABC-12",
		"٣ABC-12٣":            "ABC-12",
		"ABC–12 ABC\u201112":  "",
		"ABC-1\x00ABC-2":      "ABC-1 ABC-2",
		"ABC-9 ABC-10 ABC-9":  "ABC-10 ABC-9",
		long + "-1":           long + "-1",
		"A" + long + "-1":     "",
		"_" + long + "-1":     long + "-1",
	} {
		if got := r.Keys(text); !slices.Equal(got, fields(want)) {
			t.Errorf("Keys(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNamesInAnyCaseAlsoYieldTheLastPartOfAnUnderscoredRun(t *testing.T) {
	r := mustNew(t, Options{})
	for name, want := range map[string]string{
		"feature_abc-12":                      "ABC-12 FEATURE_ABC-12",
		"refs/heads/feature__abc-12_and_more": "ABC-12 FEATURE__ABC-12",
		"2024_abc-12":                         "ABC-12",
		"äfix_abc-12":                         "ABC-12",
		"äabc-12":                             "",
		"_abc-12":                             "ABC-12",
		"my_p-12":                             "MY_P-12",
		"v_2-12":                              "V_2-12",
		"v_-12":                               "V_-12",
		"ab-1_cd-2":                           "AB-1 CD-2",
		"ab_cd-1-cd-1":                        "AB_CD-1 CD-1",
		"no hyphen":                           "",
	} {
		if got := r.NameKeys(name); !slices.Equal(got, fields(want)) {
			t.Errorf("NameKeys(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCaseOfMessagesAndNamesIsAnOption(t *testing.T) {
	yes, no := true, false
	r := mustNew(t, Options{AnyCaseMessages: &yes, AnyCaseNames: &no})
	for text, want := range map[string]string{
		"abc-12":         "ABC-12",
		"thisNOT-123":    "THISNOT-123",
		"feature_abc-12": "FEATURE_ABC-12",
		"äabc-12":        "",
		"abc-12d":        "",
	} {
		if got := r.Keys(text); !slices.Equal(got, fields(want)) {
			t.Errorf("Keys(%q) = %q, want %q", text, got, want)
		}
	}
	for name, want := range map[string]string{
		"abc-12":         "",
		"feature_ABC-12": "ABC-12",
		"FEATURE_ABC-12": "FEATURE_ABC-12",
	} {
		if got := r.NameKeys(name); !slices.Equal(got, fields(want)) {
			t.Errorf("NameKeys(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestPeerPresetsRefuseWhatIsTooLongToStore(t *testing.T) {
	longA, long9 := strings.Repeat("A", 255), strings.Repeat("9", 255)
	for _, preset := range []string{GitHub, GitLab, Bitbucket} {
		r := mustNew(t, Options{Preset: preset})
		key := longA + "-" + long9
		if got := r.Keys(key); !slices.Equal(got, []string{key}) {
			t.Errorf("%s: a key of 255 characters and 255 digits is not found", preset)
		}
		if got := r.Keys("A" + key + " " + key + "9"); got != nil {
			t.Errorf("%s: found %q", preset, got)
		}
	}
}

func TestLettersThatFoldToASCIIGlueInTheGithubPreset(t *testing.T) {
	r := mustNew(t, Options{Preset: GitHub})
	for _, text := range []string{"ſAB-1", "\u212aAB-1", "AB-1ſ", "AB-1\u212a"} {
		if got := r.Keys(text); got != nil {
			t.Errorf("Keys(%q) = %q", text, got)
		}
	}
}
