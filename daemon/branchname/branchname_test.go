package branchname_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"keytrail/daemon/branchname"
)

// usual is the template that users of Git Integration for Jira have when they change nothing.
const usual = "${issuekey}-${summary}"

func TestABranchIsNamedByItsTemplate(t *testing.T) {
	const byType = "${issuetype:New Feature,feature,Bug Fix,bug}/${issuekey}-${summary}"
	for _, c := range []struct {
		template string
		subject  branchname.Subject
		want     string
	}{
		{usual, branchname.Subject{Key: "PRJ-123", Summary: "Add more logging"}, "PRJ-123-add-more-logging"},
		{usual, branchname.Subject{Key: "PRJ-123"}, "PRJ-123"},
		{usual, branchname.Subject{Key: "PRJ-1", Summary: " ../~^:?*[\\ Größe: 50%!.lock "}, "PRJ-1-größe-50-lock"},
		{byType, branchname.Subject{Key: "PRJ-123", Summary: "Add more logging", Type: "new feature"}, "feature/PRJ-123-add-more-logging"},
		{byType, branchname.Subject{Key: "PRJ-123", Type: "Sub-task"}, "sub-task/PRJ-123"},
		{byType, branchname.Subject{Key: "PRJ-123"}, "PRJ-123"},
		{"${issuetype:Bug, bug ,task}/${issuekey}", branchname.Subject{Key: "PRJ-1", Type: "Epic"}, "task/PRJ-1"},
		{"${issuetype:Bug, bug ,task}/${issuekey}", branchname.Subject{Key: "PRJ-1", Type: "Bug"}, "bug/PRJ-1"},
		{"${projectkey}/${basebranch}/${issuekey}", branchname.Subject{Key: "MY_PROJ-12", Base: "release/2"}, "MY_PROJ/release/2/MY_PROJ-12"},
		{"users/${issuekey}", branchname.Subject{Key: "PRJ-1"}, "users/PRJ-1"},
	} {
		template, err := branchname.Parse(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if have := template.Name(c.subject); have != c.want {
			t.Errorf("%s of %+v: have %q, want %q", c.template, c.subject, have, c.want)
		}
	}
}

func TestATemplateThatCannotBeMeantIsRefused(t *testing.T) {
	for template, part := range map[string]string{
		"":                         "no ${issuekey}",
		"${summary}":               "no ${issuekey}",
		"${issuekey":               "has no end",
		"${issuekey}-${user}":      "no variable ${user}",
		"${issuekey}${}":           "no variable ${}",
		"${issuekey}${summary:a}x": "takes no list",
	} {
		if _, err := branchname.Parse(template); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: have error %v, want it to say %q", template, err, part)
		}
	}
}

func TestANameIsNeverTooLongAndBeginsWithItsKey(t *testing.T) {
	template, err := branchname.Parse(usual)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := template.Name(branchname.Subject{Key: "PRJ-1", Summary: rapid.StringN(0, 400, -1).Draw(t, "summary")})
		if len(name) > 250 || !utf8.ValidString(name) || !strings.HasPrefix(name, "PRJ-1") || strings.ContainsAny(name, " ~^:?*[\\") {
			t.Fatalf("have %q", name)
		}
	})
}
