package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostsUnderTest is a keytrail with an integration of every kind that has an API.
type hostsUnderTest struct {
	*daemon
	hosts   []*hostServer
	config  string // its path
	data    string
	env     []string
	secrets []string // of all integrations
}

// serveHosts starts the hosts, and one keytrail for all of them, which looks by itself at nothing but what is new.
func serveHosts(t *testing.T) *hostsUnderTest {
	t.Helper()
	dir := t.TempDir()
	h := &hostsUnderTest{data: filepath.Join(dir, "data")}
	key, signed := appKey(t)
	keyFile := write(t, filepath.Join(dir, "key.pem"), key)
	h.secrets = []string{grantedToken, strings.Split(key, "\n")[3]}
	var text strings.Builder
	fmt.Fprintf(&text, "data_dir: %s\nlog: {level: debug}\ndiscovery: {interval: 1h}\npoll: {interval: 1h}\nintegrations:\n", h.data)
	for i, kind := range hostKinds(signed) {
		s := newHostServer(t, kind)
		s.repo.Commit("E2E-1 before the start")
		token, hook := fmt.Sprintf("TOKEN_%d", i), fmt.Sprintf("HOOK_%d", i)
		keys := strings.NewReplacer("URL", s.URL, "TOKEN", "{env: "+token+"}", "KEY", "{file: "+keyFile+"}").Replace(kind.config)
		fmt.Fprintf(&text, "  - {name: %s, %s, webhook: {secret: {env: %s}}}\n", kind.name, keys, hook)
		h.env = append(h.env, token+"="+s.token(), hook+"="+s.hookSecret())
		h.secrets = append(h.secrets, s.token(), s.hookSecret())
		h.hosts = append(h.hosts, s)
	}
	h.config = write(t, filepath.Join(dir, "keytrail.yaml"), text.String())
	h.daemon = serve(t, h.env, "--config", h.config)
	return h
}

// found is what is told of a commit.
type found struct {
	SHA        string `json:"sha"`
	URL        string `json:"url"`
	Repository struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"repository"`
}

// find gives the commits of an issue.
func (h *hostsUnderTest) find(key string) []found {
	h.t.Helper()
	var page struct {
		Commits []found `json:"commits"`
	}
	if _, answer := h.get("/api/v1/issues/" + key + "/commits"); json.Unmarshal([]byte(answer), &page) != nil {
		return nil
	}
	return page.Commits
}

func (h *hostsUnderTest) discover(integration string) {
	h.t.Helper()
	if code, answer := h.request(http.MethodPost, "/api/v1/integrations/"+integration+"/discover", "{}"); code != http.StatusAccepted {
		h.t.Fatalf("%s: %d %s", integration, code, answer)
	}
}

func TestEveryHostIsDiscoveredFetchedFollowedByItsWebhookAndRetired(t *testing.T) {
	t.Parallel()
	h := serveHosts(t)
	h.eventually("every host's repository answers", func() bool { return len(h.find("E2E-1")) == len(h.hosts) })
	for i, s := range h.hosts {
		key := fmt.Sprintf("E2E-%d", 100+i)
		pushed := s.repo.Commit(key + " pushed").String()
		began := time.Now()
		s.push(h.daemon)
		var got []found
		h.eventually(s.name+": what was pushed answers", func() bool { got = h.find(key); return len(got) > 0 })
		took := time.Since(began)
		t.Logf("%s: answered %v after its webhook was sent", s.name, took.Round(time.Millisecond))
		page := s.URL + s.page
		if strings.HasPrefix(s.page, "https://") {
			page = s.page
		}
		if c := got[0]; took > 10*time.Second || c.SHA != pushed || c.Repository.Name != s.repository || !strings.HasPrefix(c.URL, page+s.commit+pushed) {
			t.Errorf("%s: after %v %+v, want the commit %s of %s at %s", s.name, took, c, pushed, s.repository, page+s.commit+pushed)
		}
	}
	h.seesPullRequests()
	for _, s := range h.hosts {
		s.removed.Store(true)
		h.discover(s.name)
	}
	var names []string
	for _, s := range h.hosts {
		names = append(names, s.repository)
	}
	slices.Sort(names)
	h.eventually(fmt.Sprintf("what is gone from its host is retired: %v", names), func() bool { return slices.Equal(h.repositories("?state=retired"), names) })
	if got := h.find("E2E-1"); len(got) != len(h.hosts) {
		t.Errorf("of the retired repositories %d answer", len(got))
	}
	h.stop()
}

// seesPullRequests waits for the recorded pull requests.
func (h *hostsUnderTest) seesPullRequests() {
	h.t.Helper()
	for _, s := range h.hosts {
		if s.key == "" {
			continue
		}
		h.eventually(s.name+": its pull request answers", func() bool {
			_, answer := h.get("/api/v1/issues/" + s.key + "/pull-requests")
			return strings.Contains(answer, `"url":"`+s.URL+"/")
		})
	}
}
