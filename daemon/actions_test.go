package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer/host"
	"keytrail/indexer/host/folder"
	"keytrail/indexer/host/hosttest"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// served is a daemon over a scripted GitHub Enterprise Server, whose repository acme/billing-api is a real one.
type served struct {
	*testing.T
	host  *hosttest.Server
	usual hosttest.Handler
	url   string
	data  string
	log   lockedBuffer

	mu   sync.Mutex
	said []string // all that the daemon answered
}

// lockedBuffer takes what several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serveHost runs a daemon until the test ends. Its configuration has more keys at the top and in the integration.
func serveHost(t *testing.T, top, inIntegration string) *served {
	t.Helper()
	repo := gittest.Init(t)
	repo.Commit("ACME-42 begin")
	s := &served{T: t, data: t.TempDir()}
	s.host = hosttest.NewServer(t, hosttest.Case{
		Dir:    "../indexer/host/github/testdata/github-enterprise-server",
		Ignore: []string{"per_page", "sort", "direction"}, First: map[string]string{"page": "1"},
	})
	s.usual = usual(t, repo)
	s.host.Script(s.usual)
	t.Setenv("HOST_TOKEN", hosttest.Token)
	file := writeFile(t, fmt.Sprintf(`
listen: 127.0.0.1:0
data_dir: %s
%s
integrations:
  - {name: acme, type: github, url: %q, token: {env: HOST_TOKEN}%s}
repositories:
  - {name: plain, url: %q}
`, s.data, top, s.host.URL, inIntegration, repo.Path))
	s.start(file)
	return s
}

// usual answers for what is not recorded: git, and the pull requests of the other repositories.
func usual(t *testing.T, repo *gittest.Repo) hosttest.Handler {
	backend := http.StripPrefix("/acme/billing-api.git", gittest.Backend(t, repo.Path))
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasPrefix(r.URL.Path, "/acme/billing-api.git/"):
			backend.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/acme/"):
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/pulls") && r.Method == http.MethodGet && !strings.Contains(r.URL.Path, "billing-api"):
			io.WriteString(w, "[]")
		default:
			return false
		}
		return true
	}
}

func (s *served) start(file string) {
	s.Helper()
	c := &serveCommand{Config: file}
	settings, err := c.settings()
	if err != nil {
		s.Fatal(err)
	}
	log := zerolog.New(&s.log).Level(zerolog.TraceLevel)
	transports := newTransports()
	plan, err := newPlan(settings, transports)
	if err != nil {
		s.Fatal(err)
	}
	store, err := dataDir(settings.DataDir).open(log, Process{}, memoryOf(settings.Limits))
	if err != nil {
		s.Fatal(err)
	}
	d, err := newDaemon(c, settings, plan, store, transports, log)
	if err != nil {
		s.Fatal(err)
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		s.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx, listener, Process{}) }()
	s.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.Error(err)
		}
		if err := d.indexer.Close(); err != nil {
			s.Error(err)
		}
		if err := store.Close(); err != nil {
			s.Error(err)
		}
		transports.close()
		http.DefaultClient.CloseIdleConnections()
	})
}

// ask sends a request; header lists names and values in turn.
func (s *served) ask(method, path, body string, header ...string) (status int, answer string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		s.Fatal(err)
	}
	s.mu.Lock()
	s.said = append(s.said, fmt.Sprint(got.Header, string(text)))
	s.mu.Unlock()
	return got.StatusCode, string(text)
}

// eventually asks until the answer is as wanted.
func (s *served) eventually(path string, isWanted func(answer string) bool) {
	s.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, answer := s.ask(http.MethodGet, path, "")
		if isWanted(answer) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s still answers %s\n%s", path, answer, s.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// repository gives the path of a repository by its name, once it is indexed.
func (s *served) repository(name string) string {
	s.Helper()
	var id uint32
	s.eventually("/api/v1/repositories", func(answer string) bool {
		var list struct{ Repositories []httpapi.Repository }
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			s.Fatal(err)
		}
		for _, r := range list.Repositories {
			if r.Name == name && r.LastSuccess != nil {
				id = uint32(r.ID)
			}
		}
		return id != 0
	})
	return fmt.Sprintf("/api/v1/repositories/%d", id)
}

// want checks an answer and a part of it.
func (s *served) want(status int, part string) func(int, string) {
	return func(got int, answer string) {
		s.Helper()
		if got != status || !strings.Contains(answer, part) {
			s.Errorf("%d %s, want %d with %s", got, answer, status, part)
		}
	}
}

// asCaller answers, with recordings, what only the caller's token may do.
func (s *served) asCaller(exchanges map[string]string) hosttest.Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		id, ok := exchanges[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v3/repos/acme/billing-api")]
		if !ok {
			return s.usual(w, r)
		}
		if !hosttest.Holds(r, hosttest.CallerToken) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"message": "Bad credentials: %s"}`, r.Header.Get("Authorization"))
			return true
		}
		s.host.Answer(w, id)
		return true
	}
}

const (
	newBranch = `{"base":"main","name":"feature/ACME-42-invoice-export"}`
	newPull   = `{"source":"feature/ACME-42-invoice-export","target":"main","title":"ACME-42 Add invoice export","description":"Exports invoices. See ACME-42."}`
)

func TestPullRequestsAreFoundByIssueAndMadeWithTheIntegrationsToken(t *testing.T) {
	s := serveHost(t, "", "")
	at := s.repository("acme/billing-api")
	s.eventually("/api/v1/issues/ACME-42/pull-requests", func(answer string) bool {
		return strings.Contains(answer, `"title":"ACME-42 Add invoice export"`) && strings.Contains(answer, `"number":1347`)
	})
	s.want(200, `"source":"feature/ACME-42-invoice-export"`)(s.ask("GET", "/api/v1/issues/ACME-42", ""))
	s.want(201, `"sha":"927fe883b109a738a00d73176430c20da2ea10ef"`)(s.ask("POST", at+"/branches", newBranch))
	status, made := s.ask("POST", at+"/pull-requests", newPull)
	s.want(201, `"number":1347`)(status, made)
	s.want(201, `"keys":["ACME-42"]`)(status, made)
	s.want(501, "action-not-supported")(s.ask("POST", s.repository("plain")+"/branches", newBranch))
	s.wantNoSecret()
}

func TestOnlyTheCallersOwnTokenActsWhereItIsDemandedAndItIsShownNowhere(t *testing.T) {
	const wrong = "canary-wrong-token"
	s := serveHost(t, "", ", require_user_token: true")
	at := s.repository("acme/billing-api")
	base := "GET /git/ref/heads/main"
	s.host.Script(s.asCaller(map[string]string{base: "get-base-ref", "POST /git/refs": "create-branch", "POST /pulls": "create-pull-request"}))
	for path, body := range map[string]string{"/branches": newBranch, "/pull-requests": newPull} {
		s.want(403, "Keytrail-Host-Token")(s.ask("POST", at+path, body))
		s.want(403, "Bad credentials")(s.ask("POST", at+path, body, "Keytrail-Host-Token", wrong))
		s.want(201, "ACME-42")(s.ask("POST", at+path, body, "Keytrail-Host-Token", hosttest.CallerToken))
	}
	s.host.Script(s.asCaller(map[string]string{base: "get-base-ref", "POST /git/refs": "error-422-branch-exists", "POST /pulls": "error-422-pull-exists"}))
	s.want(422, "Reference already exists")(s.ask("POST", at+"/branches", newBranch, "Keytrail-Host-Token", hosttest.CallerToken))
	s.want(422, "A pull request already exists")(s.ask("POST", at+"/pull-requests", newPull, "Keytrail-Host-Token", hosttest.CallerToken))
	s.wantNoSecret(wrong)
}

func TestAWrongBaseIsTheCallersFaultAndOnlyTheHostsOwnFailureIsA502(t *testing.T) {
	s := serveHost(t, "", "")
	at := s.repository("acme/billing-api")
	var status int
	answers := func(w http.ResponseWriter, r *http.Request) bool {
		isBase := strings.HasSuffix(r.URL.Path, "/heads/nowhere")
		if r.Method != http.MethodPost && !isBase {
			return s.usual(w, r)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message": "no such ref for %s"}`, r.Header.Get("Authorization"))
		return true
	}
	s.host.Script(answers)
	for _, c := range []struct {
		base         string
		host, caller int
	}{
		{"nowhere", 404, 422}, {"main", 404, 422}, {"main", 400, 422}, {"main", 409, 422}, {"main", 422, 422}, {"main", 403, 403},
		{"main", 500, 502}, {"main", 503, 502}, {"main", 429, 503}, // the last: the host is left alone after it
	} {
		status = c.host
		got, answer := s.ask("POST", at+"/branches", fmt.Sprintf(`{"base":%q,"name":"feature/ACME-42"}`, c.base))
		s.want(c.caller, "no such ref")(got, answer)
		if c.caller == 422 || c.caller == 502 {
			s.want(c.caller, `base branch \"`+c.base+`\"`)(got, answer)
		}
		if strings.Contains(answer, "tried again") {
			t.Errorf("%+v: %s", c, answer)
		}
	}
	s.wantNoSecret()
}

func TestWhoWaitsForAHostIsToldAtOnceThatItLimitsRequestsOrFails(t *testing.T) {
	s := serveHost(t, "", "")
	at := s.repository("acme/billing-api")
	fails := func(method string, status int) {
		s.host.Script(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/git/ref") {
				return s.usual(w, r)
			}
			w.Header().Set("Content-Type", "application/json")
			if r.Method != method {
				io.WriteString(w, `{"object": {"sha": "927fe883b109a738a00d73176430c20da2ea10ef"}}`)
				return true
			}
			if status == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "20")
			}
			w.WriteHeader(status)
			return true
		})
	}
	for _, c := range []struct {
		method       string
		host, caller int
		says         string
	}{
		{http.MethodGet, 429, 503, "nothing was made"},
		{http.MethodPost, 429, 503, "nothing was made"},
		{http.MethodGet, 500, 502, "nothing was sent to make it"},
		{http.MethodPost, 500, 502, "it is not asked again"},
	} {
		fails(c.method, c.host)
		began := time.Now()
		status, answer := s.ask("POST", at+"/branches", newBranch, "Keytrail-Host-Token", hosttest.CallerToken)
		s.want(c.caller, c.says)(status, answer)
		if waited := time.Since(began); waited > 10*time.Second {
			t.Errorf("%+v: the caller waited %v", c, waited)
		}
		if last := s.said[len(s.said)-1]; c.caller == 503 && !strings.Contains(last, "Retry-After:[20]") && !strings.Contains(last, "Retry-After:[19]") {
			t.Errorf("%+v: when to ask again is not in %s", c, last)
		}
	}
	s.wantNoSecret()
}

func TestABranchBeginsAtTheDefaultBranchOfTheHostWhileGitCannotBeFetched(t *testing.T) {
	s := serveHost(t, "", ", require_user_token: true")
	var at string
	s.eventually("/api/v1/repositories", func(answer string) bool {
		var list struct{ Repositories []httpapi.Repository }
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			s.Fatal(err)
		}
		for _, r := range list.Repositories {
			if r.Name == "acme/legacy-web" && r.DefaultBranch == "" {
				at = fmt.Sprintf("/api/v1/repositories/%d/branches", r.ID)
			}
		}
		return at != ""
	})
	s.host.Script(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/api/v3/repos/acme/legacy-web/git/ref") {
			return s.usual(w, r)
		}
		if r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/heads/master") {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"object": {"sha": "927fe883b109a738a00d73176430c20da2ea10ef"}}`)
		return true
	})
	s.want(403, "host-token-needed")(s.ask("POST", at, `{"name":"u1"}`))
	s.want(201, `"base":"master"`)(s.ask("POST", at, `{"name":"u1"}`, "Keytrail-Host-Token", hosttest.CallerToken))
}

func TestWhatAHostCannotDoIsAnsweredWithWhatToDoInstead(t *testing.T) {
	shelf, err := folder.New(host.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	a := &actions{}
	a.set(plan{integrations: []*integration{{config: config.Integration{Name: "shelf", Type: config.TypeFolder}, host: shelf}}})
	for integration, want := range map[string]string{"shelf": "git branch NAME BASE", "": "from an integration instead"} {
		r := storage.Repository{RepositorySpec: storage.RepositorySpec{Integration: integration}}
		_, branch := a.CreateBranch(t.Context(), r, httpapi.NewBranch{}, "")
		_, pull := a.CreatePullRequest(t.Context(), r, httpapi.NewPullRequest{}, "")
		for _, err := range []error{branch, pull} {
			e, ok := errors.AsType[*httpapi.ActionError](err)
			if !ok || e.Reason != httpapi.ActionUnsupported || !strings.Contains(e.Text, want) {
				t.Errorf("%q: got %+v", integration, err)
			}
		}
	}
}

func TestABranchIsNamedAfterItsIssueByTheConfiguredTemplate(t *testing.T) {
	s := serveHost(t, `branch_name: "${issuetype:Bug,fix,feature}/${issuekey}-${summary}"`, "")
	at := s.repository("acme/billing-api")
	s.want(201, `"name":"feature/ACME-42-invoice-export"`)(s.ask("POST", at+"/branches", `{"base":"main","key":"acme-42","summary":"Invoice export!"}`))
}

// wantNoSecret looks for tokens in the log, in every answer, in the metrics, and in all files of the data directory.
func (s *served) wantNoSecret(more ...string) {
	s.Helper()
	s.ask("GET", "/metrics", "")
	shown := map[string]string{"the log": s.log.String(), "the answers": strings.Join(s.said, "\n")}
	err := filepath.WalkDir(s.data, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			text, err := os.ReadFile(path)
			shown[path] = string(text)
			return err
		}
		return err
	})
	if err != nil {
		s.Error(err)
	}
	for _, secret := range append([]string{hosttest.Token, hosttest.CallerToken}, more...) {
		for place, text := range shown {
			if strings.Contains(text, secret) {
				s.Errorf("%s is in %s", secret, place)
			}
		}
	}
}
