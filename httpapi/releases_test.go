package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

// releaseLines sums up an answer: a line for each tag and branch.
func releaseLines(in RepositoryReleases) []string {
	var lines []string
	for kind, releases := range map[string][]Release{"tag": in.Tags, "branch": in.Branches} {
		for _, r := range releases {
			line := kind + " " + r.Name
			if r.Complete {
				line += " whole"
			}
			for _, oid := range r.Lacks {
				line += " -" + oid.String()[:2]
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func TestReleasesTellWhatContainsAnIssueAndWhatLacksItsCommits(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		query    string
		want     []string
		firstTag string
	}{
		{"", []string{"branch trunk -05", "tag 1.0 -05 -04"}, "1.0"},
		{"?branches=*", []string{"branch kafka-7-side -04", "branch trunk -05", "tag 1.0 -05 -04"}, "1.0"},
		{"?branches=kafka-*&branches=trunk&tags=2*", []string{"branch kafka-7-side -04", "branch trunk -05"}, ""},
		{"?tags=2*&tags=1.[0-9]&branches=none", []string{"tag 1.0 -05 -04"}, "1.0"},
	} {
		var got Releases
		f.get("/api/v1/issues/KAFKA-7/releases" + c.query).json(&got)
		if len(got.Repositories) != 2 || got.Repositories[0].Repository.ID != kafka || got.Repositories[0].Commits != 4 {
			t.Fatalf("%s: %+v", c.query, got)
		}
		if diff := cmp.Diff(c.want, releaseLines(got.Repositories[0])); diff != "" || got.Repositories[0].FirstTag != c.firstTag {
			t.Errorf("%s: first tag %q, (-want +got):\n%s", c.query, got.Repositories[0].FirstTag, diff)
		}
	}
	var got Releases
	f.get("/api/v1/issues/KAFKA-7/releases").json(&got)
	if in := got.Repositories[1]; in.Repository.ID != fork || !slices.Equal(releaseLines(in), []string{"branch main whole"}) {
		t.Errorf("the fork: %+v", in)
	}
	f.get("/api/v1/issues/NONE-1/releases").json(&got)
	if len(got.Repositories) != 0 {
		t.Errorf("an issue without commits: %+v", got)
	}
}

func TestReleasesAreNamedByTheLatestConfiguration(t *testing.T) {
	f := newFixture(t)
	f.server.SetReleases(ReleaseNames{Branches: []string{"kafka-*"}})
	var got Releases
	f.get("/api/v1/issues/KAFKA-7/releases").json(&got)
	if want := []string{"branch kafka-7-side -04"}; !slices.Equal(releaseLines(got.Repositories[0]), want) {
		t.Errorf("%v, want %v", releaseLines(got.Repositories[0]), want)
	}
}

func TestPatternsOfReleasesAreBounded(t *testing.T) {
	f := newFixture(t)
	f.get("/api/v1/issues/KAFKA-7/releases?tags=%5B").problem(badParameter, "want a pattern")
	f.get("/api/v1/issues/KAFKA-7/releases?tags="+strings.Repeat("x", maxPattern+1)).problem(badParameter, "want a pattern")
	f.get("/api/v1/issues/KAFKA-7/releases?tags=a&tags=").problem(badParameter, "is empty")
	f.get("/api/v1/issues/KAFKA-7/releases?"+strings.Repeat("branches=x&", maxPatterns)+"branches=x").problem(badParameter, "too many")
}

func TestALoneStarIsEveryNameAndAnotherStopsAtASlash(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		want     string
	}{
		{[]string{"*"}, "1.0 rel/1.0 rel/x/y"},
		{[]string{"rel/*"}, "rel/1.0"},
		{[]string{"1.?", "*/*/y"}, "1.0 rel/x/y"},
		{nil, ""},
	} {
		isLike, err := namesLike("tags", nil, c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc([]string{"1.0", "rel/1.0", "rel/x/y"}, func(name string) bool { return !isLike(name) })
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, want %s", c.patterns, got, c.want)
		}
	}
}

func TestBranchesTellHowFarTheyAreWhenAsked(t *testing.T) {
	f := newFixture(t)
	var issue Issue
	f.get("/api/v1/issues/KAFKA-7?compare=true").json(&issue)
	if len(issue.Branches) != 1 || issue.Branches[0].Ahead == nil || *issue.Branches[0].Ahead != 1 || *issue.Branches[0].Behind != 2 {
		t.Errorf("%+v", issue.Branches)
	}
	if body := string(f.get("/api/v1/issues/KAFKA-7/branches?compare=true").body); !strings.Contains(body, `"ahead":1,"behind":2`) {
		t.Error(body)
	}
	if body := string(f.get("/api/v1/issues/KAFKA-7/branches?compare=false").body); strings.Contains(body, "ahead") {
		t.Error(body)
	}
	f.get("/api/v1/issues/KAFKA-7?compare=yes").problem(badParameter, "want one of true, false")
}

func TestCommitsTellWhereTheyAreUnlessThatIsNotAsked(t *testing.T) {
	f := newFixture(t)
	var page Commits
	f.get("/api/v1/issues/KAFKA-7/commits?repository=kafka").json(&page)
	where := map[storage.OID]string{}
	for _, c := range page.Commits {
		where[c.SHA] = c.FirstTag
		if isMain := slices.Contains(c.Branches, "trunk"); c.InDefault == nil || *c.InDefault != isMain {
			t.Errorf("%s is on %v, in the default branch %v", c.SHA, c.Branches, c.InDefault)
		}
	}
	if want := map[storage.OID]string{oid(1): "1.0", oid(2): "1.0", oid(4): "", oid(5): ""}; !cmp.Equal(where, want) {
		t.Errorf("first tags %v, want %v", where, want)
	}
	plain := string(f.get("/api/v1/issues/KAFKA-7/commits?repository=kafka&containment=false").body)
	batch := f.post("/api/v1/issues/commits", `{"keys":["KAFKA-7"],"containment":false}`)
	for _, body := range []string{plain, string(batch.body)} {
		for _, field := range []string{`"branches"`, `"tags"`, `"first_tag"`, `"in_default"`} {
			if !strings.Contains(body, oid(1).String()) || strings.Contains(body, field) {
				t.Errorf("%s is in %s", field, body)
			}
		}
	}
	if batch.status != http.StatusOK {
		t.Errorf("batch: %d", batch.status)
	}
}
