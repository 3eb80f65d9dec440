package reference

import (
	"slices"
	"testing"
)

func TestKeysFollowTheWrittenGrammar(t *testing.T) {
	for text, want := range map[string][]string{
		"ABC-12":                                 {"ABC-12"},
		"feature_ABC-12":                         {"ABC-12"},
		"fix-ABC-12-title":                       {"ABC-12"},
		"日本ABC-12語":                              {"ABC-12"},
		"JIRA-1234_tag":                          {"JIRA-1234"},
		"MY_PROJ-12":                             {"MY_PROJ-12"},
		"__ABC-1":                                {"ABC-1"},
		"ABC-1 DEF-2, ABC-1":                     {"ABC-1", "DEF-2"},
		"ABC-1234567890":                         {"ABC-1234567890"},
		"A2-3":                                   {"A2-3"},
		"Gr\xf6\xdfe ABC-1":                      {"ABC-1"},
		"\xc4BC-12":                              nil,
		"ABC-12345678901":                        nil,
		"thisNOT-123":                            nil,
		"2PAC-123":                               nil,
		"F-67":                                   nil,
		"ABC-007":                                nil,
		"ABC-0":                                  nil,
		"JIRA-123abcd":                           nil,
		"JIRA-123é":                              nil,
		"ÄBC-12":                                 nil,
		"٣ABC-12":                                nil,
		"abc-12":                                 nil,
		"UTF-8 SHA-256 ISO-8859 CVE-2024 RFC-26": nil,
		"ABC-":                                   nil,
		"-12":                                    nil,
		"":                                       nil,
	} {
		if got := Keys([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q holds %q, want %q", text, got, want)
		}
	}
}
