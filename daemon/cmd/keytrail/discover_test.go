package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

const accountToken = "canary-account-token-4711"

// repositories gives the names of those that a query selects, sorted.
func (d *daemon) repositories(query string) []string {
	d.t.Helper()
	_, answer := d.get("/api/v1/repositories" + query)
	var page struct {
		Repositories []struct {
			Name string `json:"name"`
		} `json:"repositories"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil {
		return nil
	}
	names := []string{}
	for _, r := range page.Repositories {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// integration gives what the daemon tells of its first integration.
func (d *daemon) integration() (in struct {
	State    string `json:"state"`
	Listed   int    `json:"listed"`
	Selected int    `json:"selected"`
	Error    struct {
		Class string `json:"class"`
		Text  string `json:"text"`
	} `json:"error"`
}) {
	d.t.Helper()
	_, answer := d.get("/api/v1/integrations")
	page := struct {
		Integrations []json.RawMessage `json:"integrations"`
	}{}
	if err := json.Unmarshal([]byte(answer), &page); err != nil || len(page.Integrations) == 0 {
		return in
	}
	if err := json.Unmarshal(page.Integrations[0], &in); err != nil {
		d.t.Fatal(err)
	}
	return in
}

// configuredAccount writes a configuration for an account and gives its path.
func configuredAccount(t *testing.T, dir string, a *account, rest string, interval ...string) string {
	t.Helper()
	return write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
log: {level: debug}
discovery: {interval: %s}
poll: {interval: 1s, max_interval: 1s}
integrations:
  - name: acme
    type: github
    url: %s
    token: {env: ACCOUNT_TOKEN}
%s`, filepath.Join(dir, "data"), append(interval, "1s")[0], a.url, rest))
}

func TestAnAccountIsDiscoveredFetchedAndFollowed(t *testing.T) {
	t.Parallel()
	a := newAccount(t, accountToken)
	shop, cart, tools := gittest.Init(t), gittest.Init(t), gittest.Init(t)
	inShop, inCart := shop.Commit("ABC-1 in the shop"), cart.Commit("ABC-1 in the cart")
	tools.Commit("ABC-1 in the tools")
	a.add(1, "acme/shop", shop)
	a.add(2, "acme/cart", cart)
	a.add(3, "acme/tools", tools)
	dir := t.TempDir()
	config := configuredAccount(t, dir, a, `    filter: "[?name != 'tools']"`+"\n")
	d := serve(t, []string{"ACCOUNT_TOKEN=" + accountToken}, "--config", config)
	both := []string{inShop.String(), inCart.String()}
	d.eventually("both repositories that the filter selects answer", func() bool {
		got := d.commits("ABC-1")
		return len(got) == 2 && slices.Contains(both, got[0]) && slices.Contains(both, got[1])
	})
	if in := d.integration(); in.State != "ok" || in.Listed != 3 || in.Selected != 2 {
		t.Errorf("the integration: %+v", in)
	}

	a.fails(http.StatusForbidden)
	d.eventually("the failure is told", func() bool { return d.integration().Error.Class == "auth" })
	pushed := shop.Commit("ABC-2 pushed while the API fails")
	d.eventually("the pushed commit answers", func() bool { return slices.Equal(d.commits("ABC-2"), []string{pushed.String()}) })
	if got := d.repositories("?state=retired"); len(got) != 0 {
		t.Errorf("retired while the API fails: %v", got)
	}

	a.fails(0)
	late := gittest.Init(t)
	late.Commit("ABC-3 new")
	a.add(4, "acme/late", late)
	d.eventually("a new repository answers", func() bool { return len(d.commits("ABC-3")) == 1 })

	a.rename(1, "acme/shop", "acme/store", shop)
	d.eventually("the new name is known", func() bool { return slices.Contains(d.repositories(""), "acme/store") })
	moved := shop.Commit("ABC-4 under the new name")
	d.eventually("it is fetched from its new URL", func() bool { return slices.Equal(d.commits("ABC-4"), []string{moved.String()}) })
	if got := d.commits("ABC-2"); !slices.Equal(got, []string{pushed.String()}) {
		t.Errorf("commits from before the rename: %v", got)
	}

	a.remove(2)
	d.eventually("the removed repository is retired", func() bool { return slices.Equal(d.repositories("?state=retired"), []string{"acme/cart"}) })
	if got := d.commits("ABC-1"); len(got) != 2 {
		t.Errorf("a retired repository no longer answers: %v", got)
	}
	_, metrics := d.get("/metrics")
	for _, want := range []string{
		`keytrail_repositories{integration="acme",state="retired"} 1`, `keytrail_discovery_last_success_timestamp_seconds{integration="acme"} 1`,
		`keytrail_errors_total{class="auth"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	_, integrations := d.get("/api/v1/integrations")
	d.stop()
	for where, text := range map[string]string{
		"log": d.log.String(), "metrics": metrics, "integrations": integrations, "files": everyFile(t, filepath.Join(dir, "data")),
	} {
		if strings.Contains(text, accountToken) {
			t.Errorf("the token is in the %s", where)
		}
	}
}

func TestWhatIsKnownOfAnAccountIsLookedAtThoughItsAPIFails(t *testing.T) {
	t.Parallel()
	a := newAccount(t, accountToken)
	repos := map[string]*gittest.Repo{}
	for i := range 6 {
		name := fmt.Sprintf("acme/r%d", i)
		repos[name] = gittest.Init(t)
		repos[name].Commit("ABC-1 first")
		a.add(i+1, name, repos[name])
	}
	dir := t.TempDir()
	config := configuredAccount(t, dir, a, "")
	env := []string{"ACCOUNT_TOKEN=" + accountToken}
	d := serve(t, env, "--config", config)
	d.eventually("all answer", func() bool { return len(d.commits("ABC-1")) == 6 })
	d.stop()

	a.fails(http.StatusInternalServerError)
	d = serve(t, env, "--config", config)
	repos["acme/r0"].Commit("ABC-2 while it was down")
	d.eventually("what was pushed is found", func() bool { return len(d.commits("ABC-2")) == 1 })
	if in := d.integration(); in.State == "ok" {
		t.Errorf("the integration: %+v", in)
	}

	for i := range 6 {
		a.remove(i + 1)
	}
	a.fails(0)
	// A day between discoveries: what is doubted is not believed before somebody says so.
	configuredAccount(t, dir, a, "", "24h")
	d.signal(syscall.SIGHUP)
	d.eventually("an account that is empty all at once is doubted", func() bool { return d.integration().State == "doubted" })
	if got := d.repositories("?state=retired"); len(got) != 0 {
		t.Errorf("retired: %v", got)
	}
	if code, answer := d.request(http.MethodPost, "/api/v1/integrations/acme/discover", `{"accept": true}`); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, answer)
	}
	d.eventually("they are retired when it is accepted", func() bool { return len(d.repositories("?state=retired")) == 6 })

	write(t, config, "data_dir: "+filepath.Join(dir, "data")+"\n")
	d.signal(syscall.SIGHUP)
	d.eventually("the integration is gone from the list", func() bool {
		_, answer := d.get("/api/v1/integrations")
		return answer == "{\"integrations\":[]}\n"
	})
	d.stop()
}

func TestAnIntegrationThatIsTakenOutIsRetiredWhole(t *testing.T) {
	t.Parallel()
	a := newAccount(t, accountToken)
	one, other := gittest.Init(t), gittest.Init(t)
	one.Commit("ABC-1 of the account")
	other.Commit("ABC-1 named by itself")
	a.add(1, "acme/one", one)
	dir := t.TempDir()
	config := configuredAccount(t, dir, a, "repositories: [{name: other, url: "+other.Path+"}]\n")
	d := serve(t, []string{"ACCOUNT_TOKEN=" + accountToken}, "--config", config)
	d.eventually("both answer", func() bool { return len(d.commits("ABC-1")) == 2 })
	write(t, config, "data_dir: "+filepath.Join(dir, "data")+"\nrepositories: [{name: other, url: "+other.Path+"}]\n")
	d.signal(syscall.SIGHUP)
	d.eventually("the account's repository is retired", func() bool { return slices.Equal(d.repositories("?state=retired"), []string{"acme/one"}) })
	if got := d.repositories("?state=indexed"); !slices.Equal(got, []string{"other"}) {
		t.Errorf("indexed: %v", got)
	}
	d.stop()
}

func TestRepositoriesOfAFolderAppearAndVanish(t *testing.T) {
	t.Parallel()
	root, dir := t.TempDir(), t.TempDir()
	put := func(name, message string) {
		repo := gittest.Init(t)
		repo.Commit(message)
		at := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Rename(repo.Path, at)); err != nil {
			t.Fatal(err)
		}
	}
	put("shop.git", "ABC-1 in the shop")
	put("web/site.git", "ABC-1 in the site")
	config := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(
		"data_dir: %s\ndiscovery: {interval: 1s}\nintegrations: [{name: shelf, type: folder, path: %s, depth: 2}]\n", filepath.Join(dir, "data"), root))
	d := serve(t, nil, "--config", config)
	d.eventually("both answer", func() bool { return len(d.commits("ABC-1")) == 2 })
	put("late.git", "ABC-2 later")
	d.eventually("the late one answers", func() bool { return len(d.commits("ABC-2")) == 1 })
	if err := os.RemoveAll(filepath.Join(root, "shop.git")); err != nil {
		t.Fatal(err)
	}
	d.eventually("the vanished one is retired", func() bool { return slices.Equal(d.repositories("?state=retired"), []string{"shop"}) })
	d.stop()
}

func TestConfigCheckListShowsWhatAFilterDoesAndTouchesNothing(t *testing.T) {
	a := newAccount(t, accountToken)
	repo := gittest.Init(t)
	for i, name := range []string{"acme/shop", "acme/tools", "acme/cart"} {
		a.add(i+1, name, repo)
	}
	t.Setenv("ACCOUNT_TOKEN", accountToken)
	dir := t.TempDir()
	config := configuredAccount(t, dir, a, `    filter: "[?name != 'tools']"`+"\n"+"repositories: [{name: other, url: /srv/git/other.git}]\n")
	code, out, errs := run(t, "config", "check", config)
	if code != 0 || out != config+" is valid: 1 integration, 1 repository\n" {
		t.Errorf("check: exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = run(t, "config", "check", "--list", config)
	if want := "+ other\t/srv/git/other.git\nacme: 2 of 3 repositories\n+ acme/cart\n+ acme/shop\n- acme/tools\n"; code != 0 || out != want {
		t.Errorf("list: exit code %d\n%s%s\nwant:\n%s", code, out, errs, want)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "data*")); err != nil || len(left) > 0 {
		t.Errorf("it has made %v", left)
	}
	a.fails(http.StatusForbidden)
	code, out, errs = run(t, "config", "check", "--list", config)
	if code != 1 || !strings.Contains(out, "other\t") || !strings.Contains(errs, `integration "acme"`) || strings.Contains(errs, accountToken) {
		t.Errorf("when the host refuses: exit code %d\n%s%s", code, out, errs)
	}
}
