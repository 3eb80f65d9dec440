package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"keytrail/indexer/mirror/gittest"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServeOnAConfigurationFileFromStartToStop(t *testing.T) {
	local, remote := gittest.Init(t), gittest.Init(t)
	inLocal := local.Commit("ABC-1 in a path")
	inRemote := remote.Commit("ABC-1 behind a URL")
	const password, token = "hidden-password-4711", "hidden-token-0815"
	url := gittest.Serve(t, remote, gittest.Options{User: "bot", Password: password})
	dir := t.TempDir()
	config := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
auth: {tokens: [{name: jira, token: {file: %s}}]}
log: {level: debug}
jira: {url: "http://127.0.0.1:9", token: {env: GIT_PASSWORD}, projects: [ABC]}
repositories:
  - {name: local, url: %s}
  - {name: remote, url: "%s", username: bot, password: {env: GIT_PASSWORD}}
`, filepath.Join(dir, "data"), write(t, filepath.Join(dir, "token"), token+"\n"), local.Path, url))
	d := serve(t, []string{"GIT_PASSWORD=" + password}, "--config", config)
	if code, _ := d.get("/api/v1/repositories"); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d, want %d", code, http.StatusUnauthorized)
	}
	d.token = token
	d.eventually("both repositories answer", func() bool { return len(d.commits("abc-1")) == 2 })
	if got := d.commits("ABC-1"); !slices.Contains(got, inLocal.String()) || !slices.Contains(got, inRemote.String()) {
		t.Errorf("commits %v, want %s and %s", got, inLocal, inRemote)
	}
	if code, out, errs := run(t, "query", "--url", d.url, "--token-file", filepath.Join(dir, "token"), "ABC-1"); code != 0 || strings.Count(out, "\n") != 4 {
		t.Errorf("query --url: exit code %d\n%s%s", code, out, errs)
	}
	pushed := remote.Commit("ABC-2 pushed later")
	for id := 1; id <= 2; id++ {
		if code, answer := d.request(http.MethodPost, fmt.Sprintf("/api/v1/repositories/%d/reindex", id), `{"full":true}`); code != http.StatusAccepted {
			t.Errorf("reindex: %d %s", code, answer)
		}
	}
	d.eventually("the pushed commit answers", func() bool { return slices.Equal(d.commits("ABC-2"), []string{pushed.String()}) })
	_, repositories := d.get("/api/v1/repositories")
	_, metrics := d.get("/metrics")
	checkMetrics(t, metrics)
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	d.stop()
	for where, text := range map[string]string{
		"log": d.log.String(), "metrics": metrics, "repositories": repositories, "command line": string(cmdline), "files": everyFile(t, filepath.Join(dir, "data")),
	} {
		if strings.Contains(text, password) || strings.Contains(text, token) {
			t.Errorf("the %s hold a secret", where)
		}
	}
}

// everyFile gives all that is in the files below a directory.
func everyFile(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// checkMetrics holds the list of metrics that operators rely on, and their names and types to Prometheus's own rules.
func checkMetrics(t *testing.T, exposition string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(exposition)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("the metrics break the rules: %v %v", problems, err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (keytrail_\S+)`).FindAllStringSubmatch(exposition, -1) {
		if !strings.HasPrefix(m[1], "keytrail_pebble_") {
			names = append(names, m[1])
		}
	}
	want := []string{
		"keytrail_advance_duration_seconds", "keytrail_build_info", "keytrail_commits_indexed_total",
		"keytrail_config_last_reload_successful", "keytrail_discovery_last_success_timestamp_seconds", "keytrail_errors_total", "keytrail_fetch_duration_seconds",
		"keytrail_fetch_received_bytes_total", "keytrail_fetches_total", "keytrail_http_panics_total",
		"keytrail_http_request_duration_seconds", "keytrail_http_requests_in_flight", "keytrail_index_lag_seconds",
		"keytrail_postings", "keytrail_push_visible_seconds", "keytrail_queue_repositories", "keytrail_repositories",
		"keytrail_repository_staleness_seconds", "keytrail_smart_commands_total", "keytrail_smart_commands_waiting", "keytrail_storage_bytes",
		"keytrail_webhooks_total",
	}
	if !slices.Equal(names, want) {
		t.Errorf("metrics:\n%v\nwant:\n%v", names, want)
	}
	if !strings.Contains(exposition, `keytrail_repositories{integration="",state="indexed"} 2`) || !strings.Contains(exposition, "keytrail_postings 3") {
		t.Errorf("the metrics do not count two repositories and three postings:\n%s", exposition)
	}
}

func TestReloadTakesTheConfigurationOverAsAWholeOrNotAtAll(t *testing.T) {
	first, second := gittest.Init(t), gittest.Init(t)
	first.Commit("ABC-1 first")
	second.Commit("XYZ-9 second")
	dir := t.TempDir()
	path := filepath.Join(dir, "keytrail.yaml")
	configure := func(repositories string) {
		write(t, path, "data_dir: "+filepath.Join(dir, "data")+"\n"+repositories)
	}
	one := "  - {name: first, url: " + first.Path + "}\n"
	two := "  - {name: second, url: " + second.Path + "}\n"
	configure("repositories:\n" + one)
	d := serve(t, nil, "--config", path)
	d.eventually("the first repository answers", func() bool { return len(d.commits("ABC-1")) == 1 })

	configure("repositries:\n" + two)
	d.signal(syscall.SIGHUP)
	d.eventually("the log names the unknown key", func() bool { return strings.Contains(d.log.String(), "repositries") })
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "keytrail_config_last_reload_successful 0") {
		t.Error("the metrics do not tell of the refused configuration")
	}
	configure("repositories:\n" + two)
	d.signal(syscall.SIGHUP)
	d.eventually("the second repository answers", func() bool { return len(d.commits("XYZ-9")) == 1 })
	if len(d.commits("ABC-1")) != 1 {
		t.Error("a retired repository no longer answers")
	}
	if _, answer := d.get("/api/v1/repositories?state=retired"); !strings.Contains(answer, `"name":"first"`) {
		t.Errorf("retired repositories: %s", answer)
	}
	d.stop()
}

func TestAReloadRefusesWhatTakesARestart(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	dir := t.TempDir()
	path := filepath.Join(dir, "keytrail.yaml")
	address := freeAddress(t)
	configure := func(listen, data string) {
		write(t, path, fmt.Sprintf("listen: %s\ndata_dir: %s\nrepositories: [{name: a, url: %s}]\n", listen, filepath.Join(dir, data), repo.Path))
	}
	configure(address, "data")
	d := start(t, address, nil, "--config", path)
	d.untilReady()
	configure(freeAddress(t), "data")
	d.signal(syscall.SIGHUP)
	d.eventually("the log refuses the address", func() bool { return strings.Contains(d.log.String(), "a change of [listen] takes a restart") })
	configure(address, "elsewhere")
	d.signal(syscall.SIGHUP)
	d.eventually("the log refuses the directory", func() bool { return strings.Contains(d.log.String(), "a change of [data_dir] takes a restart") })
	d.eventually("the old address still answers", func() bool { return len(d.commits("ABC-1")) == 1 })
	configure(address, "data")
	d.signal(syscall.SIGHUP)
	d.eventually("the old configuration is read again", func() bool { return strings.Contains(d.log.String(), "configuration read again") })
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "keytrail_config_last_reload_successful 1") {
		t.Error("the metrics still tell of a refused configuration")
	}
	d.stop()
}

func TestExitCodesSayWhoseFaultItIs(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("ABC-1 first")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	bad := write(t, filepath.Join(dir, "bad.yaml"), "data_dir: /srv\nlimits: {fetchs: 3}\n")
	d := serve(t, nil, "--data", data, repo.Path)
	for _, c := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"unknown flag", 2, "--nonsense", []string{"query", "--nonsense"}},
		{"unknown configuration key", 2, "bad.yaml:2:10", []string{"config", "check", bad}},
		{"configuration file missing", 2, "no such file", []string{"serve", "--config", filepath.Join(dir, "none.yaml")}},
		{"off loopback without auth", 2, "auth", []string{"serve", "--data", data, "--listen", "0.0.0.0:0", repo.Path}},
		{"bad refspec", 2, "+refs/pull/*:refs/pull/*", []string{"index", "--data", filepath.Join(dir, "other"), "--refspec", "^refs/x/*", repo.Path}},
		{"bad key", 2, "such as ABC-123", []string{"query", "--url", d.url, "not a key"}},
		{"no index", 2, "keytrail index --data", []string{"query", "--data", filepath.Join(dir, "none"), "ABC-1"}},
		{"no daemon", 1, "refused", []string{"query", "--url", "http://" + freeAddress(t), "ABC-1"}},
		{"data directory in use", 3, "--url", []string{"query", "--data", data, "ABC-1"}},
		{"not a repository", 1, "not a git repository", []string{"index", "--data", filepath.Join(dir, "other"), dir}},
		{"a password in a URL", 2, "--password-file", []string{"index", "--data", filepath.Join(dir, "other"), "https://bot:s3cret@git.example.com/a.git"}},
		{"a path that is not there", 1, "no such file", []string{"index", "--data", filepath.Join(dir, "other"), filepath.Join(dir, "typo")}},
		{"a scheme that is not fetched", 1, "not supported", []string{"index", "--data", filepath.Join(dir, "other"), "ftp://git.example.com/a.git"}},
		{"unknown key is no fault", 0, "no commits", []string{"query", "--url", d.url, "ABC-999"}},
		{"help", 0, "Index repositories once", []string{"--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.args...)
			said := stdout + stderr
			if code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "s3cret") {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, c.code, c.says, said)
			}
		})
	}
	d.stop()
}

func TestOneBadRepositoryDoesNotKeepTheOthersFromTheIndex(t *testing.T) {
	good, empty := gittest.Init(t), gittest.Init(t)
	good.Commit("ABC-1 first")
	data := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := run(t, "index", "--json", "--data", data, t.TempDir(), good.Path, empty.Path)
	if code != 1 || !strings.Contains(stdout, `"error_class":"gone"`) || !strings.Contains(stdout, `"commits_added":1`) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := run(t, "query", "--data", data, "--json", "ABC-1"); code != 0 || !strings.Contains(stdout, `"key":"ABC-1","sha":"`) {
		t.Errorf("query: exit code %d\n%s", code, stdout)
	}
	if code, stdout, stderr := run(t, "verify", "--deep", "--data", data); code != 0 {
		t.Errorf("verify: exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestVerifyFindsARepositoryThatIsNotAsItWasIndexed(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", "ABC-1 number", 5)
	data := filepath.Join(t.TempDir(), "data")
	if code, stdout, stderr := run(t, "index", "--data", data, repo.Path); code != 0 {
		t.Fatalf("index: exit code %d\n%s%s", code, stdout, stderr)
	}
	if err := os.RemoveAll(filepath.Join(repo.Path, "objects")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(repo.Path, "objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := run(t, "verify", "--deep", "--data", data); code != 1 || !strings.Contains(stdout, "is missing") {
		t.Errorf("verify --deep: exit code %d\n%s", code, stdout)
	}
	if code, stdout, _ := run(t, "verify", "--data", data); code != 0 {
		t.Errorf("verify: exit code %d\n%s", code, stdout)
	}
}
