// Package gittest makes real git repositories for tests and serves them over HTTP as a git host does.
//
// Repositories are bare and are written by the installed git with an environment of its own: no system or user
// configuration, a fixed identity, and dates that advance by one second per commit, so that equal calls make equal object
// ids. A test starts with
//
//	repo := gittest.Init(t)
//	first := repo.Commit("ABC-1 first")
//	url := gittest.Serve(t, repo, gittest.Options{})
//
// Failures of git end the test. Nothing here is safe for concurrent use on one repository.
package gittest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/storage"
)

// epoch is the committer date of the first commit of each repository: 2020-09-13T12:26:40Z.
const epoch = 1_600_000_000

// Repo is one bare repository in a directory that the test removes.
type Repo struct {
	Path string // the bare repository itself: .../repo.git

	t       testing.TB
	env     []string
	commits int64
}

// Init makes an empty bare repository whose HEAD is refs/heads/main, with partial fetches (filters) allowed. Arguments are
// passed on to git init: Init(t, "--object-format=sha256").
func Init(t testing.TB, args ...string) *Repo {
	t.Helper()
	r := &Repo{Path: filepath.Join(t.TempDir(), "repo.git"), t: t, env: environment(t.TempDir())}
	init := append([]string{"init", "--quiet", "--bare", "--initial-branch=main"}, args...)
	r.run(nil, append(init, r.Path)...)
	r.Git("config", "uploadpack.allowFilter", "true")
	return r
}

// Open uses a repository that is there already, such as a restored history. It is not copied.
func Open(t testing.TB, path string) *Repo {
	t.Helper()
	return &Repo{Path: path, t: t, env: environment(t.TempDir())}
}

// environment keeps the tester's own git configuration out of the tests, spares the disk syncs that nobody needs there, and
// lets git read repositories of another owner, such as restored histories.
func environment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=core.fsync",
		"GIT_CONFIG_VALUE_0=none",
		"GIT_CONFIG_KEY_1=safe.directory",
		"GIT_CONFIG_VALUE_1=*",
		"GIT_AUTHOR_NAME=Ada Author",
		"GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Carl Committer",
		"GIT_COMMITTER_EMAIL=carl@example.com",
	}
}

// Git runs git inside the repository and gives its standard output without the last newline.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.Feed("", args...)
}

// Feed is Git with standard input: Feed(stream, "fast-import").
func (r *Repo) Feed(input string, args ...string) string {
	r.t.Helper()
	return r.run(strings.NewReader(input), append([]string{"-C", r.Path}, args...)...)
}

func (r *Repo) run(stdin *strings.Reader, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	date := fmt.Sprintf("%d +0000", epoch+r.commits)
	cmd.Env = append(r.env[:len(r.env):len(r.env)], "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Commit adds a commit to the branch that HEAD names.
func (r *Repo) Commit(message string) storage.OID {
	r.t.Helper()
	return r.CommitTo(r.Git("symbolic-ref", "HEAD"), message)
}

// CommitTo adds a commit to a ref (a full name: refs/heads/topic). Its parents are those given, else the ref's present
// commit, else none. Each commit has a tree of its own with one file.
func (r *Repo) CommitTo(ref, message string, parents ...storage.OID) storage.OID {
	r.t.Helper()
	if len(parents) == 0 {
		parents = r.tip(ref)
	}
	oid := r.commit(message, parents)
	r.Git("update-ref", ref, oid.String())
	return oid
}

// Orphan makes a commit without parents and points ref at it, whatever the ref held.
func (r *Repo) Orphan(ref, message string) storage.OID {
	r.t.Helper()
	oid := r.commit(message, nil)
	r.Git("update-ref", ref, oid.String())
	return oid
}

func (r *Repo) commit(message string, parents []storage.OID) storage.OID {
	r.t.Helper()
	r.commits++
	blob := r.Feed(fmt.Sprintf("content %d of %s\n", r.commits, message), "hash-object", "-w", "--stdin")
	tree := r.Feed("100644 blob "+blob+"\tfile\n", "mktree")
	args := []string{"commit-tree", tree}
	for _, p := range parents {
		args = append(args, "-p", p.String())
	}
	return r.parse(r.Feed(message, args...))
}

// Commits adds n commits in one go (fast-import) to a ref and gives the last. Messages are "prefix 1", "prefix 2", …
func (r *Repo) Commits(ref, prefix string, n int) storage.OID {
	r.t.Helper()
	var s strings.Builder
	from := ""
	if tip := r.tip(ref); tip != nil {
		from = "from " + tip[0].String() + "\n"
	}
	for i := 1; i <= n; i++ {
		r.commits++
		message := fmt.Sprintf("%s %d", prefix, i)
		fmt.Fprintf(&s, "commit %s\ncommitter Carl Committer <carl@example.com> %d +0000\ndata %d\n%s\n%s", ref, epoch+r.commits, len(message), message, from)
		fmt.Fprintf(&s, "M 100644 inline file\ndata %d\n%s\n\n", len(message), message)
		from = ""
	}
	r.Feed(s.String(), "fast-import", "--quiet", "--force")
	return r.OID(ref)
}

// ManyRefs points n refs, prefix0000000 and on, at one commit and packs them.
func (r *Repo) ManyRefs(prefix string, n int, oid storage.OID) {
	r.t.Helper()
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "create %s%07d %s\n", prefix, i, oid)
	}
	r.Feed(s.String(), "update-ref", "--stdin")
	r.Git("pack-refs", "--all")
}

// OID is what a revision names: a ref, "main~3", "v1^{commit}".
func (r *Repo) OID(revision string) storage.OID {
	r.t.Helper()
	return r.parse(r.Git("rev-parse", "--verify", revision))
}

// Refs is every ref with the object it points at, tags unpeeled.
func (r *Repo) Refs() map[string]storage.OID {
	r.t.Helper()
	refs := map[string]storage.OID{}
	for line := range strings.Lines(r.Git("for-each-ref", "--format=%(objectname) %(refname)")) {
		oid, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		refs[name] = r.parse(oid)
	}
	return refs
}

// Copy is an equal repository elsewhere, to push from or to change.
func (r *Repo) Copy() *Repo {
	r.t.Helper()
	c := &Repo{Path: filepath.Join(r.t.TempDir(), "repo.git"), t: r.t, env: r.env, commits: r.commits}
	if err := os.CopyFS(c.Path, os.DirFS(r.Path)); err != nil {
		r.t.Fatalf("copy %s: %v", r.Path, err)
	}
	return c
}

// tip is the commit of a ref as a list of parents, nil when there is no such ref.
func (r *Repo) tip(ref string) []storage.OID {
	r.t.Helper()
	out := r.Git("for-each-ref", "--format=%(objectname)", ref)
	if out == "" {
		return nil
	}
	return []storage.OID{r.parse(out)}
}

func (r *Repo) parse(hex string) storage.OID {
	r.t.Helper()
	oid, err := storage.ParseOID(hex)
	if err != nil {
		r.t.Fatalf("git answered: %v", err)
	}
	return oid
}
