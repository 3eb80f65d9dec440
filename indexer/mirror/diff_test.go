package mirror

import (
	"fmt"
	"math/rand/v2"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// generous options leave nothing out of the diffs of tests.
var generous = storage.DiffOptions{MaxFiles: 10_000, MaxFile: 1 << 20, MaxPatch: 16 << 20, Context: 3}

// tree is the files of one commit as fast-import takes them, by path.
type tree map[string]treeFile

type treeFile struct{ mode, content string } // the content of mode 160000 is an object id

// commitTree adds a commit with exactly these files to refs/heads/main. A parent is what git makes one of: "refs/heads/main^0".
func commitTree(repo *gittest.Repo, message string, files tree, parents ...string) storage.OID {
	var s strings.Builder
	fmt.Fprintf(&s, "commit refs/heads/main\ncommitter Carl Committer <carl@example.com> 1600000000 +0000\ndata %d\n%s\n", len(message), message)
	for i, p := range parents {
		s.WriteString([]string{"from ", "merge "}[min(i, 1)] + p + "\n")
	}
	s.WriteString("deleteall\n")
	for name, f := range files {
		if f.mode == "160000" {
			fmt.Fprintf(&s, "M 160000 %s %s\n", f.content, quoted(name))
		} else {
			fmt.Fprintf(&s, "M %s inline %s\ndata %d\n%s\n", f.mode, quoted(name), len(f.content), f.content)
		}
	}
	if len(parents) == 0 {
		repo.Git("update-ref", "-d", "refs/heads/main")
	}
	repo.Feed(s.String(), "fast-import", "--quiet", "--force")
	return repo.OID("refs/heads/main")
}

// asGit has git compare a commit with its first parent.
func asGit(repo *gittest.Repo, commit storage.OID, options ...string) string {
	args := append([]string{"diff-tree", "-r", "-M"}, options...)
	if parents := strings.Fields(repo.Git("rev-list", "--parents", "-1", commit.String())); len(parents) > 1 {
		return repo.Git(append(args, parents[1], commit.String())...)
	}
	return repo.Git(append(args, "--root", "--no-commit-id", commit.String())...)
}

// nameStatus is git's list of changes, as "R old new", one a line.
func nameStatus(repo *gittest.Repo, commit storage.OID) string {
	var lines []string
	fields := strings.Split(strings.TrimSuffix(asGit(repo, commit, "--name-status", "-z"), "\x00"), "\x00")
	for len(fields) > 1 {
		n := 2
		if fields[0][0] == 'R' {
			n = 3
		}
		lines = append(lines, fields[0][:1]+" "+strings.Join(fields[1:n], " "))
		fields = fields[n:]
	}
	return strings.Join(lines, "\n")
}

// statusOf puts a diff into the form of nameStatus.
func statusOf(d storage.Diff) string {
	letters := map[storage.Change]string{
		storage.ChangeAdded: "A", storage.ChangeModified: "M", storage.ChangeDeleted: "D", storage.ChangeRenamed: "R", storage.ChangeTypeChanged: "T",
	}
	var lines []string
	for _, f := range d.Files {
		line := letters[f.Change] + " "
		if f.OldPath != "" {
			line += f.OldPath + " "
		}
		lines = append(lines, line+f.Path)
	}
	return strings.Join(lines, "\n")
}

// numstat is git's count of lines, as "added removed path", one a line.
func numstat(repo *gittest.Repo, commit storage.OID) string {
	var lines []string
	fields := strings.Split(strings.TrimSuffix(asGit(repo, commit, "--numstat", "-z"), "\x00"), "\x00")
	for len(fields) > 0 && fields[0] != "" {
		counts := strings.SplitN(fields[0], "\t", 3)
		name, n := counts[2], 1
		if name == "" {
			name, n = fields[2], 3
		}
		lines = append(lines, counts[0]+" "+counts[1]+" "+name)
		fields = fields[n:]
	}
	return strings.Join(lines, "\n")
}

// countsOf puts a diff into the form of numstat.
func countsOf(d storage.Diff) string {
	var lines []string
	for _, f := range d.Files {
		counts := fmt.Sprintf("%d %d ", f.Added, f.Removed)
		if f.IsBinary {
			counts = "- - "
		}
		lines = append(lines, counts+f.Path)
	}
	return strings.Join(lines, "\n")
}

// mustDiffAsGit holds a diff against git's.
func mustDiffAsGit(t *testing.T, repo *gittest.Repo, from Shown, d *OnDemand, commit storage.OID) storage.Diff {
	t.Helper()
	got, err := d.Diff(t.Context(), from, "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	if want := nameStatus(repo, commit); statusOf(got) != want {
		t.Errorf("commit %s:\n%s\ngit says\n%s", commit, statusOf(got), want)
	}
	if want := numstat(repo, commit); countsOf(got) != want {
		t.Errorf("commit %s counts\n%s\ngit counts\n%s", commit, countsOf(got), want)
	}
	// How alike files are is not compared: gits before 2.44 do not count the rest of a file behind its last newline.
	alike := regexp.MustCompile(`(?m)^similarity index \d\d?%$`)
	patch := alike.ReplaceAllString(strings.TrimSuffix(got.Patch, "\n"), "alike")
	if want := alike.ReplaceAllString(asGit(repo, commit, "-p", "--full-index"), "alike"); patch != want {
		t.Errorf("the patch of %s:\n%s\ngit's\n%s", commit, patch, want)
	}
	if got.Commit != commit || got.Total != len(got.Files) || got.PatchTruncated || got.ExactRenames {
		t.Errorf("marks of %s: %+v", commit, got)
	}
	return got
}

func lines(r *rand.Rand, n int) string {
	var s strings.Builder
	for range n {
		fmt.Fprintf(&s, "line %d of %d\n", r.IntN(1_000_000), n)
	}
	return s.String()
}

// edit changes some lines of a content, and sometimes the newline at its end.
func edit(r *rand.Rand, content string) string {
	all := strings.SplitAfter(content, "\n")
	for range 1 + r.IntN(3) {
		at := r.IntN(len(all))
		all = slices.Insert(all, at, lines(r, 1+r.IntN(2)))
		if at = r.IntN(len(all)); r.IntN(2) == 0 {
			all = slices.Delete(all, at, at+1)
		}
	}
	edited := strings.Join(all, "")
	if r.IntN(8) == 0 {
		return strings.TrimSuffix(edited, "\n")
	}
	return edited
}

// mutate makes the files of the next commit.
func mutate(r *rand.Rand, before tree, step int) tree {
	next := tree{}
	for name, f := range before {
		next[name] = f
	}
	names := make([]string, 0, len(before))
	for name := range before {
		names = append(names, name)
	}
	slices.Sort(names)
	fresh := func() string {
		dirs := []string{"", "src/", "src/main/", "docs/", "a b/"}
		return fmt.Sprintf("%sfile%d-%d.txt", dirs[r.IntN(len(dirs))], step, r.IntN(1_000_000))
	}
	for range 1 + r.IntN(6) {
		name := fresh()
		if len(names) > 0 && r.IntN(4) > 0 {
			name = names[r.IntN(len(names))]
		}
		f, isKnown := next[name]
		switch {
		case !isKnown:
			next[name] = treeFile{"100644", lines(r, 5+r.IntN(60))}
		case r.IntN(6) == 0:
			delete(next, name)
		case r.IntN(5) == 0: // moved, perhaps with an edit
			delete(next, name)
			if f.mode[:3] == "100" && r.IntN(2) == 0 {
				f.content = edit(r, f.content)
			}
			to := fresh()
			if r.IntN(2) == 0 {
				to = path.Join("moved", path.Base(name))
			}
			next[to] = f
		case r.IntN(8) == 0:
			next[name] = treeFile{map[string]string{"100644": "100755", "100755": "100644"}[f.mode], f.content}
			if next[name].mode == "" {
				next[name] = treeFile{"100644", lines(r, 4)}
			}
		case r.IntN(10) == 0:
			next[name] = treeFile{"120000", "../" + strconv.Itoa(r.IntN(1000))}
		case r.IntN(10) == 0:
			next[name] = treeFile{"160000", fmt.Sprintf("%040x", r.Uint64())}
		case r.IntN(10) == 0:
			next[name] = treeFile{"100644", "binary\x00" + lines(r, 3)}
		case f.mode[:3] == "100":
			next[name] = treeFile{f.mode, edit(r, f.content)}
		}
	}
	return next
}

func TestDiffsOfRandomHistoriesAreGits(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 11))
		repo := gittest.Init(t)
		files := mutate(r, mutate(r, tree{}, 0), 1)
		commits := []storage.OID{commitTree(repo, "AB-1", files)}
		for step := 2; step < 16; step++ {
			files = mutate(r, files, step)
			commits = append(commits, commitTree(repo, "AB-1", files, "refs/heads/main^0"))
		}
		local, d := openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{})
		for _, c := range commits {
			mustDiffAsGit(t, repo, local, d, c)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestDiffsOfOddFilesAreGits(t *testing.T) {
	repo := gittest.Init(t)
	local, d := openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{})
	text := strings.Repeat("a line of text\n", 20)
	mustDiffAsGit(t, repo, local, d, commitTree(repo, "root", tree{
		"plain": {"100644", text}, "run": {"100755", "#!/bin/sh\n"}, "empty": {"100644", ""}, "link": {"120000", "plain"},
		"sub": {"160000", strings.Repeat("1", 40)}, "no newline": {"100644", "one\ntwo"}, "dir": {"100644", "a file\n"},
		"crlf":     {"100644", strings.ReplaceAll(lines(rand.New(rand.NewPCG(1, 1)), 30), "\n", "\r\n")},
		"late nul": {"100644", strings.Repeat("x", 8000) + "\x00\n"},
	}))
	mustDiffAsGit(t, repo, local, d, commitTree(repo, "all at once", tree{
		"plain": {"120000", "elsewhere"}, "run": {"100644", "#!/bin/sh\n"}, "link": {"100644", "plain"},
		"sub": {"160000", strings.Repeat("2", 40)}, "no newline": {"100644", "one\ntwo\n"}, "dir/now": {"100644", "a directory\n"},
		"tab\tand \"quote\"\\": {"100644", "odd\n"}, "ünï côdé": {"100644", text}, "c\x01\x7f\v": {"100644", text + "a\n"},
		"crlf":     {"100644", lines(rand.New(rand.NewPCG(1, 1)), 30)},
		"late nul": {"100644", strings.Repeat("x", 8000) + "\x00\nmore\n"},
	}, "refs/heads/main^0"))
	mustDiffAsGit(t, repo, local, d, commitTree(repo, "types", tree{
		"plain": {"160000", strings.Repeat("3", 40)}, "link": {"160000", strings.Repeat("3", 40)}, "sub": {"100644", text},
	}, "refs/heads/main^0"))
	mustDiffAsGit(t, repo, local, d, commitTree(repo, "nothing changed", tree{
		"plain": {"160000", strings.Repeat("3", 40)}, "link": {"160000", strings.Repeat("3", 40)}, "sub": {"100644", text},
	}, "refs/heads/main^0"))
	mustDiffAsGit(t, repo, local, d, commitTree(repo, "all gone", tree{}, "refs/heads/main^0"))
}

func TestAMergeIsComparedWithItsFirstParent(t *testing.T) {
	repo := gittest.Init(t)
	commitTree(repo, "base", tree{"a": {"100644", "1\n"}})
	repo.Git("branch", "side", "main")
	first := commitTree(repo, "ours", tree{"a": {"100644", "1\n"}, "ours": {"100644", "2\n"}}, "refs/heads/main^0")
	merge := commitTree(repo, "merge", tree{"a": {"100644", "3\n"}, "ours": {"100644", "2\n"}}, "refs/heads/main^0", "refs/heads/side^0")
	got := mustDiffAsGit(t, repo, openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{}), merge)
	if got.Parent != first || statusOf(got) != "M a" {
		t.Errorf("against %s:\n%s", got.Parent, statusOf(got))
	}
}

func TestAPathThatIsNotTextIsGivenQuoted(t *testing.T) {
	repo := gittest.Init(t)
	commit := commitTree(repo, "odd", tree{"caf\xe9": {"100644", "1\n"}, `"q`: {"100644", "2\n"}, "tea\t": {"100644", "3\n"}, "ü": {"100644", "4\n"}})
	got, err := NewOnDemand(t.TempDir(), OnDemandOptions{}).Diff(t.Context(), openLocal(t, repo.Path), "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range got.Files {
		paths = append(paths, f.Path)
	}
	if want := []string{`"\"q"`, `"caf\351"`, "tea\t", "ü"}; !slices.Equal(paths, want) {
		t.Errorf("paths %q, want %q", paths, want)
	}
	if want := asGit(repo, commit, "-p", "--full-index"); strings.TrimSuffix(got.Patch, "\n") != want {
		t.Errorf("the patch:\n%s\ngit's\n%s", got.Patch, want)
	}
}

func TestLimitsLeaveMarks(t *testing.T) {
	repo := gittest.Init(t)
	small := "1\n2\n"
	commit := commitTree(repo, "many", tree{
		"a": {"100644", small}, "b": {"100644", strings.Repeat("long\n", 1000)}, "c": {"100644", small}, "d": {"100644", small},
	})
	local, d := openLocal(t, repo.Path), NewOnDemand(t.TempDir(), OnDemandOptions{})
	ask := func(change func(*storage.DiffOptions)) storage.Diff {
		o := generous
		change(&o)
		got, err := d.Diff(t.Context(), local, "", commit, o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := ask(func(o *storage.DiffOptions) { o.MaxFiles = 2 })
	if got.Total != 4 || statusOf(got) != "A a\nA b" || !got.PatchTruncated || strings.Count(got.Patch, "diff --git") != 2 {
		t.Errorf("two files of four: %+v", got)
	}
	got = ask(func(o *storage.DiffOptions) { o.MaxFile = 100 })
	if !got.Files[1].Uncounted || got.Files[1].Added != 0 || got.Files[0].Added != 2 || !got.PatchTruncated || strings.Contains(got.Patch, "long") {
		t.Errorf("a file too large to count: %+v", got)
	}
	got = ask(func(o *storage.DiffOptions) { o.MaxPatch = 400 })
	if got.Total != 4 || len(got.Files) != 4 || !got.PatchTruncated || strings.Count(got.Patch, "diff --git") != 1 || !strings.HasSuffix(got.Patch, "+2\n") {
		t.Errorf("a short patch: %+v", got)
	}
	if got = ask(func(o *storage.DiffOptions) { o.MaxPatch = 0 }); got.Patch != "" || got.PatchTruncated || got.Files[1].Added != 1000 {
		t.Errorf("no patch: %+v", got)
	}
}

func TestACommitThatMovesTooManyFilesHasExactRenamesOnly(t *testing.T) {
	repo := gittest.Init(t)
	before, now := tree{}, tree{}
	for i := range maxRenameFiles/2 + 10 {
		before[fmt.Sprintf("old/%d", i)] = treeFile{"100644", fmt.Sprintf("%d\nsame\nfor\nall\n", i)}
		now[fmt.Sprintf("new/%d", i)] = treeFile{"100644", fmt.Sprintf("%d\nsame\nfor\nall\nmore\n", i)}
	}
	now["exact"] = before["old/0"]
	commitTree(repo, "before", before)
	commit := commitTree(repo, "move", now, "refs/heads/main^0")
	got, err := NewOnDemand(t.TempDir(), OnDemandOptions{}).Diff(t.Context(), openLocal(t, repo.Path), "", commit, storage.DiffOptions{MaxFiles: 5, MaxFile: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if !got.ExactRenames || got.Files[0].Change != storage.ChangeRenamed || got.Files[1].Change != storage.ChangeAdded || got.Total != 2*len(before) {
		t.Errorf("marks %t, %d files, first of them %+v", got.ExactRenames, got.Total, got.Files)
	}
}

func TestATreeThatUnfoldsWithoutEndIsRefused(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	below, kind := repo.Git("rev-parse", "main:file"), "100644 blob"
	for range 12 {
		var s strings.Builder
		for i := range 10 {
			fmt.Fprintf(&s, "%s %s\t%d\n", kind, below, i)
		}
		below, kind = repo.Feed(s.String(), "mktree"), "040000 tree"
	}
	repo.Git("update-ref", "refs/heads/main", repo.Feed("AB-2", "commit-tree", below))
	d, local := NewOnDemand(t.TempDir(), OnDemandOptions{}), openLocal(t, repo.Path)
	_, err := d.Diff(t.Context(), local, "", repo.OID("main"), generous)
	wantError(t, err, storage.ErrDiffTooLarge)
}

func TestAFileThatBecomesALinkToItsContentIsInThePatch(t *testing.T) {
	repo := gittest.Init(t)
	commitTree(repo, "AB-1", tree{"a": {"100644", "target"}})
	commit := commitTree(repo, "AB-2", tree{"a": {"120000", "target"}}, "refs/heads/main^0")
	remote := openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})
	update(t, remote, nil)
	mustDiffAsGit(t, repo, remote, NewOnDemand(filepath.Dir(remote.mirror.dir), OnDemandOptions{}), commit)
}

func TestManyFilesOfOneContentAreRenamedEachOnce(t *testing.T) {
	const n = 3 * maxAlike
	repo := gittest.Init(t)
	before, now := tree{}, tree{}
	for i := range n {
		before[fmt.Sprintf("old/%03d", i)] = treeFile{"100644", "the same\n"}
		now[fmt.Sprintf("new/%03d", i)] = treeFile{"100644", "the same\n"}
	}
	commitTree(repo, "AB-1", before)
	commit := commitTree(repo, "AB-2", now, "refs/heads/main^0")
	got, err := NewOnDemand(t.TempDir(), OnDemandOptions{}).Diff(t.Context(), openLocal(t, repo.Path), "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range got.Files {
		if want := fmt.Sprintf("old/%03d", i); f.Change != storage.ChangeRenamed || f.OldPath != want {
			t.Errorf("%s came from %q", f.Path, f.OldPath)
		}
	}
	if len(got.Files) != n {
		t.Errorf("%d files", len(got.Files))
	}
}
