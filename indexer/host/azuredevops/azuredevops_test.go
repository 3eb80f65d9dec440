package azuredevops

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	billingID = "8176fa5e-696e-52e9-a8db-ba9095ab504c"
	feature   = "feature/ACME-42-invoice-export"
	cloudRoot = "https://dev.azure.example.com"
	serverURL = "https://tfs.example.com/tfs"
)

// listed are the repositories of the recordings, of an owner at a root.
func listed(root, ssh, owner string) []host.Repository {
	r := func(id, name, path string) host.Repository {
		web := root + "/" + owner + "/" + path
		return host.Repository{
			ID: id, Name: owner + "/" + name, CloneHTTP: web, WebURL: web, DefaultBranch: "main",
			CloneSSH: ssh + owner + "/" + strings.Replace(path, "_git/", "", 1),
		}
	}
	all := []host.Repository{
		r(billingID, "Payments/billing-api", "Payments/_git/billing-api"),
		r("04dc8738-65bd-5ed0-ac18-e2b6ceb88f55", "Web Site/legacy web", "Web%20Site/_git/legacy%20web"),
		r("b293c144-d693-58dd-aa72-3c4e29b1e6f1", "Payments/infra", "Payments/_git/infra"),
	}
	all[1].Disabled = true
	all[2].DefaultBranch, all[2].Empty = "", true
	if strings.HasPrefix(ssh, "ssh://") {
		for i := range all {
			all[i].CloneSSH = "ssh://tfs.example.com:22" + strings.TrimPrefix(all[i].WebURL, "https://tfs.example.com")
		}
	}
	return all
}

// second is the repository of the second owner.
func second(like host.Repository, owner, other string) host.Repository {
	move := strings.NewReplacer("/"+owner+"/", "/"+other+"/", owner+"/", other+"/", "Payments", "Research", "billing-api", "prototype")
	like.ID = "5d0cf1a6-0f2b-5a07-9a4e-1f3b0f8a6c11"
	like.Name, like.CloneHTTP, like.CloneSSH, like.WebURL =
		move.Replace(like.Name), move.Replace(like.CloneHTTP), move.Replace(like.CloneSSH), move.Replace(like.WebURL)
	return like
}

// contract is what the Services and a Server have in common.
func contract(dir string, all []host.Repository) hosttest.Case {
	open := host.PullRequest{
		ID: "22", Number: 22, Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
		Source: feature, Target: "main", State: host.PullRequestOpen, Author: "Robin Doe",
		Created: time.Date(2026, 3, 1, 16, 30, 31, 665547100, time.UTC), WebURL: all[0].WebURL + "/pullrequest/22",
	}
	open.Updated = open.Created
	merged := open
	merged.ID, merged.Number, merged.Title, merged.Source = "21", 21, "ACME-41 Round totals", "ACME-41"
	merged.State, merged.WebURL = host.PullRequestMerged, all[0].WebURL+"/pullrequest/21"
	merged.Updated = time.Date(2026, 6, 3, 6, 33, 42, 240547200, time.UTC)
	return hosttest.Case{
		Dir: "testdata/" + dir, More: []string{"testdata/" + dir + "-more"},
		Listed: all, EmptyList: `{"value": [], "count": 0}`,
		Filter: "{value:value[?(!contains(name, 'infra'))]}", Filtered: []string{all[0].Name, all[1].Name},
		HookHeader: "Authorization", Events: events(all[0].Name),
		Repository: all[0], PullRequests: []host.PullRequest{merged, open},
		NewBranch: host.NewBranch{Base: "main", Name: feature},
		Branch: host.Branch{
			Name: feature, OID: "927fe883b109a738a00d73176430c20da2ea10ef",
			WebURL: all[0].WebURL + "?version=GBfeature%2FACME-42-invoice-export",
		},
		BranchRefusal:  hosttest.Refusal{Exchange: "create-branch-rejected", Said: "staleOldObjectId"},
		NewPullRequest: host.NewPullRequest{Title: open.Title, Description: open.Description, Source: feature, Target: "main"},
		PullRequest:    open,
		PullRefusal: hosttest.Refusal{
			Exchange: "error-409-pull-exists", Said: "An active pull request for the source and target branch already exists.",
		},
	}
}

// events are what the recorded webhooks tell of.
func events(name string) map[string]host.Event {
	billing := []host.Subject{{ID: billingID, Name: name}}
	changed := host.Event{Kind: host.EventPullRequest, Subjects: billing, Number: 1}
	return map[string]host.Event{
		"webhook-git-push":                {Kind: host.EventPush, Subjects: billing, Refs: []string{"refs/heads/main"}},
		"webhook-git-push-minimal":        {Kind: host.EventPush, Subjects: billing},
		"webhook-git-pullrequest-created": changed,
		"webhook-git-pullrequest-updated": changed,
		"webhook-git-pullrequest-merged":  changed,
		"webhook-git-repo-created":        {Kind: host.EventCreated, Subjects: billing},
		"webhook-git-repo-deleted":        {Kind: host.EventDeleted, Subjects: billing},
	}
}

// below gives the path of an integration's URL, and pages of one entry, as recorded.
func below(path string) func(*host.Config, *hosttest.Server) {
	return func(c *host.Config, s *hosttest.Server) {
		c.URL = s.URL + path
		c.Limits.PageSize = 1
	}
}

// isList tells the requests for repositories from those for owners.
func isList(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/_apis/git/repositories") }

func TestAnOrganisationKeepsTheContract(t *testing.T) {
	c := contract("azure-devops", listed(cloudRoot, "git@ssh.dev.azure.example.com:v3/", "acme"))
	c.New, c.Config = New, below("/acme")
	c.Throttled = []string{"error-429"}
	c.Paused = []string{"throttled-200"}
	hosttest.Run(t, c)
}

// ofTwo makes of the case of one owner that of all that the account sees, another one too.
func ofTwo(c hosttest.Case, owner, other string) hosttest.Case {
	c.IsList = isList
	c.Listed = append(c.Listed, second(c.Listed[0], owner, other))
	c.Filtered = append(c.Filtered, other+"/Research/prototype")
	c.Events["webhook-git-repo-deleted"] = host.Event{
		Kind: host.EventDeleted, Subjects: []host.Subject{{ID: billingID, Name: "Payments/billing-api"}},
	}
	return c
}

func TestAllOrganisationsKeepTheContract(t *testing.T) {
	c := contract("azure-devops", listed(cloudRoot, "git@ssh.dev.azure.example.com:v3/", "acme"))
	c.New, c.Config = New, below("")
	hosttest.Run(t, ofTwo(c, "acme", "acme-labs"))
}

func TestACollectionKeepsTheContract(t *testing.T) {
	c := contract("azure-devops-server", listed(serverURL, "ssh://", "DefaultCollection"))
	c.New, c.Config = NewServer, below("/tfs/DefaultCollection")
	hosttest.Run(t, c)
}

func TestAllCollectionsKeepTheContract(t *testing.T) {
	c := contract("azure-devops-server", listed(serverURL, "ssh://", "DefaultCollection"))
	c.New, c.Config = NewServer, below("/tfs")
	hosttest.Run(t, ofTwo(c, "DefaultCollection", "Archive"))
}

func TestATokenThatHasEndedIsToldByTheSignInPage(t *testing.T) {
	s := hosttest.NewServer(t, hosttest.Case{Dir: "testdata/azure-devops"})
	s.Script(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" {
			t.Error("a redirect to the sign-in page was not suppressed")
		}
		s.Answer(w, "error-203-sign-in-page")
		return true
	})
	own := http.DefaultTransport.(*http.Transport).Clone()
	defer own.CloseIdleConnections()
	h, err := New(host.Config{URL: s.URL + "/acme", Token: hosttest.Secret(hosttest.Token), Transport: own})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.List(t.Context()); !errors.Is(err, host.ErrAuth) {
		t.Errorf("got %v", err)
	}
}

func TestAProjectListsItsOwnRepositories(t *testing.T) {
	s := hosttest.NewServer(t, hosttest.Case{Dir: "testdata/azure-devops"})
	own := http.DefaultTransport.(*http.Transport).Clone()
	defer own.CloseIdleConnections()
	h, err := New(host.Config{URL: s.URL + "/acme/Payments", Token: hosttest.Secret(hosttest.Token), Transport: own})
	if err != nil {
		t.Fatal(err)
	}
	found, err := host.Discover(context.Background(), h, nil)
	if err != nil || len(found.Listed) == 0 {
		t.Fatalf("got %v, %v", found.Listed, err)
	}
	for _, r := range found.Listed {
		if !strings.HasPrefix(r.Name, "acme/Payments/") {
			t.Errorf("%s is listed", r.Name)
		}
	}
}
