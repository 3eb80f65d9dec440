package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/indexer/host/azuredevops"
	"keytrail/indexer/host/bitbucket"
	"keytrail/indexer/host/codecommit"
	"keytrail/indexer/host/gerrit"
	"keytrail/indexer/host/gitea"
	"keytrail/indexer/host/github"
	"keytrail/indexer/host/gitlab"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/webhook"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

// recordedSecret is that of the recorded deliveries.
const recordedSecret = "example-webhook-secret"

// recordedHost is a host whose deliveries are recorded, with one repository.
type recordedHost struct {
	dir    string // below indexer/host
	new    func(host.Config) (host.Host, error)
	config host.Config
	id     string // of the repository, at the host
	url    string
	inURL  bool // the secret is in the URL
}

// host makes the host, with the secret that the environment variable HOOK holds.
func (c recordedHost) host(t *testing.T) host.Host {
	t.Helper()
	secret := secretOf(config.SecretFromEnv("HOOK"))
	c.config.Name, c.config.HookSecret = "acme", secret
	c.config.Username, c.config.Password = "bot", secret
	if c.config.Region == "" {
		c.config.Token = secret
	}
	h, err := c.new(c.config)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var recordedHosts = []recordedHost{
	{
		dir: "azuredevops/testdata/azure-devops", new: azuredevops.New, config: host.Config{URL: "https://dev.azure.com/acme"},
		id:  "8176fa5e-696e-52e9-a8db-ba9095ab504c",
		url: "https://acme.visualstudio.com/DefaultCollection/Payments/_git/billing-api",
	},
	{
		dir: "azuredevops/testdata/azure-devops-server", new: azuredevops.NewServer, config: host.Config{URL: "https://tfs.example.com/tfs"},
		id:  "8176fa5e-696e-52e9-a8db-ba9095ab504c",
		url: "https://tfs.example.com/tfs/DefaultCollection/Payments/_git/billing-api",
	},
	{
		dir: "bitbucket/testdata/bitbucket-data-center", new: bitbucket.New, config: host.Config{URL: "https://bitbucket.example.com"},
		id: "1001", url: "ssh://git@bitbucket.example.com:7999/pay/billing-api.git",
	},
	{
		dir: "codecommit/testdata/codecommit", new: codecommit.New, config: host.Config{Region: "eu-west-1"},
		id: "c3ed5787-c1a8-5cec-9c96-a5a1b93fb805", url: "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/billing-api",
	},
	{
		dir: "gerrit/testdata/gerrit", new: gerrit.New, config: host.Config{URL: "https://gerrit.example.com"}, inURL: true,
		id: "payments/billing-api", url: "https://gerrit.example.com/a/payments/billing-api",
	},
	{
		dir: "gitea/testdata/gitea", new: gitea.New, config: host.Config{URL: "https://gitea.example.com"},
		id: "1001", url: "git@gitea.example.com:acme/billing-api.git",
	},
	{
		dir: "github/testdata/github", new: github.New, config: host.Config{URL: "https://github.com"},
		id: "1001", url: "https://github.example.com/acme/billing-api.git",
	},
	{
		dir: "github/testdata/github-enterprise-server", new: github.New, config: host.Config{URL: "https://ghes.example.com"},
		id: "1001", url: "ssh://git@ghes.example.com:2222/acme/billing-api.git",
	},
	{
		dir: "gitlab/testdata/gitlab", new: gitlab.New, config: host.Config{URL: "https://gitlab.example.com"},
		id: "1001", url: "https://gitlab.example.com/acme/payments/billing-api.git",
	},
	{
		dir: "gitlab/testdata/gitlab-self-managed", new: gitlab.New, config: host.Config{URL: "https://git.example.com"},
		id: "1001", url: "https://git.example.com/acme/payments/billing-api.git",
	},
}

// recordedDelivery is a webhook's request as a host sent it.
type recordedDelivery struct {
	ID       string            `json:"id"`
	BodyFile string            `json:"body_file"`
	Headers  map[string]string `json:"headers"`
	body     []byte
}

// asksFor says what a delivery is to lead to, by its name; nothing for a ping.
func (d recordedDelivery) asksFor() string {
	for _, rule := range []struct{ part, want string }{
		{"ping", ""}, {"pull", "pulls"}, {"-pr-", "pulls"}, {"merge-request", "pulls"}, {"patchset", "pulls"}, {"change-", "pulls"},
		{"repo-deleted", "discover"}, {"repository-deleted", "discover"}, {"project-destroy", "discover"}, {"project-created", "discover"},
	} {
		if strings.Contains(d.ID, rule.part) {
			return rule.want
		}
	}
	return "look"
}

// recordedDeliveries reads those of a folder. The deliveries of SNS are left out: their signature cannot be recorded.
func recordedDeliveries(t *testing.T, dir string) []recordedDelivery {
	t.Helper()
	dir = filepath.Join("../indexer/host", dir)
	text, err := os.ReadFile(filepath.Join(dir, "exchanges.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Webhooks []recordedDelivery `json:"webhooks"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var all []recordedDelivery
	for _, d := range r.Webhooks {
		if strings.Contains(d.ID, "sns") {
			continue
		}
		if d.body, err = os.ReadFile(filepath.Join(dir, d.BodyFile)); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// hooked is a server that takes webhooks of the integration acme, which has one repository.
type hooked struct {
	url   string
	asked chan string
	spec  storage.RepositorySpec
}

func newHooked(t *testing.T, h host.Host, spec storage.RepositorySpec) *hooked {
	t.Helper()
	k := &hooked{asked: make(chan string, 100), spec: spec}
	k.spec.Integration = "acme"
	registry := prometheus.NewRegistry()
	receiver := webhook.New(webhook.Options{Index: k, Discoverer: k, Registerer: registry})
	in := &integration{config: config.Integration{Name: "acme", Webhook: config.Webhook{Secret: config.SecretFromEnv("HOOK")}}, host: h}
	receiver.Set((&plan{integrations: []*integration{in}}).hooks())
	store := memstore.New()
	rules, err := keyRules("")
	if err != nil {
		t.Fatal(err)
	}
	api, err := newAPI(store, k, func() *issuekey.Rules { return rules }, httpapi.Options{
		Webhooks: deliveries{receiver}, Ready: func() error { return nil }, Registerer: registry, Gatherer: registry, Drain: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	k.url = server.URL
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- receiver.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		server.Close()
		store.Close()
	})
	return k
}

func (k *hooked) Registered() ([]indexer.Registered, uint64) {
	return []indexer.Registered{{ID: 1, Spec: k.spec}}, 1
}
func (k *hooked) Generation() uint64                                        { return 1 }
func (k *hooked) NudgeSince(time.Time, ...storage.RepositoryID)             { k.asked <- "look" }
func (k *hooked) RefreshPullRequests(...storage.RepositoryID)               { k.asked <- "pulls" }
func (k *hooked) Discover(string, bool) error                               { k.asked <- "discover"; return nil }
func (k *hooked) Nudge(...storage.RepositoryID)                             {}
func (k *hooked) Reindex(context.Context, storage.RepositoryID, bool) error { return nil }

// deliver sends a delivery as its host does, and gives the status.
func (k *hooked) deliver(t *testing.T, path string, d recordedDelivery) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.url+path, bytes.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range d.Headers {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
	return answer.StatusCode
}

// expect waits until something was asked for.
func (k *hooked) expect(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case got := <-k.asked:
			if got == want {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was not asked for", want)
		}
	}
}

func TestTheDeliveriesOfEveryHostFindTheirRepositoryByIDAndByURL(t *testing.T) {
	t.Setenv("HOOK", recordedSecret)
	for _, c := range recordedHosts {
		elsewhere := "https://moved.example.com/x"
		if c.config.Region != "" {
			elsewhere = c.url // CodeCommit tells of pull requests without an id of the repository
		}
		for _, spec := range []storage.RepositorySpec{{HostID: c.id, URL: elsewhere}, {HostID: "another", URL: c.url}} {
			t.Run(c.dir+" by "+spec.HostID, func(t *testing.T) {
				h := c.host(t)
				for _, d := range recordedDeliveries(t, c.dir) {
					k := newHooked(t, h, spec)
					want := d.asksFor()
					if want == "discover" && spec.HostID != c.id {
						continue // a repository that is made or deleted is another one than that with the id
					}
					path := "/webhooks/acme"
					if c.inURL {
						path += "/" + recordedSecret
					}
					if status := k.deliver(t, path, d); status != http.StatusAccepted {
						t.Errorf("%s: status %d", d.ID, status)
					} else if want != "" {
						k.expect(t, want)
					}
					// As Git Integration for Jira has it, the secret in the URL is proof enough.
					if status := k.deliver(t, "/rest/gitplugin/webhook/1.0/reindex/"+recordedSecret, recordedDelivery{body: d.body}); status != http.StatusOK {
						t.Errorf("%s by the secret in the URL: status %d", d.ID, status)
					}
				}
			})
		}
	}
}

func TestTheDeliveriesOfEveryHostAreRefusedWithAnotherSecret(t *testing.T) {
	t.Setenv("HOOK", "another-secret")
	for _, c := range recordedHosts {
		k := newHooked(t, c.host(t), storage.RepositorySpec{HostID: c.id, URL: c.url})
		for _, d := range recordedDeliveries(t, c.dir) {
			if d.asksFor() == "" {
				continue // Bitbucket does not sign it
			}
			for _, path := range []string{"/webhooks/acme", "/webhooks/acme/" + recordedSecret, "/webhooks/unknown", "/git/webhook/reindex/" + recordedSecret} {
				if status := k.deliver(t, path, d); status != http.StatusUnauthorized {
					t.Errorf("%s %s to %s: status %d", c.dir, d.ID, path, status)
				}
			}
		}
		if len(k.asked) > 0 {
			t.Errorf("%s: %s was asked for", c.dir, <-k.asked)
		}
	}
}
