package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// gitRef is a branch or tag and what git says that it contains.
type gitRef struct {
	name    string // short
	full    string
	seconds int64 // committer date of its commit
	isTag   bool
	reached map[storage.OID]bool
}

// reachedRefs asks git which commits each branch and each tag reaches, in the order of their full names.
func reachedRefs(t *testing.T, repo *gittest.Repo) []gitRef {
	t.Helper()
	var refs []gitRef
	format := "--format=%(refname) %(refname:lstrip=2) %(committerdate:unix) %(*committerdate:unix)"
	for line := range strings.Lines(repo.Git("for-each-ref", format, "refs/heads", "refs/tags")) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue // a tag of what is no commit
		}
		seconds, err := strconv.ParseInt(f[len(f)-1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r := gitRef{full: f[0], name: f[1], seconds: seconds, isTag: strings.HasPrefix(f[0], "refs/tags/"), reached: map[storage.OID]bool{}}
		for sha := range strings.Lines(repo.Git("rev-list", r.full)) {
			r.reached[parseSHA(t, strings.TrimSpace(sha))] = true
		}
		refs = append(refs, r)
	}
	return refs
}

func parseSHA(t *testing.T, sha string) storage.OID {
	t.Helper()
	oid, err := storage.ParseOID(sha)
	if err != nil {
		t.Fatal(err)
	}
	return oid
}

// askForContainment holds what the index tells of branches and tags against git: what git rev-list reaches for thousands of commits, and for
// some of them git branch and git tag --contains; ahead and behind; and releases.
func askForContainment(t *testing.T, data string, repo *gittest.Repo, keys map[string][]string) {
	t.Helper()
	s, err := dataDir(data).openExisting(zerolog.Nop(), Process{Stdout: os.Stdout, Stderr: os.Stderr, Exit: os.Exit})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	random := rand.New(rand.NewPCG(12, 13))
	refs := reachedRefs(t, repo)
	trunk := repo.Git("symbolic-ref", "HEAD")
	commits := strings.Fields(repo.Git("rev-list", "--exclude=refs/notes/*", "--all"))
	random.Shuffle(len(commits), func(i, j int) { commits[i], commits[j] = commits[j], commits[i] })
	for i, sha := range commits[:5000] {
		h, err := s.Commit(t.Context(), 1, parseSHA(t, sha))
		if err != nil {
			t.Fatal(err)
		}
		wantContained(t, h, refs, trunk)
		if i < 100 {
			wantNames(t, "git branch --contains "+sha, repo.Git("branch", "--contains", sha, "--format=%(refname:lstrip=2)"), h.Branches)
			wantNames(t, "git tag --contains "+sha, repo.Git("tag", "--contains", sha), h.Tags)
		}
	}
	asked := slices.Sorted(maps.Keys(keys))
	random.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	wantDistances(t, s, repo, asked[:1000], trunk)
	wantReleases(t, s, repo, asked[:300], refs)
}

func wantNames(t *testing.T, what, lines string, have []string) {
	t.Helper()
	if want := strings.Fields(lines); !slices.Equal(slices.Sorted(slices.Values(want)), have) {
		t.Errorf("%s: %q, the index says %q", what, want, have)
	}
}

func wantContained(t *testing.T, h storage.Hit, refs []gitRef, trunk string) {
	t.Helper()
	var want storage.Hit
	var first *gitRef
	for i := range refs {
		r := &refs[i]
		switch {
		case !r.reached[h.OID]:
		case r.isTag:
			want.Tags = append(want.Tags, r.name)
			if first == nil || cmp.Or(cmp.Compare(r.seconds, first.seconds), cmp.Compare(r.name, first.name)) < 0 {
				first, want.FirstTag = r, r.name
			}
		default:
			want.Branches = append(want.Branches, r.name)
			want.InDefault = want.InDefault || r.full == trunk
		}
	}
	if !slices.Equal(h.Branches, want.Branches) || !slices.Equal(h.Tags, want.Tags) || h.FirstTag != want.FirstTag || h.InDefault != want.InDefault {
		t.Errorf("%s: branches %q, tags %q, first %q, in the default branch: %t; git says %q, %q, %q, %t",
			h.OID, h.Branches, h.Tags, h.FirstTag, h.InDefault, want.Branches, want.Tags, want.FirstTag, want.InDefault)
	}
}

// wantDistances holds ahead and behind of the branches of issues against git rev-list --left-right --count.
func wantDistances(t *testing.T, s storage.Reader, repo *gittest.Repo, keys []string, trunk string) {
	t.Helper()
	said := map[string]string{}
	for _, key := range keys {
		issue, err := s.Issue(t.Context(), storage.IssueQuery{Key: storage.IssueKey(key), Compare: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range issue.Branches {
			if said[b.Name] == "" {
				said[b.Name] = repo.Git("rev-list", "--left-right", "--count", "refs/heads/"+b.Name+"..."+trunk)
			}
			if have := fmt.Sprintf("%d\t%d", b.Ahead, b.Behind); !b.Compared || have != said[b.Name] {
				t.Errorf("%s of %s: compared: %t, %s ahead and behind, git says %s", b.Name, key, b.Compared, have, said[b.Name])
			}
		}
	}
	if len(said) < 10 {
		t.Errorf("%d issues have %d branches: the test shows nothing", len(keys), len(said))
	}
}

// wantReleases holds the releases of issues against what git reaches, and each issue's first one against git merge-base --is-ancestor.
func wantReleases(t *testing.T, s storage.Reader, repo *gittest.Repo, keys []string, refs []gitRef) {
	t.Helper()
	for _, key := range keys {
		page, err := s.Commits(t.Context(), storage.CommitQuery{Key: storage.IssueKey(key), Plain: true})
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Releases(t.Context(), storage.ReleaseQuery{Key: storage.IssueKey(key)})
		if err != nil || len(all) != 1 || all[0].Commits != len(page.Hits) {
			t.Fatalf("%s: %d commits, releases %+v, %v", key, len(page.Hits), all, err)
		}
		told := map[string]storage.Release{}
		for _, b := range all[0].Branches {
			told["refs/heads/"+b.Name] = b
		}
		for _, tag := range all[0].Tags {
			told["refs/tags/"+tag.Name] = tag
		}
		want := 0
		for i := range refs {
			contains, lacks := contained(&refs[i], page.Hits)
			if refs[i].isTag && contains == 0 {
				continue
			}
			want++
			r, ok := told[refs[i].full]
			if !ok || r.Contains != contains || r.Seconds != refs[i].seconds || fmt.Sprint(r.Lacks) != fmt.Sprint(lacks) {
				t.Errorf("%s: %s is told as %+v, git says that it contains %d and lacks %s", key, refs[i].full, r, contains, lacks)
			}
		}
		if len(told) != want {
			t.Errorf("%s: %d releases, git says %d", key, len(told), want)
		}
		for _, r := range all[0].Tags[:min(1, len(all[0].Tags))] {
			if r.Contains == all[0].Commits {
				repo.Git("merge-base", "--is-ancestor", page.Hits[0].OID.String(), "refs/tags/"+r.Name) // fails the test if it is not
			}
		}
	}
}

// contained counts the commits that a ref contains, and gives the others, the oldest first, then by object id.
func contained(r *gitRef, hits []storage.Hit) (n int, lacks []storage.OID) {
	hits = slices.SortedFunc(slices.Values(hits), func(a, b storage.Hit) int {
		return cmp.Or(cmp.Compare(a.Committer.Seconds, b.Committer.Seconds), a.OID.Compare(b.OID))
	})
	for _, h := range hits {
		if r.reached[h.OID] {
			n++
		} else {
			lacks = append(lacks, h.OID)
		}
	}
	return n, lacks
}
