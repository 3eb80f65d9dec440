package pebblestore

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// gitHistory is a random history that git holds, and the index that follows its pushes.
type gitHistory struct {
	*testing.T
	dir    string
	random *rand.Rand
	store  *Store
	id     storage.RepositoryID
	marks  int // commits made so far
	tags   int // annotated tags made so far
}

func (h *gitHistory) git(stdin string, args ...string) string {
	h.Helper()
	out, err := h.tryGit(stdin, args...)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func (h *gitHistory) tryGit(stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(h.Context(), "git", append([]string{"-C", h.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	cmd.Stdin = strings.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("git %q: %w: %s", args, err, said.Bytes())
	}
	return string(out), err
}

// push makes commits of up to three parents each, whose dates are skewed and tie, moves branches and tags anywhere, and tells the index.
func (h *gitHistory) push() {
	h.Helper()
	var in strings.Builder
	who := func(role string) string {
		return fmt.Sprintf("%s Ann <ann@example.com> %d +0000\n", role, 1_700_000_000+h.random.IntN(20))
	}
	for range 25 {
		h.marks++
		in.WriteString("reset refs/build/tip\n\n")
		fmt.Fprintf(&in, "commit refs/build/tip\nmark :%d\n%s", h.marks, who("committer"))
		message := fmt.Sprint("change ", h.marks)
		if h.random.IntN(3) == 0 {
			message += " for K-1"
		}
		fmt.Fprintf(&in, "data %d\n%s\n", len(message), message)
		parents := map[int]bool{}
		if h.random.IntN(15) > 0 {
			for range 1 + h.random.IntN(3) {
				parents[max(1, h.marks-1-h.random.IntN(8))] = true
			}
		}
		delete(parents, h.marks)
		word := "from"
		for p := range parents {
			fmt.Fprintf(&in, "%s :%d\n", word, p)
			word = "merge"
		}
		in.WriteString("\n")
	}
	in.WriteString("reset refs/build/tip\nfrom " + strings.Repeat("0", 40) + "\n\n")
	for i := range 12 {
		at := 1 + h.random.IntN(h.marks)
		switch kind := h.random.IntN(4); {
		case i < 2:
			fmt.Fprintf(&in, "reset refs/heads/%s\nfrom :%d\n\n", []string{"main", "next"}[i], at)
		case kind == 0:
			fmt.Fprintf(&in, "reset refs/heads/b%d\nfrom :%d\n\n", h.random.IntN(5), at)
		case kind == 1:
			fmt.Fprintf(&in, "reset refs/tags/v%d\nfrom :%d\n\n", h.random.IntN(8), at)
		default:
			h.tags++
			fmt.Fprintf(&in, "tag r%d\nfrom :%d\n%sdata 1\nx\n", h.tags%9, at, who("tagger"))
		}
	}
	marks := filepath.Join(h.dir, "marks")
	h.git(in.String(), "fast-import", "--quiet", "--force", "--import-marks-if-exists="+marks, "--export-marks="+marks)
	if h.random.IntN(2) == 0 {
		h.git("", "update-ref", "-d", "refs/tags/v0")
	}
	h.index()
}

// index brings the index to where git is.
func (h *gitHistory) index() {
	h.Helper()
	a := storage.Advance{Repository: h.id, DefaultBranch: "refs/heads/main", SeenAt: time.Unix(1_700_000_000, 0)}
	gone := map[string]storage.OID{}
	for t, err := range h.store.Tips(h.Context(), h.id) {
		if err != nil {
			h.Fatal(err)
		}
		gone[t.Ref] = t.OID
	}
	for _, f := range h.rows("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags") {
		tip := storage.Tip{Ref: f[0], OID: h.oid(f[1]), Commit: h.oid(f[len(f)-1])}
		if strings.HasPrefix(tip.Ref, branchPrefix) {
			tip.Keys = []storage.IssueKey{"K-1"} // so that an issue tells of each
		}
		a.Tips = append(a.Tips, storage.TipChange{Tip: tip, Old: gone[tip.Ref]})
		delete(gone, tip.Ref)
	}
	for ref, old := range gone {
		a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref}, Old: old})
	}
	var commits []storage.Commit
	for _, f := range h.rows("log", "--branches", "--tags", "--format=%H %ct %s|%P") {
		of := storage.Signature{Name: "Ann", Email: "ann@example.com", Seconds: h.number(f[1])}
		c := storage.Commit{OID: h.oid(f[0]), Author: of, Committer: of}
		subject, parents, _ := strings.Cut(strings.Join(f[2:], " "), "|")
		if c.Message = subject; strings.HasSuffix(subject, "K-1") {
			c.Keys = []storage.IssueKey{"K-1"}
		}
		for p := range strings.FieldsSeq(parents) {
			c.Parents = append(c.Parents, h.oid(p))
		}
		commits = append(commits, c)
	}
	a.Commits = commitsOf(commits...)
	if _, err := h.store.Advance(h.Context(), a); err != nil {
		h.Fatal(err)
	}
}

// rows gives the words of each line that git prints.
func (h *gitHistory) rows(args ...string) (rows [][]string) {
	h.Helper()
	for line := range strings.Lines(h.git("", args...)) {
		rows = append(rows, strings.Fields(line))
	}
	return rows
}

func (h *gitHistory) oid(hex string) storage.OID {
	h.Helper()
	oid, err := storage.ParseOID(hex)
	if err != nil {
		h.Fatal(err)
	}
	return oid
}

func (h *gitHistory) number(s string) int64 {
	h.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		h.Fatal(err)
	}
	return n
}

// TestARandomHistoryIsContainedAndAheadAndReleasedAsGitSays holds after each of some pushes what the index tells of branches and tags against
// git: the pushes move refs anywhere, so that the graph is made anew, extended, and left behind by its refs.
func TestARandomHistoryIsContainedAndAheadAndReleasedAsGitSays(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := &gitHistory{T: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 11)), store: openStore(t, t.TempDir())}
			h.git("", "init", "--quiet", "--bare")
			ids, err := h.store.Register(t.Context(), []storage.RepositorySpec{{HostID: "1"}})
			if err != nil {
				t.Fatal(err)
			}
			h.id = ids[0]
			for range 3 {
				h.push()
				held := h.rows("rev-list", "--branches", "--tags")
				h.random.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
				released := h.tagTimes()
				for _, f := range held[:min(20, len(held))] {
					h.wantContained(f[0], released)
				}
				h.wantCompared()
			}
			h.wantReleases()
		})
	}
}

// tagTimes gives the committer dates of the commits of the tags.
func (h *gitHistory) tagTimes() map[string]int64 {
	h.Helper()
	times := map[string]int64{}
	for _, f := range h.rows("for-each-ref", "--format=%(refname:lstrip=2) %(committerdate:unix) %(*committerdate:unix)", tagPrefix) {
		times[f[0]] = h.number(f[len(f)-1])
	}
	return times
}

// wantContained holds what is told of one commit against git.
func (h *gitHistory) wantContained(sha string, released map[string]int64) {
	h.Helper()
	got, err := h.store.Commit(h.Context(), h.id, h.oid(sha))
	if err != nil {
		h.Fatal(err)
	}
	names := func(command string) (names []string) {
		for _, f := range h.rows(command, "--contains", sha, "--format=%(refname:lstrip=2)") {
			names = append(names, f[0])
		}
		return names
	}
	want := storage.Hit{Branches: names("branch"), Tags: names("tag")}
	want.InDefault = slices.Contains(want.Branches, "main")
	if len(want.Tags) > 0 {
		want.FirstTag = slices.MinFunc(want.Tags, func(a, b string) int {
			return cmp.Or(cmp.Compare(released[a], released[b]), cmp.Compare(a, b))
		})
	}
	if !slices.Equal(got.Branches, want.Branches) || !slices.Equal(got.Tags, want.Tags) || got.FirstTag != want.FirstTag || got.InDefault != want.InDefault {
		h.Errorf("%s: branches %q, tags %q, first %q, in the default branch: %t; git says %q, %q, %q, %t",
			sha, got.Branches, got.Tags, got.FirstTag, got.InDefault, want.Branches, want.Tags, want.FirstTag, want.InDefault)
	}
}

func (h *gitHistory) wantCompared() {
	h.Helper()
	issue, err := h.store.Issue(h.Context(), storage.IssueQuery{Key: "K-1", Compare: true})
	if err != nil {
		h.Fatal(err)
	}
	if all := h.rows("branch"); len(issue.Branches) != len(all) {
		h.Errorf("%d branches, git has %d", len(issue.Branches), len(all))
	}
	for _, b := range issue.Branches {
		want := h.rows("rev-list", "--left-right", "--count", branchPrefix+b.Name+"...refs/heads/main")[0]
		if got := []string{strconv.Itoa(b.Ahead), strconv.Itoa(b.Behind)}; !b.Compared || !slices.Equal(got, want) {
			h.Errorf("%s: compared: %t, %s ahead and behind, git says %s", b.Name, b.Compared, got, want)
		}
	}
}

func (h *gitHistory) wantReleases() {
	h.Helper()
	all, err := h.store.Releases(h.Context(), storage.ReleaseQuery{Key: "K-1"})
	if err != nil {
		h.Fatal(err)
	}
	page, err := h.store.Commits(h.Context(), storage.CommitQuery{Key: "K-1"})
	if err != nil || len(all) != 1 || len(page.Hits) < 5 {
		h.Fatalf("%d repositories with %d commits, %v", len(all), len(page.Hits), err)
	}
	for prefix, releases := range map[string][]storage.Release{branchPrefix: all[0].Branches, tagPrefix: all[0].Tags} {
		told := 0
		for _, f := range h.rows("for-each-ref", "--format=%(refname)", prefix) {
			want := storage.Release{Name: strings.TrimPrefix(f[0], prefix)}
			for _, hit := range slices.Backward(page.Hits) {
				if _, err := h.tryGit("", "merge-base", "--is-ancestor", hit.OID.String(), f[0]); err == nil {
					want.Contains++
				} else {
					want.Lacks = append(want.Lacks, hit.OID)
				}
			}
			if prefix == tagPrefix && want.Contains == 0 {
				continue
			}
			told++
			at := slices.IndexFunc(releases, func(r storage.Release) bool { return r.Name == want.Name })
			if at < 0 {
				h.Errorf("%s is not told of, git says that it contains %d", f[0], want.Contains)
				continue
			}
			got := releases[at]
			byOID := func(a, b storage.OID) int { return a.Compare(b) }
			if got.Contains != want.Contains || !slices.Equal(slices.SortedFunc(slices.Values(got.Lacks), byOID), slices.SortedFunc(slices.Values(want.Lacks), byOID)) {
				h.Errorf("%s contains %d and lacks %s, git says %d and %s", f[0], got.Contains, got.Lacks, want.Contains, want.Lacks)
			}
		}
		if told != len(releases) {
			h.Errorf("%d releases of %s are told, git has %d", len(releases), prefix, told)
		}
	}
}
