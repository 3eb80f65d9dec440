package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// truth is what a repository must hold after a fetch.
type truth struct {
	refs    string // a line each: object and name
	commits int    // that they reach
}

// readTruth reads the refs below some prefixes, by git; all refs where there are none.
func readTruth(ctx context.Context, repo string, prefixes []string) (t truth, err error) {
	list := append([]string{"--git-dir", repo, "for-each-ref", "--format=%(objectname) %(refname)"}, prefixes...)
	if t.refs, err = output(ctx, "git", list...); err != nil {
		return truth{}, err
	}
	if t.refs != "" {
		t.refs += "\n"
	}
	reach := []string{"--git-dir", repo, "rev-list", "--count"}
	for _, p := range prefixes {
		reach = append(reach, "--glob="+p)
	}
	if len(prefixes) == 0 {
		reach = append(reach, "--all")
	}
	count, err := output(ctx, "git", reach...)
	if err != nil {
		return truth{}, err
	}
	t.commits, err = strconv.Atoi(count)
	return t, err
}

// check holds a repository that was fetched against the truth.
func (t truth) check(ctx context.Context, dir string) error {
	got, err := readTruth(ctx, dir, nil)
	switch {
	case err != nil:
		return err
	case got.refs != t.refs:
		return fmt.Errorf("a wrong answer: its %d refs are not the server's %d", strings.Count(got.refs, "\n"), strings.Count(t.refs, "\n"))
	case got.commits != t.commits:
		return fmt.Errorf("a wrong answer: %d commits, the server has %d", got.commits, t.commits)
	}
	return nil
}

// countObjects counts the objects that a repository stores, each as often as it is stored.
func countObjects(ctx context.Context, repo string) (int, error) {
	out, err := output(ctx, "git", "--git-dir", repo, "count-objects", "-v")
	if err != nil {
		return 0, err
	}
	total := 0
	for line := range strings.Lines(out) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "count" || name == "in-pack" {
			n, err := strconv.Atoi(value)
			if err != nil {
				return 0, fmt.Errorf("git count-objects: %w", err)
			}
			total += n
		}
	}
	return total, nil
}

// pushCommit adds a commit that changes a file to the branch of HEAD and gives its size as stored alone, compressed, in bytes.
func pushCommit(ctx context.Context, repo string, number int) (int64, error) {
	branch, err := output(ctx, "git", "--git-dir", repo, "symbolic-ref", "HEAD")
	if err != nil {
		return 0, err
	}
	var stream bytes.Buffer
	data := func(text string) { fmt.Fprintf(&stream, "data %d\n%s\n", len(text), text) }
	fmt.Fprintf(&stream, "commit %s\ncommitter Dana Example <dana@example.com> %d +0000\n", branch, 1_800_000_000+number)
	data(fmt.Sprintf("PUSH-%d Measure one new commit\n", number+1))
	fmt.Fprintf(&stream, "from %s^0\nM 100644 inline measured.txt\n", branch)
	data(fmt.Sprintf("commit number %d\n", number+1))
	stream.WriteString("done\n")
	cmd := exec.CommandContext(ctx, "git", "--git-dir", repo, "fast-import", "--quiet", "--done")
	cmd.Env = environment()
	cmd.Stdin = &stream
	if said, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("git fast-import: %w: %s", err, said)
	}
	cmd = exec.CommandContext(ctx, "git", "--git-dir", repo, "cat-file", "--batch-check=%(objectsize:disk)")
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(branch + "\n")
	size, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("git cat-file: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(size)), 10, 64)
}

// otherPrefixes gives the first two parts of ref names, a line each, that are neither branches, tags nor notes.
func otherPrefixes(names string) []string {
	found := map[string]bool{"refs/heads": true, "refs/tags": true, "refs/notes": true}
	var prefixes []string
	for name := range strings.Lines(names) {
		parts := strings.SplitN(strings.TrimSpace(name), "/", 3)
		if prefix := strings.Join(parts[:min(len(parts), 2)], "/"); len(parts) == 3 && !found[prefix] {
			found[prefix] = true
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}
