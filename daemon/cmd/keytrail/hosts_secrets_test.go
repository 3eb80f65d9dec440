package main_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const callerToken = "canary-token-of-a-caller"

func TestNoSecretIsShownWhateverTheHostsAnswer(t *testing.T) {
	t.Parallel()
	h := serveHosts(t)
	h.secrets = append(h.secrets, callerToken)
	shown := map[string]string{}
	h.eventually("every host's repository answers", func() bool { return len(h.find("E2E-1")) == len(h.hosts) })
	var repositories map[string]int // numbers, by integration
	for _, s := range h.hosts {
		s.push(h.daemon)
		forged, _ := h.request(http.MethodPost, "/webhooks/"+s.name+"/"+s.token(), "{}")
		if forged == http.StatusAccepted {
			t.Errorf("%s: a delivery without proof is taken", s.name)
		}
	}
	shown["list of repositories"], repositories = h.numbers()
	shown["config check --list"] = h.command("config", "check", "--list", h.config)
	shown["webhooks"] = h.command("webhooks", "--config", h.config)
	_, shown["files"] = h.get("/api/v1/issues/E2E-1/commits?files=true")
	h.fail(http.StatusUnauthorized)
	for _, s := range h.hosts {
		h.discover(s.name)
		shown["refusal of "+s.name] = h.makeBranch(repositories[s.name])
	}
	h.eventually("every integration fails", func() bool {
		_, shown["integrations that fail"] = h.get("/api/v1/integrations")
		return strings.Count(shown["integrations that fail"], `"class":"auth"`) == len(h.hosts)
	})
	h.fail(http.StatusInternalServerError)
	for _, s := range h.hosts {
		h.request(http.MethodPost, fmt.Sprintf("/api/v1/repositories/%d/reindex", repositories[s.name]), "{}")
	}
	// All but that of the App, which asks for a token of git first, and for that again and again.
	h.eventually("the hosts' repositories fail", func() bool {
		_, shown["repositories that fail"] = h.get("/api/v1/repositories?state=failing")
		return strings.Count(shown["repositories that fail"], `"class":"transient"`) >= len(h.hosts)-1
	})
	for _, path := range []string{"/metrics", "/api/v1/issues/E2E-1", "/api/v1/issues/ACME-42/pull-requests", "/api/v1/export", "/api/v1/explain?text=E2E-1"} {
		_, shown[path] = h.get(path)
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	shown["command line"], shown["log"], shown["index and mirrors"] = string(cmdline), h.log.String(), everyFile(t, h.data)
	for where, text := range shown {
		if text == "" {
			t.Errorf("nothing was shown in: %s", where)
		}
		h.holdsNoSecret(where, text)
	}
}

// fail has all hosts answer everything with a status.
func (h *hostsUnderTest) fail(status int64) {
	for _, s := range h.hosts {
		s.failing.Store(status)
	}
}

// holdsNoSecret looks for the secrets in a text, as they are and as they are sent.
func (h *hostsUnderTest) holdsNoSecret(where, text string) {
	h.t.Helper()
	for _, secret := range h.secrets {
		for form, written := range map[string]string{
			"as it is": secret, "in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")[:16], "in a query": url.QueryEscape(secret),
			"as a password": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("bot:"+secret)), "=")[:20],
		} {
			if i := strings.Index(text, written); i >= 0 {
				h.t.Errorf("%s: %s is there, %s: …%.160s", where, secret, form, text[max(0, i-100):])
			}
		}
	}
}

// numbers gives the list of repositories, and the number of the one of the recorded webhooks by integration.
func (h *hostsUnderTest) numbers() (answer string, numbers map[string]int) {
	h.t.Helper()
	_, answer = h.get("/api/v1/repositories?limit=100")
	var page struct {
		Repositories []struct {
			ID          int    `json:"id"`
			Name        string `json:"name"`
			Integration string `json:"integration"`
		} `json:"repositories"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil {
		h.t.Fatal(err)
	}
	numbers = map[string]int{}
	for _, s := range h.hosts {
		for _, r := range page.Repositories {
			if r.Integration == s.name && r.Name == s.repository {
				numbers[s.name] = r.ID
			}
		}
		if numbers[s.name] == 0 {
			h.t.Fatalf("%s is not in %s", s.repository, answer)
		}
	}
	return answer, numbers
}

// makeBranch asks for a branch with a token of a caller's own, and gives what is answered.
func (h *hostsUnderTest) makeBranch(repository int) string {
	h.t.Helper()
	at := fmt.Sprintf("%s/api/v1/repositories/%d/branches", h.url, repository)
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, at, strings.NewReader(`{"base": "main", "key": "E2E-1"}`))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Keytrail-Host-Token", callerToken)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Body.Close()
	said, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode < http.StatusBadRequest {
		h.t.Errorf("repository %d: %s %s, %v", repository, w.Status, said, err)
	}
	return string(said)
}

// command runs keytrail with the environment of the daemon, and gives all that it prints.
func (h *hostsUnderTest) command(args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), h.env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return string(out)
}
