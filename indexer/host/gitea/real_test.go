package gitea

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
	"keytrail/indexer/host/gitea/giteatest"
	"keytrail/indexer/host/hosttest"
)

// account is the host under test at a real server with an organisation of 60 repositories, whose webhook leads to a receiver.
type account struct {
	*Host
	server   *giteatest.Server
	receiver *receiver
}

func newAccount(t *testing.T) *account {
	t.Helper()
	s := giteatest.Start(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	a := &account{Host: at(t, s, host.Config{Organisation: "acme"}), server: s, receiver: startReceiver(t)}
	s.Ask("POST", "/orgs", map[string]any{"username": "acme"})
	s.Ask("POST", "/orgs/acme/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "repository", "pull_request", "pull_request_sync"},
		"config": map[string]string{"url": a.receiver.url, "content_type": "json", "secret": hosttest.HookSecret},
	})
	for i := range 60 {
		s.Ask("POST", "/orgs/acme/repos", map[string]any{"name": fmt.Sprintf("shop-%02d", i), "default_branch": "main", "auto_init": i < 2})
	}
	s.Ask("PATCH", "/repos/acme/shop-01", map[string]any{"archived": true})
	return a
}

// at makes a host at a server.
func at(t *testing.T, s *giteatest.Server, c host.Config) *Host {
	t.Helper()
	c.URL, c.Token, c.HookSecret = s.URL, hosttest.Secret(s.Token), hosttest.Secret(hosttest.HookSecret)
	c.Limits.Rate = 1000
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

// discover gives what a host has, and what an expression leaves of it.
func discover(t *testing.T, h *Host, expression string) host.Discovery {
	t.Helper()
	narrow, err := filter.Compile(expression)
	if err != nil {
		t.Fatal(err)
	}
	defer narrow.Wait()
	found, err := host.Discover(t.Context(), h, narrow)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// push clones a repository with the account's credentials, commits to a branch, pushes, and gives the commit.
func (a *account) push(t *testing.T, r host.Repository, branch, message string) string {
	t.Helper()
	c, err := a.Credentials(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return a.server.Push(r.CloneHTTP, branch, c.Username, c.Password, message)
}

// awaitPush waits until the webhook tells of a ref of a repository.
func (a *account) awaitPush(t *testing.T, r host.Repository, ref string) {
	t.Helper()
	a.receiver.await(t, a, func(e host.Event) bool {
		return e.Kind == host.EventPush && slices.Contains(e.Refs, ref) && len(e.Subjects) == 1 && e.Subjects[0].ID == r.ID
	})
}

func TestARealServerIsFollowedFromDiscoveryToPullRequest(t *testing.T) {
	a := newAccount(t)
	found := discover(t, a.Host, "[?!archived && !empty]")
	if len(found.Listed) != 60 || len(found.Selected) != 1 || found.Selected[0].Name != "acme/shop-00" {
		t.Fatalf("%d listed, selected %+v", len(found.Listed), found.Selected)
	}
	shop := found.Selected[0]
	if shop.DefaultBranch != "main" || shop.CloneHTTP != a.server.URL+"/acme/shop-00.git" || shop.WebURL != a.server.URL+"/acme/shop-00" {
		t.Errorf("got %+v", shop)
	}
	for path, expression := range map[string]string{"": "[?archived]", "/repos/search?limit=25": "data[?archived]"} {
		found := discover(t, at(t, a.server, host.Config{APIPath: path}), expression)
		if len(found.Listed) != 60 || len(found.Selected) != 1 || found.Selected[0].Name != "acme/shop-01" || !found.Selected[0].Archived {
			t.Errorf("%q: %d listed, selected %+v", path, len(found.Listed), found.Selected)
		}
	}
	a.receiver.await(t, a, func(e host.Event) bool { return e.Kind == host.EventCreated && e.Subjects[0].ID == shop.ID })
	tip := a.push(t, shop, "main", "ACME-41 Round totals")
	a.awaitPush(t, shop, "refs/heads/main")

	const name = "feature/ACME-42-invoice+export"
	branch, err := a.CreateBranch(t.Context(), shop, host.NewBranch{Base: "main", Name: name}, host.Caller{Token: a.server.Admin})
	if err != nil || branch.OID != tip {
		t.Fatalf("got %+v, %v; want the tip %s", branch, err, tip)
	}
	a.awaitPush(t, shop, "refs/heads/"+name)
	a.push(t, shop, name, "ACME-42 Add invoice export")
	a.awaitPush(t, shop, "refs/heads/"+name)
	pull := a.pullRequest(t, shop, name)
	a.refusals(t, shop, host.NewBranch{Base: "main", Name: name}, pull)
	a.changes(t, shop, pull)
}

// pullRequest makes a pull request, waits for its webhook, and finds it in the list.
func (a *account) pullRequest(t *testing.T, r host.Repository, branch string) host.PullRequest {
	t.Helper()
	wanted := host.NewPullRequest{Title: "ACME-42 Add invoice export", Description: "See ACME-42.", Source: branch, Target: "main"}
	made, err := a.CreatePullRequest(t.Context(), r, wanted, host.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	a.receiver.await(t, a, func(e host.Event) bool { return e.Kind == host.EventPullRequest && e.Number == made.Number })
	if all := a.listPullRequests(t, r); len(all) != 1 || all[0].ID != made.ID || all[0].Title != wanted.Title ||
		all[0].Source != branch || all[0].Target != "main" || all[0].State != host.PullRequestOpen || all[0].WebURL != made.WebURL {
		t.Errorf("got %+v, made %+v", all, made)
	}
	return made
}

func (a *account) listPullRequests(t *testing.T, r host.Repository) []host.PullRequest {
	t.Helper()
	all, err := a.PullRequests(t.Context(), r, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refusals asks for what is there already, and with a token that is none.
func (a *account) refusals(t *testing.T, r host.Repository, b host.NewBranch, p host.PullRequest) {
	t.Helper()
	_, branchErr := a.CreateBranch(t.Context(), r, b, host.Caller{})
	_, pullErr := a.CreatePullRequest(t.Context(), r, host.NewPullRequest{Title: p.Title, Source: p.Source, Target: p.Target}, host.Caller{})
	for _, err := range []error{branchErr, pullErr} {
		var e *host.Error
		if !errors.As(err, &e) || e.Kind != host.ErrRefused || !strings.Contains(e.Said, "already exists") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := a.CreateBranch(t.Context(), r, b, host.Caller{Token: hosttest.CallerToken}); !errors.Is(err, host.ErrAuth) {
		t.Errorf("got %v", err)
	}
}

// changes deletes the branch of a pull request, renames a repository and deletes another.
func (a *account) changes(t *testing.T, r host.Repository, p host.PullRequest) {
	t.Helper()
	a.server.Ask("PATCH", fmt.Sprintf("/repos/%s/pulls/%d", r.Name, p.Number), map[string]any{"state": "closed"})
	a.server.Ask("DELETE", "/repos/"+r.Name+"/branches/"+p.Source, nil)
	a.awaitPush(t, r, "refs/heads/"+p.Source)
	if all := a.listPullRequests(t, r); len(all) != 1 || all[0].Source != p.Source || all[0].State != host.PullRequestDeclined {
		t.Errorf("after its branch is deleted the pull request is %+v", all)
	}
	a.server.Ask("PATCH", "/repos/"+r.Name, map[string]any{"name": "store"})
	a.server.Ask("DELETE", "/repos/acme/shop-59", nil)
	a.receiver.await(t, a, func(e host.Event) bool { return e.Kind == host.EventDeleted && e.Subjects[0].Name == "acme/shop-59" })
	found := discover(t, a.Host, "[?name == 'store']")
	if len(found.Listed) != 59 || len(found.Selected) != 1 || found.Selected[0].ID != r.ID {
		t.Errorf("%d listed, renamed to %+v", len(found.Listed), found.Selected)
	}
}
