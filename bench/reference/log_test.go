package reference

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// run runs git in dir as a fixed author, with the user's configuration left out.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestLogReadsMessagesAndNotesOfEveryReachableCommitOnce(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q")
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "ABC-1: first\n\nSee ABC-2.")
	run(t, dir, "notes", "add", "-m", "ABC-2 and ABC-3")
	run(t, dir, "notes", "--ref=review", "add", "-m", "ABC-4")
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "no key")
	run(t, dir, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-m", "\xc4BC-9 and ABC-5")
	run(t, dir, "tag", "only")
	run(t, dir, "reset", "-q", "--hard", "HEAD^")

	var got []string
	for c, err := range Log(t.Context(), filepath.Join(dir, ".git")) {
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Count(strings.Join(c.Keys, " "), "ABC-3") * 2; c.Noted != want {
			t.Errorf("%d of %q from notes only, want %d", c.Noted, c.Keys, want)
		}
		got = append(got, strings.Join(c.Keys, " "))
	}
	slices.Sort(got)
	if want := []string{"", "ABC-1 ABC-2 ABC-3 ABC-4", "ABC-5"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestLogStopsWhenTheReaderHasEnough(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q")
	for range 3 {
		run(t, dir, "commit", "-q", "--allow-empty", "-m", "x")
	}
	n := 0
	for range Log(t.Context(), filepath.Join(dir, ".git")) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("read %d commits after a break, want 1", n)
	}
}

func TestLogNamesARepositoryThatCannotBeRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none.git")
	for _, err := range Log(t.Context(), dir) {
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want one that names %s", err, dir)
		}
	}
}
