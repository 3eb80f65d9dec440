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
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/bench/fetcher"
	"keytrail/bench/history"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or is the fetching child that one of them starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == "fetcher" {
		engine := strings.TrimPrefix(os.Args[2], "--engine=")
		os.Exit(fetch(fetcher.Options{Engine: engine, Dir: os.Args[3], URL: os.Args[4], Refspecs: os.Args[5:]}))
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

func TestIndexRunsBothSidesInTurnAndReportsThem(t *testing.T) {
	o, _ := set(t, "cat")
	var log bytes.Buffer
	report, err := Index(t.Context(), o, &log)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^round (\d) of 3, (\S+ \S+)`).FindAllStringSubmatch(log.String(), -1) {
		order = append(order, m[1]+" "+m[2])
	}
	var want []string
	for _, round := range []string{"1", "2", "3"} {
		want = append(want, round+" keytrail index,", round+" git log", round+" keytrail index,", round+" git clone")
	}
	if !slices.Equal(order, want) {
		t.Errorf("ran %q, want %q", order, want)
	}
	if len(report.Comparisons) != 2 || report.Repository.Commits != 120 || report.Repository.Pairs == 0 || report.PeakFloor == 0 {
		t.Errorf("an incomplete report: %+v", report)
	}
	for _, c := range report.Comparisons {
		for _, row := range []Row{c.Subject, c.Peer} {
			if len(row.Samples) != 3 || row.Wall.Median <= 0 || row.Peak.Min <= 0 || row.Disk.Min <= 0 {
				t.Errorf("an incomplete row: %+v", row)
			}
		}
		if c.Subject.Index.Min <= 0 || c.Subject.Index.Min >= c.Subject.Disk.Min || c.Peer.Index.Max != 0 {
			t.Errorf("index sizes %v and %v, want a part of the disk for keytrail and none for its peer", c.Subject.Index, c.Peer.Index)
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
	if err := json.Unmarshal(data, &again); err != nil || len(again.Comparisons) != 2 || len(again.Comparisons[1].Peer.Samples) != 3 {
		t.Errorf("the JSON report does not read back: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index-made.md"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte(path)) || bytes.Contains(data, []byte(path)) {
		t.Errorf("the report names a path of this machine:\n%s", page)
	}
	for _, want := range []string{"120 commits", "| keytrail index, http |", `| git log \| grep \| sort \| uniq |`, "*ratio, folder*", "0.0.0-stand-in",
		"keytrail index --data DATA --refspec '+refs/pull/*:refs/pull/*' URL"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
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
