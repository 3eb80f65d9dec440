package jira_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
	"keytrail/indexer/jira"
	"keytrail/indexer/jira/jiratest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

const secret = "canary-of-jira"

// kinds runs a test with a Data Center, which takes a bearer token, and with a Cloud, which takes basic authentication.
func kinds(t *testing.T, o jiratest.Options, test func(t *testing.T, j *jiratest.Server, c *jira.Client)) {
	for name, isCloud := range map[string]bool{"Data Center": false, "Cloud": true} {
		t.Run(name, func(t *testing.T) {
			o.IsCloud, o.Token, o.Username = isCloud, secret, ""
			if isCloud {
				o.Username = "bot@example.com"
			}
			s := jiratest.New(t, o)
			test(t, s, client(t, s, o.Username, secret))
		})
	}
}

func client(t *testing.T, s *jiratest.Server, username, token string) *jira.Client {
	t.Helper()
	c, err := jira.New(jira.Options{
		URL: s.URL + "/", Username: username, Token: hostapi.Constant(token), Transport: s.Client().Transport,
		Limits: host.Limits{Backoff: time.Millisecond, Wait: time.Millisecond, Rate: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnIssueIsReadAndChanged(t *testing.T) {
	users := []jiratest.User{{Name: "ada", Mail: "ada@example.com"}}
	kinds(t, jiratest.Options{Users: users}, func(t *testing.T, s *jiratest.Server, c *jira.Client) {
		ctx := t.Context()
		s.AddIssues("ACME-1")
		steps, err := c.Transitions(ctx, "ACME-1")
		if err != nil || len(steps) != 2 || steps[1] != (jira.Transition{ID: "5", Name: "Resolve Issue", To: "Resolved"}) {
			t.Fatalf("transitions: %+v, %v", steps, err)
		}
		ada, err := c.UserByMail(ctx, "Ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		started := time.Date(2026, 11, 20, 9, 30, 0, 0, time.FixedZone("", 3600))
		for what, err := range map[string]error{
			"transition": c.Transition(ctx, "ACME-1", "5"), "comment": c.Comment(ctx, "ACME-1", "Fixed."), "assign": c.Assign(ctx, "ACME-1", ada),
			"work":   c.LogWork(ctx, "ACME-1", jira.Work{Spent: "1h 30m", Started: started, Comment: "Looked"}),
			"labels": c.AddLabels(ctx, "ACME-1", []string{"a", "b"}), "fix": c.AddFixVersion(ctx, "ACME-1", "1.0"),
			"affects": c.AddAffectedVersion(ctx, "ACME-1", "2.0"),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		want := jiratest.Issue{
			Status: "Resolved", Moves: 1, Comments: []string{"Fixed."}, Labels: []string{"a", "b"}, FixVersions: []string{"1.0"}, Versions: []string{"2.0"},
			Assignee: "ada", Worklogs: []jiratest.Worklog{{Spent: "1h 30m", Started: "2026-11-20T09:30:00.000+0100", Comment: "Looked"}},
		}
		if d := cmp.Diff(want, s.Issue("ACME-1")); d != "" {
			t.Errorf("the issue (-want +got):\n%s", d)
		}
		if status, err := c.Status(ctx, "ACME-1"); err != nil || status != "Resolved" {
			t.Errorf("status %q, %v", status, err)
		}
	})
}

func TestACommentAndAWorklogAreFoundByTheirLastLineOnAnyPage(t *testing.T) {
	kinds(t, jiratest.Options{}, func(t *testing.T, s *jiratest.Server, c *jira.Client) {
		ctx := t.Context()
		s.AddIssues("ACME-1", "ACME-2")
		for _, text := range []string{"first", "mark: 1, within\nand more", "third", "fourth", "fifth\n\nmark: 2, here"} {
			if err := errors.Join(c.Comment(ctx, "ACME-1", text), c.LogWork(ctx, "ACME-1", jira.Work{Spent: "1h", Comment: text})); err != nil {
				t.Fatal(err)
			}
		}
		for marker, want := range map[string]bool{"mark: 2,": true, "mark: 1,": false, "mark: 22": false} {
			for what, has := range map[string]func(context.Context, string, string) (bool, error){"comment": c.HasComment, "worklog": c.HasWork} {
				if is, err := has(ctx, "ACME-1", marker); err != nil || is != want {
					t.Errorf("%s %q: %t, %v", what, marker, is, err)
				}
				if is, err := has(ctx, "ACME-2", marker); err != nil || is {
					t.Errorf("%s %q of another issue: %t, %v", what, marker, is, err)
				}
			}
		}
	})
}

func TestAUserIsTheOnlyActiveOneOfAMailAddressOrName(t *testing.T) {
	users := []jiratest.User{
		{Name: "ada", Mail: "ada@example.com"}, {Name: "adalbert", Mail: "ada@example.com.invalid"}, {Name: "old", Mail: "gone@example.com", IsInactive: true},
		{Name: "one", Mail: "both@example.com"}, {Name: "two", Mail: "both@example.com"}, {Name: "hidden"},
	}
	kinds(t, jiratest.Options{Users: users}, func(t *testing.T, _ *jiratest.Server, c *jira.Client) {
		if u, err := c.UserByMail(t.Context(), "ADA@example.com"); err != nil || u.DisplayName != "Ada Example" {
			t.Errorf("ada by mail: %+v, %v", u, err)
		}
		for _, mail := range []string{"gone@example.com", "both@example.com", "nobody@example.com", "hidden@example.com", ""} {
			if _, err := c.UserByMail(t.Context(), mail); !errors.Is(err, jira.ErrNoUser) {
				t.Errorf("%q: %v", mail, err)
			}
		}
		me, err := c.Myself(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name := map[bool]string{false: "ADA", true: "ada example"}[me.IsCloud()]
		if u, err := c.UserByName(t.Context(), name); err != nil || u.Name+u.AccountID != map[bool]string{false: "ada", true: "5b10:ada"}[me.IsCloud()] {
			t.Errorf("%s by name: %+v, %v", name, u, err)
		}
	})
}

func TestProjectsAreReadWithTheirFormerKeysArchivedOnesToo(t *testing.T) {
	projects := []jiratest.Project{{Key: "ZK"}, {Key: "ACME", Former: []string{"OLD", "ACM"}}, {Key: "CORE", IsArchived: true}}
	want := []jira.Project{{Key: "ACME", Former: []string{"ACM", "OLD"}}, {Key: "CORE"}, {Key: "ZK"}}
	for _, isPlain := range []bool{false, true} {
		kinds(t, jiratest.Options{Projects: projects, PlainProjects: isPlain}, func(t *testing.T, _ *jiratest.Server, c *jira.Client) {
			got, err := c.Projects(t.Context())
			if d := cmp.Diff(want, got, cmp.Transformer("none", func(s []string) string { return strings.Join(s, " ") })); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

func TestARefusalTellsJirasWordsAndNoSecret(t *testing.T) {
	kinds(t, jiratest.Options{}, func(t *testing.T, s *jiratest.Server, c *jira.Client) {
		s.AddIssues("ACME-1")
		err := c.AddFixVersion(t.Context(), "ACME-1", "9.9")
		if !errors.Is(err, host.ErrRefused) || !strings.Contains(err.Error(), "Version name '9.9' is not valid") {
			t.Errorf("an unknown version: %v", err)
		}
		if _, err := c.Status(t.Context(), "ACME-2"); !errors.Is(err, host.ErrGone) || !strings.Contains(err.Error(), "Issue Does Not Exist") {
			t.Errorf("an unknown issue: %v", err)
		}
		s.Script(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			jiratest.Refuse(w, http.StatusBadRequest, "not so, "+r.Header.Get("Authorization"))
		})
		if err := c.Comment(t.Context(), "ACME-1", "x"); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[redacted]") {
			t.Errorf("said back: %v", err)
		}
	})
}

func TestAWrongTokenAndABarredLoginAreNoLackOfRights(t *testing.T) {
	s := jiratest.New(t, jiratest.Options{Token: secret})
	if _, err := client(t, s, "", "another").Myself(t.Context()); !errors.Is(err, host.ErrAuth) {
		t.Errorf("a wrong token: %v", err)
	}
	s.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=https://jira.example.com/login.jsp")
		jiratest.Refuse(w, http.StatusForbidden, "denied")
	})
	if _, err := client(t, s, "", secret).Myself(t.Context()); !errors.Is(err, host.ErrAuth) || !strings.Contains(err.Error(), "renew") {
		t.Errorf("a barred login: %v", err)
	}
}

func TestWhatChangesSomethingIsSentOnce(t *testing.T) {
	s := jiratest.New(t, jiratest.Options{Token: secret})
	s.AddIssues("ACME-1")
	s.Script(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusBadGateway, "no")
	})
	c := client(t, s, "", secret)
	if err := c.Comment(t.Context(), "ACME-1", "x"); !errors.Is(err, host.ErrServer) || len(s.Requests()) != 1 {
		t.Errorf("%v after %q", err, s.Requests())
	}
	if _, err := c.Status(t.Context(), "ACME-1"); !errors.Is(err, host.ErrServer) || len(s.Requests()) < 3 {
		t.Errorf("reading: %v after %q", err, s.Requests())
	}
}
