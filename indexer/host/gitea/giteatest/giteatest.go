// Package giteatest starts a real Gitea or Forgejo for a test, where one is installed.
//
// The server listens on a port of 127.0.0.1, has an administrator, keeper, and a token with the rights that an integration needs, and
// sends webhooks to this machine. All that it writes is in a directory of the test's, and it ends with the test.
package giteatest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const apiPath = "/api/v1"

// Patience is how long the server may take for a thing.
const Patience = time.Minute

// Server is a real Gitea or Forgejo with a data directory of its own. The test stops it.
type Server struct {
	t     *testing.T
	URL   string
	Admin string // a token that may do everything
	Token string // one with the rights that an integration needs
	dir   string
	bin   string

	client http.Client
}

// Start starts the server that is installed, or skips the test. It tells why.
func Start(t *testing.T) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("a real server takes some ten seconds")
	}
	s := &Server{t: t, dir: t.TempDir(), client: http.Client{Timeout: Patience}}
	for _, name := range []string{"gitea", "forgejo"} {
		if at, err := exec.LookPath(name); err == nil && s.bin == "" {
			s.bin = at
		}
	}
	if s.bin == "" {
		t.Skip("neither gitea nor forgejo is on PATH: the recordings alone are tested")
	}
	s.configure()
	s.run("migrate")
	s.run("admin", "user", "create", "--admin", "--username", "keeper", "--email", "keeper@example.com",
		"--random-password", "--must-change-password=false")
	s.Admin = s.grant("admin", "all")
	s.Token = s.grant("integration", "read:user,read:organization,write:repository")
	s.serve()
	return s
}

// grant makes a token of the administrator with some rights.
func (s *Server) grant(name, scopes string) string {
	s.t.Helper()
	return s.run("admin", "user", "generate-access-token", "--username", "keeper", "--token-name", name, "--scopes", scopes, "--raw")
}

// configure writes the server's configuration, with an address that is free now.
func (s *Server) configure() {
	s.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	s.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
	text := fmt.Sprintf(`
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %d
ROOT_URL = %s/
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = %[3]s/gitea.db
SQLITE_JOURNAL_MODE = WAL
[repository]
ROOT = %[3]s/repositories
[security]
INSTALL_LOCK = true
[webhook]
ALLOWED_HOST_LIST = loopback
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[oauth2]
ENABLED = false
[log]
LEVEL = warn
`, port, s.URL, s.dir)
	if err := os.WriteFile(filepath.Join(s.dir, "app.ini"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// command makes a command of the server's binary, which sees nothing of the user's own settings.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.bin, append(args, "--config", filepath.Join(s.dir, "app.ini"))...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GITEA_WORK_DIR=" + s.dir, "FORGEJO_WORK_DIR=" + s.dir}
	return cmd
}

// run runs a command to its end and gives the last line that it writes.
func (s *Server) run(args ...string) string {
	s.t.Helper()
	var errs bytes.Buffer
	cmd := s.command(s.t.Context(), args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s%s", s.bin, args[0], err, out, errs.Bytes())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// serve starts the server and returns when it answers.
func (s *Server) serve() {
	s.t.Helper()
	var log bytes.Buffer
	cmd := s.command(context.Background(), "web")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(Patience):
			cmd.Process.Kill()
			<-ended
		}
		if s.t.Failed() {
			s.t.Logf("the server wrote:\n%s", log.Bytes())
		}
	})
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			s.t.Fatalf("the server ended: %v", err)
		default:
		}
		if response, err := s.client.Get(s.URL + apiPath + "/version"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
	}
	s.t.Fatal("the server does not answer")
}

// Ask sends a request to the server's API as its administrator.
func (s *Server) Ask(method, path string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+apiPath+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+s.Admin)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusMultipleChoices {
		s.t.Fatalf("%s %s: %s: %s, %v", method, path, response.Status, said, err)
	}
}

// Push clones a repository, commits a file to a branch, pushes with a user's password or token, and gives the commit.
func (s *Server) Push(clone, branch, user, password, message string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	git := func(args ...string) string {
		s.t.Helper()
		cmd := exec.CommandContext(s.t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + basic,
			"GIT_AUTHOR_NAME=Robin", "GIT_AUTHOR_EMAIL=robin@example.com", "GIT_COMMITTER_NAME=Robin", "GIT_COMMITTER_EMAIL=robin@example.com",
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("clone", "--quiet", "--branch", branch, clone, ".")
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(message), 0o600); err != nil {
		s.t.Fatal(err)
	}
	git("add", "file")
	git("commit", "--quiet", "--message", message)
	git("push", "--quiet")
	return git("rev-parse", "HEAD")
}
