package command

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"keytrail/indexer/jira/jiratest"
	"keytrail/storage"
)

func TestEveryCommandIsDoneAsItSays(t *testing.T) {
	f := begun(t)
	c := f.commit("ACME-1 #time 1h 30m Looked #comment Fixed\nin two lines\n#resolve All done #assign bo@example.com #fixversion 1.0 #fixversion 2.0\n" +
		"#affectsversion 1.0 #label a b")
	f.push(f.core, c)
	f.settle()
	signed := func(index int) string {
		return fmt.Sprintf("keytrail: commit %s, command %d, core, by Ada   admin  Example", c.OID, index)
	}
	want := jiratest.Issue{
		Status: "Resolved", Moves: 1, Assignee: "bo", Labels: []string{"a", "b"}, FixVersions: []string{"1.0", "2.0"}, Versions: []string{"1.0"},
		Comments: []string{"Fixed\r\nin two lines\r\n\r\n" + signed(1), "All done\r\n\r\n" + signed(2)},
		Worklogs: []jiratest.Worklog{{
			Spent: "1h 30m", Started: c.Author.Time().Format("2006-01-02T15:04:05.000-0700"), Comment: "Looked\n\n" + signed(0),
		}},
	}
	if d := cmp.Diff(want, f.jira.Issue("ACME-1")); d != "" {
		t.Errorf("the issue (-want +got):\n%s\n%s", d, f.log)
	}
}

func TestACommandThatIsWrongFailsWithItsReasonAndTheNextGoesOn(t *testing.T) {
	for message, reason := range map[string]string{
		"ACME-1 #time soon #assign bo":         "#time has no duration behind it",
		"ACME-1 #comment #assign bo":           "#comment without anything behind it",
		"ACME-1 #fixversion 7.7 #assign bo":    "Version name '7.7' is not valid",
		"ACME-1 #assign nobody #assign bo":     `0 active users of Jira are "nobody"`,
		"ACME-1 #celebrate #assign bo":         `no step from "Open" is called #celebrate, there are: #start-progress #resolve-issue`,
		"ACME-77 #comment x\nACME-1 #assign b": "Issue Does Not Exist",
	} {
		f := begun(t)
		if strings.HasSuffix(message, " b") {
			message += "o"
		}
		f.push(f.core, f.commit(message))
		f.settle()
		var states []string
		for c, err := range f.store.Commands(t.Context(), storage.CommandQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			states = append(states, string(c.State))
			if c.State == storage.CommandFailed && (!strings.Contains(c.Outcome, reason) || c.Attempts != 1) {
				t.Errorf("%q failed with %q after %d attempts, want %q", message, c.Outcome, c.Attempts, reason)
			}
		}
		if strings.Join(states, " ") != "failed done" || f.jira.Issue("ACME-1").Assignee != "bo" {
			t.Errorf("%q: %v", message, states)
		}
	}
}

func TestTheNameOfATransitionIsItsOwnOrThatOfItsStatusOrItsFirstWords(t *testing.T) {
	for command, want := range map[string]string{
		"#start-progress": "In Progress", "#START": "In Progress", "#in-progress": "In Progress", "#resolve": "Resolved", "#resolved": "Resolved", "#open": "Open",
	} {
		f := begun(t)
		f.push(f.core, f.commit("ACME-1 "+command))
		f.settle()
		if i, c := f.jira.Issue("ACME-1"), f.only(); i.Status != want || c.State != storage.CommandDone {
			t.Errorf("%s: %s, %s %q; want %s", command, i.Status, c.State, c.Outcome, want)
		}
	}
}

func TestAnAssigneeIsNamedByMailAddressOrLoginName(t *testing.T) {
	for who, want := range map[string]string{"bo": "bo", "BO@example.com": "bo", "cy@example.com": "cy@login.example.com", "cy@login.example.com": "cy@login.example.com"} {
		f := begun(t)
		f.push(f.core, f.commit("ACME-1 #assign "+who))
		f.settle()
		if got := f.jira.Issue("ACME-1").Assignee; got != want {
			t.Errorf("%s: %q, want %q; %s", who, got, want, f.only().Outcome)
		}
	}
}

func TestAnAuthorWhomJiraDoesNotKnowGivesNoCommands(t *testing.T) {
	f := begun(t)
	stranger := f.commit("ACME-1 #resolve")
	stranger.Author.Email = "stranger@example.com"
	f.push(f.core, stranger)
	f.settle()
	if c := f.only(); c.State != storage.CommandFailed || !strings.Contains(c.Outcome, "set their mail address in Jira") {
		t.Errorf("%s: %q", c.State, c.Outcome)
	}
	f.options.Authors = AnyAuthors
	stranger = f.commit("ACME-1 #resolve")
	stranger.Author.Email = "stranger@example.com"
	f.push(f.core, stranger)
	f.settle()
	if i := f.jira.Issue("ACME-1"); i.Moves != 1 {
		t.Errorf("the issue is %+v", i)
	}
}

// everything is one command of each kind that a second attempt could do twice.
const everything = "ACME-1 #comment Said #time 1h Done #resolve And said"

// isAll tells that each command of everything was done once.
func (f *fixture) isAll() {
	f.t.Helper()
	i := f.jira.Issue("ACME-1")
	if len(i.Comments) != 2 || len(i.Worklogs) != 1 || i.Moves != 1 || i.Status != "Resolved" {
		f.t.Errorf("the issue is %+v\n%s", i, f.log)
	}
	f.hold("ACME-1 comment done \"Said\"\n", "ACME-1 time done \"1h Done\"\n", "ACME-1 transition done \"resolve And said\"\n")
}

// A crash at any request: the runner ends when the n-th request reaches Jira, before Jira does it or after. The next runner does the rest.
func TestAfterACrashAtAnyRequestEveryCommandIsDoneOnce(t *testing.T) {
	for _, isDone := range []bool{false, true} {
		for n := int64(1); ; n++ {
			f := begun(t)
			var count atomic.Int64
			f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
				if count.Add(1) != n {
					serve.ServeHTTP(w, r)
					return
				}
				if isDone {
					serve.ServeHTTP(httptest.NewRecorder(), r)
				}
				count.Add(1000)
				jiratest.Hang(r)
			})
			f.push(f.core, f.commit(everything))
			f.run(func() bool { return count.Load() > 1000 || f.isSettled() })
			isOver := count.Load() < n
			f.jira.Script(nil)
			f.settle()
			f.isAll()
			if isOver || t.Failed() {
				if n < 9 {
					t.Errorf("over after %d requests: nothing was tested", n)
				}
				break
			}
		}
	}
}

// Jira fails at any request, in each way that passes, before it does it or after.
func TestAFailureThatPassesHasEveryCommandDoneOnceAndInOrder(t *testing.T) {
	for name, status := range map[string]int{"5xx": http.StatusServiceUnavailable, "401": http.StatusUnauthorized, "a cut connection": 0, "no JSON": http.StatusOK} {
		for _, isDone := range []bool{false, true} {
			f := begun(t)
			failed := map[string]bool{}
			f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
				if what := r.Method + r.URL.Path; r.Method != http.MethodGet && !failed[what] {
					failed[what] = true
					if isDone {
						serve.ServeHTTP(httptest.NewRecorder(), r)
					}
					switch status {
					case 0:
						panic(http.ErrAbortHandler)
					case http.StatusOK:
						w.Header().Set("Content-Type", "text/html")
						fmt.Fprint(w, "<html>Log in</html>")
					default:
						jiratest.Refuse(w, status, "not now")
					}
					return
				}
				serve.ServeHTTP(w, r)
			})
			f.push(f.core, f.commit(everything))
			f.settle()
			if f.isAll(); t.Failed() {
				t.Fatalf("%s, done before it: %t", name, isDone)
			}
		}
	}
}

func TestJiraIsNotAskedBeforeTheTimeThatItTells(t *testing.T) {
	f := begun(t)
	var refused, again atomic.Int64
	f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		if r.Method == http.MethodGet {
			serve.ServeHTTP(w, r)
			return
		}
		if refused.CompareAndSwap(0, time.Now().UnixMilli()) {
			w.Header().Set("Retry-After", "1")
			jiratest.Refuse(w, http.StatusTooManyRequests, "Rate limit exceeded.")
			return
		}
		again.CompareAndSwap(0, time.Now().UnixMilli())
		serve.ServeHTTP(w, r)
	})
	f.push(f.core, f.commit("ACME-1 #comment One"), f.commit("ACME-2 #comment Two"))
	f.settle()
	if waited := again.Load() - refused.Load(); waited < 900 {
		t.Errorf("it was asked again after %d ms, a second was asked for", waited)
	}
	if len(f.jira.Issue("ACME-1").Comments) != 1 || len(f.jira.Issue("ACME-2").Comments) != 1 {
		t.Errorf("the commands are\n%s", f.commands())
	}
}

func TestARefusalOfOneIssueIsFinalAndALostTokenIsNot(t *testing.T) {
	f := begun(t)
	var isRevoked atomic.Bool
	f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		switch {
		case isRevoked.Load():
			jiratest.Refuse(w, http.StatusForbidden, "who are you?")
		case r.Method == http.MethodPost && strings.Contains(r.URL.Path, "ACME-1"):
			jiratest.Refuse(w, http.StatusForbidden, "You do not have the permission to comment on this issue.")
		default:
			serve.ServeHTTP(w, r)
		}
	})
	f.push(f.core, f.commit("ACME-1 #comment One"))
	f.settle()
	f.hold("ACME-1 comment failed \"One\"\n")
	isRevoked.Store(true)
	f.push(f.core, f.commit("ACME-2 #comment Two"))
	f.run(func() bool { return strings.Count(f.log.String(), "not done yet") >= 2 })
	isRevoked.Store(false)
	f.settle()
	f.hold("ACME-1 comment failed \"One\"\n", "ACME-2 comment done \"Two\"\n")
}

func TestACommandThatWaitsHoldsBackItsCommitAndItsIssueAlone(t *testing.T) {
	f := begun(t)
	var isDown atomic.Bool
	isDown.Store(true)
	f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		if isDown.Load() && r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/ACME-1/") {
			jiratest.Refuse(w, http.StatusInternalServerError, "Internal server error")
			return
		}
		serve.ServeHTTP(w, r)
	})
	f.push(f.core, f.commit("ACME-1 #comment One\nACME-2 #comment Two"), f.commit("ACME-2 #comment Three"), f.commit("ACME-3 #comment Four"), f.commit("ACME-1 #comment Five"))
	f.run(func() bool {
		return strings.Contains(f.commands(), "done \"Four\"") && strings.Count(f.log.String(), "not done yet") >= 3
	})
	f.hold("ACME-1 comment waiting \"One\"\n", "ACME-2 comment waiting \"Two\"\n", "ACME-2 comment waiting \"Three\"\n",
		"ACME-3 comment done \"Four\"\n", "ACME-1 comment waiting \"Five\"\n")
	isDown.Store(false)
	f.settle()
	one, two := f.jira.Issue("ACME-1").Comments, f.jira.Issue("ACME-2").Comments
	if len(one) != 2 || len(two) != 2 || !strings.HasPrefix(one[0], "One") || !strings.HasPrefix(two[0], "Two") {
		t.Errorf("the comments are %q and %q", one, two)
	}
}

func TestACommandIsGivenUpWhenItIsAsOldAsACommitMayBe(t *testing.T) {
	f := begun(t)
	var ahead atomic.Int64
	f.options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f.jira.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusInternalServerError, "Internal server error")
	})
	f.push(f.core, f.commit("ACME-1 #comment Never"))
	f.run(func() bool {
		return f.commands() != "" && f.only().Attempts > 0 && f.only().State == storage.CommandWaiting
	})
	ahead.Store(int64(15 * 24 * time.Hour))
	f.settle()
	if c := f.only(); c.State != storage.CommandFailed || !strings.Contains(c.Outcome, "given up after 336h0m0s; last: ") {
		t.Errorf("%s: %q", c.State, c.Outcome)
	}
}

func TestACommandWhoseCommitIsGoneIsSkipped(t *testing.T) {
	f := begun(t)
	base := f.tips[f.core]
	f.jira.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusUnauthorized, "not now")
	})
	f.push(f.core, f.commit("ACME-1 #comment One"), f.commit("ACME-2 #comment Two"))
	f.run(func() bool {
		return strings.Contains(f.commands(), "Two") && strings.Contains(f.log.String(), "not done yet")
	})
	f.push(f.core, f.commit("amended", base))
	f.jira.Script(nil)
	f.settle()
	f.hold("ACME-1 comment failed \"One\"\n", "ACME-2 comment skipped \"Two\"\n")
	if changes := f.jira.Changes(); len(changes) > 0 {
		t.Errorf("Jira was asked to %q", changes)
	}
}

func TestNoSecretIsKeptOrLogged(t *testing.T) {
	f := begun(t)
	f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		if r.Method == http.MethodGet {
			serve.ServeHTTP(w, r)
			return
		}
		jiratest.Refuse(w, http.StatusBadRequest, "you said "+r.Header.Get("Authorization"))
	})
	f.push(f.core, f.commit("ACME-1 #comment One"))
	f.settle()
	if c := f.only(); !strings.Contains(c.Outcome, "you said") || strings.Contains(c.Outcome+f.log.String(), secret) {
		t.Errorf("outcome %q\nlog %s", c.Outcome, f.log)
	}
}

func TestACommandIsDoneAsLongAsAnyRepositoryHasItsCommit(t *testing.T) {
	f := begun(t)
	base := f.tips[f.core]
	f.jira.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusUnauthorized, "not now")
	})
	c := f.commit("ACME-1 #comment One", base)
	f.push(f.core, c)
	f.run(func() bool { return strings.Contains(f.log.String(), "not done yet") })
	c.Parents = nil
	f.push(f.fork, c)
	f.push(f.core, f.commit("amended", base))
	f.jira.Script(nil)
	f.settle()
	f.hold("ACME-1 comment done \"One\"\n")
	if comments := f.jira.Issue("ACME-1").Comments; len(comments) != 1 || !strings.Contains(comments[0], ", fork, by Ada") {
		t.Errorf("the comments are %q", comments)
	}
}

func TestAFailureThatStaysWithOneIssueKeepsNoOtherWaiting(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"401": func(w http.ResponseWriter, _ *http.Request) {
			jiratest.Refuse(w, http.StatusUnauthorized, "you may not assign")
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"another origin": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://login.example.com/", http.StatusFound)
		},
	} {
		f := begun(t)
		f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/ACME-1/assignee") {
				fail(w, r)
				return
			}
			serve.ServeHTTP(w, r)
		})
		f.options.Backoff = time.Minute // the first failure would have the others wait for as long
		f.push(f.core, f.commit("ACME-1 #assign bo"), f.commit("ACME-2 #comment Two"), f.commit("ACME-3 #comment Three"))
		f.run(func() bool { return strings.Count(f.commands(), " done ") == 2 || t.Failed() })
		if f.hold("ACME-1 assign waiting \"bo\"\n", "ACME-2 comment done \"Two\"\n", "ACME-3 comment done \"Three\"\n"); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestJiraThatFailsAltogetherIsAskedForNoSecondCommand(t *testing.T) {
	f := begun(t)
	f.jira.Script(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		jiratest.Refuse(w, http.StatusBadGateway, "no upstream")
	})
	f.options.Backoff = time.Minute
	f.push(f.core, f.commit("ACME-1 #comment One"), f.commit("ACME-2 #comment Two"), f.commit("ACME-3 #comment Three"))
	f.run(func() bool { return strings.Contains(f.log.String(), "not done yet") })
	for c, err := range f.store.Commands(t.Context(), storage.CommandQuery{}) {
		if isFirst := c.Key == "ACME-1"; err != nil || c.State != storage.CommandWaiting || c.Attempts > 0 != isFirst {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// The runner ends while Jira works on a comment, which is there only when the next runner has begun.
func TestWhatJiraMayStillBeDoingIsNotAskedForAgain(t *testing.T) {
	f := begun(t)
	var ahead atomic.Int64
	f.options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f.options.Grace = time.Hour
	slow := make(chan func(), 1)
	f.jira.Script(func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		if r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/ACME-1/") {
			serve.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		again := r.Clone(t.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		slow <- func() { serve.ServeHTTP(httptest.NewRecorder(), again) }
		<-r.Context().Done()
	})
	f.push(f.core, f.commit("ACME-1 #comment One"))
	f.run(func() bool { return len(slow) > 0 })
	f.push(f.core, f.commit("ACME-2 #comment Two"))
	f.run(func() bool { return strings.Contains(f.commands(), "done \"Two\"") })
	(<-slow)()
	ahead.Store(int64(time.Hour))
	f.settle()
	f.hold("ACME-1 comment done \"One\"\n", "ACME-2 comment done \"Two\"\n")
	if comments := f.jira.Issue("ACME-1").Comments; len(comments) != 1 {
		t.Errorf("the comments are %q", comments)
	}
}

func TestACommandThatWaitedTooLongOrWhoseProjectIsNotConfiguredAnyMoreIsNotTried(t *testing.T) {
	for reason, change := range map[string]func(*Options){
		"given up after 336h0m0s":                 func(o *Options) { o.Now = func() time.Time { return time.Now().Add(15 * 24 * time.Hour) } },
		"project ACME is not among jira.projects": func(o *Options) { o.Projects = []string{"CORE"} },
	} {
		f := begun(t)
		c := f.commit("ACME-1 #comment One")
		f.push(f.core, c)
		taken := storage.Command{CommandID: storage.CommandID{OID: c.OID}, Key: "ACME-1", Repository: f.core, Name: "comment", Text: "One",
			FoundAt: time.Now(), State: storage.CommandWaiting}
		end, err := f.store.FeedEnd(t.Context())
		if err == nil {
			err = f.store.TakeCommands(t.Context(), []storage.Command{taken}, end)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(&f.options)
		f.settle()
		if c := f.only(); c.State != storage.CommandSkipped || c.Outcome != reason || c.Attempts > 0 || len(f.jira.Changes()) > 0 {
			t.Errorf("%s: %q; want %q", c.State, c.Outcome, reason)
		}
	}
}

func TestAClockThatIsSetBackKeepsNoCommandWaiting(t *testing.T) {
	f := newFixture(t)
	f.options.Registerer = prometheus.NewRegistry()
	r, now := New(f.options), time.Now()
	early := storage.Command{State: storage.CommandWaiting, TriedAt: now.AddDate(1, 0, 0), DueAt: now.AddDate(1, 0, 1)}
	if due := r.dueAt(early, now); due.After(now) {
		t.Errorf("due at %v, it is %v", due, now)
	}
	early.TriedAt, early.DueAt = now, now.Add(time.Minute)
	if due := r.dueAt(early, now); !due.Equal(early.DueAt) {
		t.Errorf("due at %v, want %v", due, early.DueAt)
	}
}
