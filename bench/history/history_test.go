package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"keytrail/bench/reference"
)

// said runs git on the repository and gives its output; a failing command fails the test.
func said(t *testing.T, repo string, args ...string) string {
	t.Helper()
	cmd := command(t.Context(), append([]string{"--git-dir", repo}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func count(t *testing.T, repo string, args ...string) int {
	t.Helper()
	out := said(t, repo, args...)
	if n, err := strconv.Atoi(out); err == nil {
		return n
	}
	return strings.Count(out, "\n") + min(len(out), 1)
}

func made(t *testing.T, o Options) (string, Summary) {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "made.git")
	sum, err := Create(t.Context(), repo, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return repo, sum
}

func digest(t *testing.T, o Options) string {
	t.Helper()
	h := sha256.New()
	if _, err := Write(h, o); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// changed gives Default with some commits and one edit.
func changed(commits int, edit func(*Options)) Options {
	o := Default(commits)
	edit(&o)
	return o
}

// shapes are histories at the edges of the options.
func shapes() map[string]Options {
	return map[string]Options{
		"demo":       Demo(),
		"default":    Default(2000),
		"one commit": Default(1),
		"every ref":  changed(2000, func(o *Options) { o.Branches, o.Releases, o.Tags, o.Pulls, o.Notes = 120, 20, 90, 400, 130 }),
		"no merges":  changed(1000, func(o *Options) { o.Merges, o.Branches, o.Pulls = 0, 30, 100 }),
		"linear":     changed(500, func(o *Options) { o.Merges, o.Branches, o.Releases, o.Tags, o.Pulls = 0, 0, 0, 0, 0 }),
		"more refs":  changed(50, func(o *Options) { o.Branches, o.Tags, o.Pulls = 70, 90, 200 }),
		"many keys":  changed(500, func(o *Options) { o.KeysMean, o.Keyless, o.Numbers = 5, 0, 4 }),
		"all traps":  changed(500, func(o *Options) { o.Keyless, o.Traps, o.Merges = 1, 1, 0 }),
		"trees":      changed(500, func(o *Options) { o.Trees, o.Notes = true, 500 }),
		"files":      changed(300, func(o *Options) { o.Files, o.Notes = 60, 20 }),
		"repacked":   changed(200, func(o *Options) { o.Repack = true }),
	}
}

func TestSummaryEqualsWhatGitAndAPlainReadingOfItCount(t *testing.T) {
	for name, o := range shapes() {
		t.Run(name, func(t *testing.T) {
			repo, sum := made(t, o)
			refs := said(t, repo, "for-each-ref", "--format=%(objecttype) %(refname).")
			commits, keys, pairs := reading(t, repo)
			for _, c := range []struct {
				what      string
				got, want int
			}{
				{"commits", sum.Commits, o.Commits},
				{"commits", sum.Commits, commits},
				{"commits with those of notes", sum.Commits + sum.NoteCommits, count(t, repo, "rev-list", "--all", "--count")},
				{"merges", sum.Merges, count(t, repo, "rev-list", "--all", "--merges", "--count")},
				{"branches", sum.Branches, o.Branches + 1},
				{"branches", sum.Branches, strings.Count(refs, " refs/heads/")},
				{"releases", o.Releases, strings.Count(refs, " refs/heads/release/")},
				{"tags", sum.Tags, o.Tags},
				{"tags", sum.Tags, strings.Count(refs, " refs/tags/")},
				{"tag objects", sum.Annotated, strings.Count(refs, "tag refs/tags/")},
				{"pulls", sum.Pulls, o.Pulls},
				{"pulls", sum.Pulls, strings.Count(refs, "/head.")},
				{"refs", sum.Branches + sum.Tags + sum.Pulls + min(sum.NoteCommits, 1), strings.Count(refs, ".\n") + 1},
				{"notes", sum.Notes, o.Notes},
				{"notes", sum.Notes, count(t, repo, "notes", "list")},
				{"keys", sum.Keys, keys},
				{"pairs", sum.Pairs, pairs},
			} {
				if c.got != c.want {
					t.Errorf("%d %s, want %d", c.got, c.what, c.want)
				}
			}
			if out := said(t, repo, "fsck", "--strict", "--full", "--no-dangling", "--no-progress"); out != "" {
				t.Errorf("git fsck: %s", out)
			}
		})
	}
}

// reading counts commits, different keys and pairs in git log.
func reading(t *testing.T, repo string) (commits, keys, pairs int) {
	t.Helper()
	different := map[string]bool{}
	for c, err := range reference.Log(t.Context(), repo) {
		if err != nil {
			t.Fatal(err)
		}
		commits++
		pairs += len(c.Keys)
		for _, k := range c.Keys {
			different[k] = true
		}
	}
	return commits, len(different), pairs
}

// The ids are those of every machine; they change only with the generator, and then on purpose.
func TestSameSeedGivesTheSameTipsEverywhere(t *testing.T) {
	for _, c := range []struct {
		name, tips string
		o          Options
	}{
		{"demo", "e47c5886d17fc070", Demo()},
		{"files", "88e0cee76eef379e", changed(200, func(o *Options) { o.Files = 100 })},
		{"default", "e7206cc1d88a841b", changed(1000, func(o *Options) { o.Seed, o.Notes = 7, 60 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo, _ := made(t, c.o)
			sum := sha256.Sum256([]byte(said(t, repo, "for-each-ref")))
			if got := hex.EncodeToString(sum[:8]); got != c.tips {
				t.Errorf("the refs' digest is %s, want %s; main is %s", got, c.tips, said(t, repo, "rev-parse", "main"))
			}
		})
	}
}

func TestAnotherSeedGivesAnotherHistory(t *testing.T) {
	o := Default(200)
	first := digest(t, o)
	if again := digest(t, o); again != first {
		t.Error("the same options gave two streams")
	}
	o.Seed++
	if digest(t, o) == first {
		t.Error("another seed gave the same stream")
	}
}

func TestMergesAreTheShareAskedFor(t *testing.T) {
	for _, want := range []float64{0, 0.01, 0.1, 0.3, 0.5} {
		sum, err := Write(io.Discard, changed(20_000, func(o *Options) { o.Merges = want }))
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(sum.Merges) / float64(sum.Commits); math.Abs(got-want) > 0.005 {
			t.Errorf("%.4f of the commits are merges, want %.4f", got, want)
		}
	}
}

func TestKeyShareAndMeanAreWhatWasAskedFor(t *testing.T) {
	o := changed(20_000, func(o *Options) { o.Merges, o.Keyless, o.KeysMean = 0, 0.4, 2 })
	sum, err := Write(io.Discard, o)
	if err != nil {
		t.Fatal(err)
	}
	got := float64(sum.Pairs) / float64(sum.Commits)
	if want := 0.6 * 2; math.Abs(got-want) > 0.1 {
		t.Errorf("%.2f keys a commit, want about %.2f", got, want)
	}
}

func TestDemoHoldsItsProjectsReleasesTagsAndNotes(t *testing.T) {
	repo, _ := made(t, Demo())
	text := said(t, repo, "log", "--all", "--format=%an <%ae>%n%B")
	for _, want := range []string{"DEMO-", "SHOP-", "PAY-", "@example.com", "Merge pull request #", "Merge branch '"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the demo's log", want)
		}
	}
	refs := said(t, repo, "for-each-ref", "--format=%(objecttype) %(refname)")
	for _, want := range []string{"refs/heads/release/1.0", "refs/heads/release/1.1", "refs/heads/release/1.2", "tag refs/tags/v1.",
		"commit refs/tags/", "refs/heads/feature/", "refs/pull/15/head", "refs/notes/commits"} {
		if !strings.Contains(refs, want) {
			t.Errorf("no %s among the demo's refs", want)
		}
	}
	if head := said(t, repo, "symbolic-ref", "HEAD"); head != mainRef {
		t.Errorf("HEAD is %s, want %s", head, mainRef)
	}
	if files := count(t, repo, "ls-tree", "-r", "--name-only", "main"); files < 10 {
		t.Errorf("main has %d files, want at least 10", files)
	}
}

func TestBranchesHoldCommitsThatMainLacks(t *testing.T) {
	repo, _ := made(t, changed(2000, func(o *Options) { o.Branches, o.Releases, o.Pulls, o.Tags = 40, 4, 100, 100 }))
	for _, glob := range []string{"refs/heads/*", "refs/pull", "refs/tags/preview-*"} {
		if n := count(t, repo, "rev-list", "--count", "--glob="+glob, "--not", "main"); n == 0 {
			t.Errorf("no commit of %s lies outside main", glob)
		}
	}
}

func TestCreateLeavesOnePackAndPackedRefs(t *testing.T) {
	repo, _ := made(t, Default(50))
	packs, _ := filepath.Glob(filepath.Join(repo, "objects/pack/*.pack"))
	loose, _ := filepath.Glob(filepath.Join(repo, "objects/[0-9a-f][0-9a-f]/*"))
	heads, _ := filepath.Glob(filepath.Join(repo, "refs/heads/*"))
	if len(packs) != 1 || len(loose) != 0 || len(heads) != 0 {
		t.Errorf("%d packs, %d loose objects, %d loose heads; want 1, 0, 0", len(packs), len(loose), len(heads))
	}
}

func TestCreateRefusesADirectoryThatExists(t *testing.T) {
	dir := t.TempDir()
	_, err := Create(t.Context(), dir, Default(5), nil)
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error %v, want one that names %s", err, dir)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the directory that was there is gone: %v", err)
	}
}

func TestCancelledCreateLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cut.git")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Create(ctx, dir, Default(200_000), func(int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written repository is still there: %v", err)
	}
}

func TestCreateIgnoresTheUsersGitConfiguration(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[init]\n\tdefaultBranch = other\n[fastimport]\n\tunpackLimit = 9999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_DIR", filepath.Join(home, "elsewhere.git"))
	t.Setenv("GIT_DEFAULT_HASH", "sha256")
	repo, _ := made(t, Default(20))
	if n := count(t, repo, "rev-list", "--count", "main"); n == 0 {
		t.Error("main has no commit")
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	for want, edit := range map[string]func(*Options){
		"commits":      func(o *Options) { o.Commits = 0 },
		"merges":       func(o *Options) { o.Merges = 0.9 },
		"keyless":      func(o *Options) { o.Keyless = math.NaN() },
		"releases":     func(o *Options) { o.Releases = o.Branches + 1 },
		"notes":        func(o *Options) { o.Notes = o.Commits + 1 },
		"files":        func(o *Options) { o.Files = -1 },
		"numbers":      func(o *Options) { o.Numbers = 0 },
		"start":        func(o *Options) { o.Start = -1 },
		"no project":   func(o *Options) { o.Projects = nil },
		"a-b":          func(o *Options) { o.Projects = []string{"a-b"} },
		"2PAC":         func(o *Options) { o.Projects = []string{"2PAC"} },
		"UTF":          func(o *Options) { o.Projects = []string{"UTF"} },
		"WEB is named": func(o *Options) { o.Projects = []string{"WEB", "WEB"} },
	} {
		var out bytes.Buffer
		_, err := Write(&out, changed(100, edit))
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("error %v after %d bytes, want one that names %q before the first", err, out.Len(), want)
		}
	}
}

// cut fails after some bytes, as a pipe does whose reader has gone.
type cut struct{ left int }

var errCut = errors.New("reader has gone")

func (c *cut) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, errCut
	}
	return len(p), nil
}

func TestWriteStopsAtTheFirstError(t *testing.T) {
	if _, err := Write(&cut{left: 2 << 20}, Default(1_000_000)); !errors.Is(err, errCut) {
		t.Errorf("error %v, want %v", err, errCut)
	}
}

func TestFastImportsOwnWordsReachTheError(t *testing.T) {
	cmd := command(t.Context(), "no-such-command")
	err := explain(cmd, cmd.Run(), "said this")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(fmt.Sprint(err), "said this") {
		t.Errorf("error %v, want git's exit and words", err)
	}
}
