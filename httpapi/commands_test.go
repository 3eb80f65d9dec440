package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// command is a command of the fixture's first commits.
func command(n byte, index int, key storage.IssueKey, state storage.CommandState) storage.Command {
	return storage.Command{
		CommandID: storage.CommandID{OID: oid(n), Index: index}, Key: key, Repository: kafka, Name: "comment", Text: fmt.Sprintf("text %d", index),
		FoundAt: now, State: state, Outcome: "outcome",
	}
}

func (f *fixture) take(commands ...storage.Command) {
	f.t.Helper()
	if err := f.store.TakeCommands(f.t.Context(), commands, "there"); err != nil {
		f.t.Fatal(err)
	}
}

type commandPage struct {
	Key      storage.IssueKey
	Commands []Command
	Next     string
}

func TestTheCommandsOfAnIssueTellWhatCameOfThem(t *testing.T) {
	f := newFixture(t)
	tried := command(1, 0, "KAFKA-7", storage.CommandDone)
	tried.Attempts, tried.TriedAt = 2, now.Add(time.Minute)
	f.take(tried, command(2, 0, "ZK-1", storage.CommandWaiting), command(2, 1, "KAFKA-7", storage.CommandWaiting))
	var got commandPage
	f.get("/api/v1/issues/old-7/commands").json(&got)
	if got.Key != "KAFKA-7" || len(got.Commands) != 2 {
		t.Fatalf("%+v", got)
	}
	want := Command{
		SHA: oid(1), Repository: RepositoryRef{kafka, "kafka"}, Key: "KAFKA-7", Name: "comment", Text: "text 0", State: storage.CommandDone, Attempts: 2,
		Outcome: "outcome", At: now.Add(time.Minute),
	}
	if got.Commands[0] != want || got.Commands[1].Index != 1 || !got.Commands[1].At.Equal(now) {
		t.Errorf("%+v, want %+v first", got.Commands, want)
	}
	f.get("/api/v1/issues/KAFKA-99/commands").json(&got)
	if len(got.Commands) != 0 {
		t.Errorf("of another issue: %+v", got.Commands)
	}
	f.get("/api/v1/issues/nokey/commands").problem(badKey, "nokey")
}

func TestWithoutAJiraCommandsAreShownOnceForAllRepositories(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.ShownCommands = func(h storage.Hit) []storage.Command {
			return []storage.Command{
				{CommandID: storage.CommandID{OID: h.OID}, Repository: h.Repository, Key: "KAFKA-7", Name: "transition", Text: "resolve"},
				{CommandID: storage.CommandID{OID: h.OID, Index: 1}, Repository: h.Repository, Key: "ZK-1", Name: "transition", Text: "resolve"},
			}
		}
	})
	var got commandPage
	f.get("/api/v1/issues/KAFKA-7/commands").json(&got)
	seen := map[storage.OID]bool{}
	for _, c := range got.Commands {
		if c.State != commandShown || c.Key != "KAFKA-7" || seen[c.SHA] || c.At.IsZero() {
			t.Errorf("%+v", c)
		}
		seen[c.SHA] = true
	}
	if len(got.Commands) != 4 || got.Commands[0].SHA != oid(4) {
		t.Errorf("%d commands, the first of %v; want those of 4 commits, the newest first", len(got.Commands), got.Commands[0].SHA)
	}
}

func TestAllCommandsAreGivenOncePageByPage(t *testing.T) {
	f := newFixture(t)
	var all []storage.Command
	for i := range 7 {
		all = append(all, command(1, i, "KAFKA-7", []storage.CommandState{storage.CommandDone, storage.CommandFailed}[i%2]))
	}
	f.take(all...)
	for query, want := range map[string]string{"limit=2": "0123456", "limit=2&state=done": "0246", "limit=100&state=failed": "135", "state=waiting": ""} {
		var read strings.Builder
		for cursor := ""; ; {
			var page commandPage
			f.get("/api/v1/commands?" + query + cursor).json(&page)
			for _, c := range page.Commands {
				fmt.Fprint(&read, c.Index)
				all[c.Index].State = storage.CommandDone // while it is being read
				if err := f.store.SetCommand(t.Context(), all[c.Index]); err != nil {
					t.Fatal(err)
				}
			}
			if page.Next == "" {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(page.Next)
		}
		if read.String() != want {
			t.Errorf("%s: %s, want %s", query, &read, want)
		}
		for i := range all {
			all[i].State = []storage.CommandState{storage.CommandDone, storage.CommandFailed}[i%2]
			if err := f.store.SetCommand(t.Context(), all[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.get("/api/v1/commands?state=lost").problem(badParameter, "want one of waiting, trying, done, failed, skipped")
	f.get("/api/v1/commands?limit=0").problem(badParameter, "limit")
	f.get("/api/v1/commands?cursor=x").problem(badCursor, "malformed")
	if answer := f.do(http.MethodPost, "/api/v1/commands", "{}"); answer.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", answer.status)
	}
}

func TestATokenSeesTheCommandsOfItsProjectsAndIntegrationsAlone(t *testing.T) {
	f := newFixture(t, withScopes)
	f.take(command(1, 0, "KAFKA-7", storage.CommandDone), command(2, 0, "ZK-1", storage.CommandDone))
	for token, want := range map[string]int{"all": 2, "reader": 2, "zk": 1, "other-project": 0, "acme": 2, "plain": 0} {
		var page commandPage
		f.as(token, http.MethodGet, "/api/v1/commands", "").json(&page)
		if len(page.Commands) != want {
			t.Errorf("%s sees %d commands, want %d", token, len(page.Commands), want)
		}
	}
	f.as("zk", http.MethodGet, "/api/v1/issues/KAFKA-7/commands", "").problem(forbidden, "does not open project KAFKA")
	var page commandPage
	f.as("plain", http.MethodGet, "/api/v1/issues/KAFKA-7/commands", "").json(&page)
	if len(page.Commands) != 0 {
		t.Errorf("of another integration: %+v", page.Commands)
	}
}

func TestACommandOutlivesItsRepository(t *testing.T) {
	f := newFixture(t, withScopes)
	gone := command(1, 0, "KAFKA-7", storage.CommandFailed)
	gone.Repository = 4711
	f.take(gone)
	for token, want := range map[string]int{"all": 1, "reader": 1, "zk": 0, "acme": 0, "plain": 0} {
		var page commandPage
		f.as(token, http.MethodGet, "/api/v1/commands", "").json(&page)
		if len(page.Commands) != want || want > 0 && page.Commands[0].Repository != (RepositoryRef{ID: 4711}) {
			t.Errorf("%s sees %+v, want %d commands", token, page.Commands, want)
		}
	}
}
