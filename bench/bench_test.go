package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytrail/bench/fetcher"
	"keytrail/bench/history"
	program "keytrail/daemon"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or is the fetching or asking child or the keytrail that one of them starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keytrail" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := program.Main(ctx, os.Args[2:], program.Process{Stdout: os.Stdout, Stderr: os.Stderr, Exit: os.Exit})
		stop()
		os.Exit(code)
	}
	if len(os.Args) > 4 && os.Args[1] == "fetcher" {
		engine := strings.TrimPrefix(os.Args[2], "--engine=")
		os.Exit(fetch(fetcher.Options{Engine: engine, Dir: os.Args[3], URL: os.Args[4], Refspecs: os.Args[5:]}))
	}
	if len(os.Args) > 1 && os.Args[1] == "asker" {
		os.Exit(ask(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

func fetch(o fetcher.Options) (exit int) {
	f, err := fetcher.New(o)
	if err == nil {
		err = errors.Join(f.Serve(context.Background(), os.Stdin, os.Stdout), f.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// standIn answers keytrail's command line with git, sh and awk, for histories without traps. EDIT changes its export.
const standIn = `#!/bin/sh
set -e
case $1 in
version) echo 0.0.0-stand-in ;;
index)
	[ "$2" = --data ]
	mkdir -p "$3/index"
	echo table > "$3/index/table"
	for source; do :; done
	git clone --quiet --mirror "$source" "$3/mirror"
	echo "indexed $source" >> LOG ;;
export)
	git --git-dir "$3/mirror" log --exclude='refs/notes/*' --all --format='@commit %H%n%B' | awk '
	$1 == "@commit" { sha = $2; next }
	{ while (match($0, /[A-Z][A-Z0-9_]+-[0-9]+/)) {
		print "{\"key\":\"" substr($0, RSTART, RLENGTH) "\",\"sha\":\"" sha "\",\"repository\":{\"id\":1,\"name\":\"made\"}}"
		$0 = substr($0, RSTART + RLENGTH) } }' | sort -u | EDIT ;;
*) exit 2 ;;
esac
`

// set makes a history, a stand-in whose export goes through the edit, and options for both.
func set(t *testing.T, edit string) (o Options, log string) {
	t.Helper()
	dir := t.TempDir()
	h := history.Default(120)
	h.Traps, h.Pulls, h.Notes = 0, 10, 0
	o = Options{
		Name:     "made",
		Repo:     filepath.Join(dir, "made.git"),
		Keytrail: filepath.Join(dir, "stand-in"),
		Refspecs: []string{"+refs/pull/*:refs/pull/*"},
		Rounds:   3,
		Work:     filepath.Join(dir, "work"),
		Timeout:  time.Minute,
	}
	if _, err := history.Create(t.Context(), o.Repo, h, nil); err != nil {
		t.Fatal(err)
	}
	log = filepath.Join(dir, "log")
	script := strings.NewReplacer("LOG", log, "EDIT", edit).Replace(standIn)
	if err := os.WriteFile(o.Keytrail, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return o, log
}

func TestIndexRunsContestantsInTurnAndReportsThem(t *testing.T) {
	t.Parallel()
	o, _ := set(t, "cat")
	o.Rounds = 2
	var log bytes.Buffer
	report, err := Index(t.Context(), o, &log)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^round (\d) of 2, (\w+), (.*): \d`).FindAllStringSubmatch(log.String(), -1) {
		order = append(order, m[1]+" "+m[2]+" "+m[3])
	}
	var want []string
	folder, http := FolderNames(), []string{NameIndex, NameClone, NameFiltered}
	for round := range 2 {
		for where, names := range map[string][]string{CaseFolder: folder, CaseHTTP: http} {
			for i := range names {
				want = append(want, fmt.Sprintf("%d %s %s", round+1, where, names[(round+i)%len(names)]))
			}
		}
	}
	inTurn := func(where string) (got, wanted []string) {
		is := func(line string) bool { return !strings.Contains(line, " "+where+" ") }
		return slices.DeleteFunc(slices.Clone(order), is), slices.DeleteFunc(slices.Clone(want), is)
	}
	for _, where := range []string{CaseFolder, CaseHTTP} {
		if got, wanted := inTurn(where); !slices.Equal(got, wanted) {
			t.Errorf("ran %q, want %q", got, wanted)
		}
	}
	if len(report.Cases) != 2 || report.Repository.Commits != 120 || report.Repository.Pairs == 0 || report.PeakFloor == 0 {
		t.Errorf("an incomplete report: %+v", report)
	}
	for _, c := range report.Cases {
		for i, row := range c.Rows {
			if len(row.Samples) != 2 || row.Wall.Median <= 0 || row.Peak.Min <= 0 || i > 0 && row.WallRatio.Median <= 0 {
				t.Errorf("an incomplete row: %+v", row)
			}
			if isKeytrail := strings.HasPrefix(row.Name, NameIndex); isKeytrail != (row.Index.Min > 0) || isKeytrail && row.Index.Min >= row.Disk.Min {
				t.Errorf("%s: index size %v of %v, want a part of the disk for keytrail and none for its peers", row.Name, row.Index, row.Disk)
			}
		}
		if len(c.Goals) > 0 {
			t.Errorf("a history of 120 commits is promised %v", c.Goals)
		}
	}
	if left, err := os.ReadDir(o.Work); err != nil || len(left) > 0 {
		t.Errorf("runs left %v behind, error %v", left, err)
	}
	written(t, report, filepath.Dir(o.Repo))
}

// written checks the report's files: whole, and without a path of this machine.
func written(t *testing.T, report Report, path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index-made.json"))
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(data, &again); err != nil || len(again.Cases) != 2 || len(again.Cases[1].Rows[2].Samples) != 2 {
		t.Errorf("the JSON report does not read back: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index-made.md"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte(path)) || bytes.Contains(data, []byte(path)) {
		t.Errorf("the report names a path of this machine:\n%s", page)
	}
	for _, want := range []string{"120 commits", "| http | wall s |", "| keytrail index |", `| git log \| grep \| sort \| uniq |`, "0.0.0-stand-in",
		"keytrail index --data DATA --refspec '+refs/pull/*:refs/pull/*' URL", "taskset --cpu-list 0 keytrail index"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
}

func TestAPeerThatReadsLessIsNoPeer(t *testing.T) {
	t.Parallel()
	o, _ := set(t, "cat")
	o.Cases = []string{CaseFolder}
	gitIn(t, o.Repo, "repack", "-a", "-d", "-q")
	loose := strings.TrimSpace(gitIn(t, o.Repo, "commit-tree", "-m", "CORE-1 loose", "-p", "main", "main^{tree}"))
	gitIn(t, o.Repo, "update-ref", "refs/heads/main", loose)
	if _, err := Index(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "the packs hold 120 commits of 121: pack the repository first") {
		t.Errorf("error %v, want one that tells to pack", err)
	}
	gitIn(t, o.Repo, "repack", "-a", "-d", "-q")
	o.Rounds = 1
	report, err := Index(t.Context(), o, io.Discard)
	if err != nil || len(report.Cases) != 1 || report.Cases[0].Name != CaseFolder {
		t.Errorf("once packed: error %v, cases %v", err, report.Cases)
	}
}

func TestInflatingAloneFindsCommitsThatAreDeltas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	repo := filepath.Join(dir, "deltas.git")
	gitIn(t, repo, "init", "--quiet", "--bare", repo)
	var stream bytes.Buffer
	body := strings.Repeat("a long message that every commit repeats, so that git stores the difference alone\n", 40)
	for i := range 30 {
		message := fmt.Sprintf("CORE-%d\n%s", i, body)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter Dana Example <dana@example.com> %d +0000\ndata %d\n%s\n", 1_700_000_000+i, len(message), message)
	}
	stream.WriteString("done\n")
	feed := exec.Command("git", "--git-dir", repo, "fast-import", "--quiet", "--done")
	feed.Stdin, feed.Env = &stream, environment("fastimport.unpackLimit=1")
	if said, err := feed.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	gitIn(t, repo, "repack", "-a", "-d", "-f", "-q")
	p, v := peers{dir: dir}, Versions{}
	if err := p.build(t.Context(), repo, &v); err != nil {
		t.Fatal(err)
	}
	deltas := strings.Count(gitIn(t, repo, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(deltabase)"), "commit ") -
		strings.Count(gitIn(t, repo, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(deltabase)"), "commit 0000000")
	if deltas == 0 {
		t.Fatal("git made no delta of a commit, so that nothing is shown")
	}
	all := p.commands(repo)
	if _, err := measure(t.Context(), all[len(all)-1].argv(dir)); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, countFile)); err != nil || !strings.HasPrefix(string(b), "30\n") {
		t.Errorf("inflated %q, error %v; want 30 commits, %d of them deltas", b, err, deltas)
	}
	if v.Libdeflate == "" || v.Libgit2 == "" {
		t.Errorf("versions %+v", v)
	}
}

// gitIn runs git on a repository and gives what it prints.
func gitIn(t *testing.T, repo string, args ...string) string {
	t.Helper()
	out, err := output(t.Context(), "git", append([]string{"--git-dir", repo, "-c", "user.name=Dana Example", "-c", "user.email=dana@example.com"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAWrongAnswerIsNamedBeforeAnythingIsTimed(t *testing.T) {
	for name, c := range map[string]struct{ edit, want string }{
		"one missing":  {"sed 1d", "1 pairs missing (CORE-"},
		"one too many": {`(cat; echo '{"key":"NONE-1","sha":"0"}')`, "0 pairs missing (); 1 pairs extra (NONE-1 0)"},
		"one twice":    {"sed 1p", "0 pairs missing (); 1 pairs extra (CORE-"},
		"not JSON":     {"sed '1s/^/oops/'", "keytrail export: invalid character"},
		"a failure":    {"(cat; echo disk is gone >&2; exit 1)", "exit status 1: disk is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			o, runs := set(t, c.edit)
			_, err := Index(t.Context(), o, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if b, err := os.ReadFile(runs); err != nil || bytes.Count(b, []byte("\n")) != 1 {
				t.Errorf("keytrail index ran other than once: %s, %v", b, err)
			}
		})
	}
}

func TestWhatCannotBeMeasuredIsNamed(t *testing.T) {
	o, _ := set(t, "cat")
	for want, edit := range map[string]func(*Options){
		"rounds is 0":     func(o *Options) { o.Rounds = 0 },
		"no keytrail":     func(o *Options) { o.Keytrail += "-absent" },
		"bare repository": func(o *Options) { o.Repo = filepath.Dir(o.Repo) },
		"version":         func(o *Options) { o.Keytrail = "/bin/false" },
		"not done after":  func(o *Options) { o.Timeout = 1 },
		`no case "ftp"`:   func(o *Options) { o.Cases = []string{"ftp"} },
	} {
		changed := o
		edit(&changed)
		if _, err := Index(t.Context(), changed, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestCancellingEndsTheMeasurement(t *testing.T) {
	o, _ := set(t, "cat")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Index(ctx, o, io.Discard); err == nil {
		t.Error("a cancelled measurement succeeded")
	}
	if left, _ := os.ReadDir(o.Work); len(left) > 0 {
		t.Errorf("it left %v behind", left)
	}
}

func TestRestoreRunsTheScriptOnceAndKeepsNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nset -e\nmkdir \"$2\"\necho once >> " + dir + "/log\n[ $1 = good ]\n"
	if err := os.WriteFile(filepath.Join(dir, "restore"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	for range 2 {
		repo, err := Restore(t.Context(), dir, "good", work)
		if err != nil || repo != filepath.Join(work, "good.git") {
			t.Fatalf("restored %s, error %v", repo, err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "log")); string(b) != "once\n" {
		t.Errorf("the script ran %q", b)
	}
	if _, err := Restore(t.Context(), dir, "bad", work); err == nil {
		t.Error("a failing script went unnoticed")
	}
	if left, _ := os.ReadDir(work); len(left) != 1 {
		t.Errorf("work holds %v, want good.git alone", left)
	}
	if _, err := Restore(t.Context(), filepath.Join(dir, "absent"), "kafka", work); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v for an absent folder, want one that says so", err)
	}
}
