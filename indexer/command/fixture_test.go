package command

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/jira"
	"keytrail/indexer/jira/jiratest"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

const secret = "canary-of-jira"

// fixture is an index with two repositories, core and fork, and a Jira with the issues ACME-1 to ACME-9.
type fixture struct {
	t       *testing.T
	store   storage.Store
	jira    *jiratest.Server
	options Options
	log     *buffer
	core    storage.RepositoryID
	fork    storage.RepositoryID
	tips    map[storage.RepositoryID]storage.OID
	made    uint32
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: memstore.New(), log: &buffer{}, tips: map[storage.RepositoryID]storage.OID{}}
	t.Cleanup(func() { f.store.Close() })
	f.jira = jiratest.New(t, jiratest.Options{Token: secret, Users: []jiratest.User{{Name: "ada", Mail: "ada@example.com"}, {Name: "bo", Mail: "bo@example.com"},
		{Name: "cy@login.example.com", Mail: "cy@example.com"}}})
	for n := range 9 {
		f.jira.AddIssues(fmt.Sprintf("ACME-%d", n+1))
	}
	ids, err := f.store.Register(t.Context(), []storage.RepositorySpec{
		{HostID: "1", Name: "core", URL: "https://git.example.com/core.git"}, {HostID: "2", Name: "fork", URL: "https://git.example.com/fork.git"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.core, f.fork = ids[0], ids[1]
	rules, err := issuekey.New(issuekey.Options{Aliases: map[string]string{"OLD": "ACME"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := jira.New(jira.Options{
		URL: f.jira.URL, Token: hostapi.Constant(secret), Transport: f.jira.Client().Transport,
		Limits: host.Limits{Backoff: time.Millisecond, Wait: time.Millisecond, Rate: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.options = Options{
		Store: f.store, Jira: client, Rules: func() *issuekey.Rules { return rules }, Projects: []string{"ACME"}, MaxAge: 14 * 24 * time.Hour,
		Authors: KnownAuthors, Backoff: time.Millisecond, Log: zerolog.New(f.log),
	}
	return f
}

// commit makes a commit by Ada, of now, without pushing it.
func (f *fixture) commit(message string, parents ...storage.OID) storage.Commit {
	f.made++
	c := storage.Commit{Parents: parents, Message: message}
	binary.BigEndian.PutUint32(c.OID[:], 0xffff_0000-f.made) // later ones sort before earlier ones
	c.Author = storage.Signature{Name: "Ada [~admin] Example", Email: "ada@example.com", Seconds: time.Now().Unix()}
	c.Committer = c.Author
	return c
}

// push adds commits to the main branch of a repository, each on top of the one before.
func (f *fixture) push(in storage.RepositoryID, commits ...storage.Commit) {
	f.t.Helper()
	for i := range commits {
		commits[i].Keys = issuekey.AppendKeys[storage.IssueKey](nil, f.options.Rules(), commits[i].Message)
		if len(commits[i].Parents) == 0 && i > 0 {
			commits[i].Parents = []storage.OID{commits[i-1].OID}
		} else if tip, ok := f.tips[in]; ok && len(commits[i].Parents) == 0 {
			commits[i].Parents = []storage.OID{tip}
		}
	}
	last := commits[len(commits)-1].OID
	f.advance(storage.Advance{Repository: in, Commits: all(commits), Tips: []storage.TipChange{
		{Tip: storage.Tip{Ref: "refs/heads/main", OID: last, Commit: last}, Old: f.tips[in]},
	}})
	f.tips[in] = last
}

// note puts a note on a commit, in place of the one before.
func (f *fixture) note(in storage.RepositoryID, on storage.OID, text string) {
	f.t.Helper()
	keys := issuekey.AppendKeys[storage.IssueKey](nil, f.options.Rules(), text)
	f.advance(storage.Advance{Repository: in, Notes: []storage.NotesUpdate{{Ref: "refs/notes/commits", Changes: []storage.Note{
		{Ref: "refs/notes/commits", Object: on, Text: text, Keys: keys},
	}}}})
}

func (f *fixture) advance(a storage.Advance) {
	f.t.Helper()
	a.SeenAt = time.Now()
	if _, err := f.store.Advance(f.t.Context(), a); err != nil {
		f.t.Fatal(err)
	}
}

func all(commits []storage.Commit) iter.Seq2[storage.Commit, error] {
	return func(yield func(storage.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// begun is a fixture whose repositories have been indexed, and whose runner has begun and ended.
func begun(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.push(f.core, f.commit("begin"))
	f.push(f.fork, f.commit("begin"))
	f.run(func() bool { cursor, err := f.store.CommandCursor(t.Context()); return err == nil && cursor != "" })
	return f
}

// run runs a runner until something holds, and ends it as a crash would: whatever it is doing.
func (f *fixture) run(done func() bool) {
	f.t.Helper()
	o := f.options
	o.Registerer = prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(o).Run(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Errorf("not within ten seconds; the commands are\n%sthe log is\n%s", f.commands(), f.log)
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		f.t.Errorf("run: %v", err)
	}
}

// settle runs a runner until it has searched all of the feed and nothing is to be done.
func (f *fixture) settle() {
	f.t.Helper()
	f.run(f.isSettled)
}

func (f *fixture) isSettled() bool {
	cursor, err := f.store.CommandCursor(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	end, err := f.store.FeedEnd(f.t.Context())
	return err == nil && cursor == end && !strings.Contains(f.commands(), "waiting") && !strings.Contains(f.commands(), "trying")
}

// commands writes the commands as the index has them, a line each: key, name, state, text.
func (f *fixture) commands() string {
	f.t.Helper()
	var b strings.Builder
	for c, err := range f.store.Commands(f.t.Context(), storage.CommandQuery{}) {
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %s %q\n", c.Key, c.Name, c.State, c.Text)
	}
	return b.String()
}

// only gives the one command there is.
func (f *fixture) only() storage.Command {
	f.t.Helper()
	var found []storage.Command
	for c, err := range f.store.Commands(f.t.Context(), storage.CommandQuery{}) {
		if err != nil {
			f.t.Fatal(err)
		}
		found = append(found, c)
	}
	if len(found) != 1 {
		f.t.Fatalf("%d commands:\n%s", len(found), f.commands())
	}
	return found[0]
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
