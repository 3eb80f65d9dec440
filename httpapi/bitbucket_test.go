package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keytrail/storage"
)

// bitbucketRefusal checks that an answer is a failure of the dialect with a status, whose message has a part.
func (a reply) bitbucketRefusal(status int, part string) {
	a.t.Helper()
	var failed bitbucketFailure
	if err := json.Unmarshal(a.body, &failed); err != nil || a.status != status || len(failed.Errors) != 1 || !strings.Contains(failed.Errors[0].Message, part) {
		a.t.Errorf("status %d, %s; want %d and %q", a.status, a.body, status, part)
	}
}

func TestABitbucketChangesetHasTheFieldsThatClientsRead(t *testing.T) {
	f := newFixture(t)
	want := fmt.Sprintf(`{"size":1,"limit":1,"isLastPage":false,"start":2,"nextPageStart":3,"values":[{"fromCommit":{"id":"%[1]s","displayId":"01000000000"},`+
		`"toCommit":{"id":"%[2]s","displayId":"02000000000","author":{"name":"Ada Example","emailAddress":"ada@example.com"},"authorTimestamp":1729486800000,`+
		`"committer":{"name":"Bo Example","emailAddress":"bo@example.com"},"committerTimestamp":1729486800000,"message":"KAFKA-7, ZK-1: <go> on & on\n",`+
		`"parents":[{"id":"%[1]s","displayId":"01000000000"}]},"changes":{"size":1,"limit":1,"isLastPage":false,"start":0,"nextPageStart":1,"values":[`+
		`{"path":{"components":["file0"],"parent":"","name":"file0","toString":"file0"},`+
		`"srcPath":{"components":["before"],"parent":"","name":"before","toString":"before"},"type":"MOVE","nodeType":"FILE"}]},"links":{"self":[]},`+
		`"repository":{"slug":"kafka","id":1,"name":"kafka","links":{"self":[{"href":"https://git.example.com/kafka"}]}}}]}`+"\n", oid(1), oid(2))
	for _, target := range []string{
		"/rest/jira/latest/issues/KAFKA-7/commits?maxChanges=1&start=2&limit=1", "/jira/rest/jira/1.0/issues/kafka-7/commits?start=2&limit=1&maxchanges=1&avatarSize=32",
	} {
		if have := string(f.get(target).body); have != want {
			t.Errorf("%s: have\n%s\nwant\n%s", target, have, want)
		}
	}
}

func TestBitbucketPagesGiveEveryCommitOnce(t *testing.T) {
	f := newFixture(t)
	manyCommits(t, f, 120)
	type page struct {
		Size, Limit, Start int
		IsLastPage         bool
		NextPageStart      *int
		Values             []struct {
			ToCommit struct{ ID storage.OID }
			Changes  *struct{}
		}
	}
	for _, limit := range []int{7, 100, 5000} {
		var have []storage.OID
		for start := 0; ; {
			var p page
			f.get(fmt.Sprintf("/rest/jira/latest/issues/LONG-1/commits?start=%d&limit=%d", start, limit)).json(&p)
			if p.Size != len(p.Values) || p.Start != start || p.Limit != min(limit, maxBitbucketLimit) || p.IsLastPage != (p.NextPageStart == nil) {
				t.Fatalf("page %+v", p)
			}
			for _, v := range p.Values {
				have = append(have, v.ToCommit.ID)
			}
			if p.IsLastPage {
				break
			}
			start = *p.NextPageStart
		}
		if len(have) != 120 {
			t.Errorf("limit %d: %d commits", limit, len(have))
		}
		if !slices.IsSortedFunc(have, func(a, b storage.OID) int { return b.Compare(a) }) || len(slices.Compact(have)) != len(have) {
			t.Errorf("limit %d: not newest first, or twice", limit)
		}
	}
	var p page
	f.get("/rest/jira/latest/issues/LONG-1/commits?start=2000").json(&p)
	if p.Size != 0 || !p.IsLastPage || p.Values == nil {
		t.Errorf("behind the end: %+v", p)
	}
	f.get("/rest/jira/latest/issues/LONG-1/commits?limit=500&maxChanges=5").json(&p)
	if p.Size != maxPageFiles || p.Limit != maxPageFiles || *p.NextPageStart != maxPageFiles {
		t.Errorf("with changes: %d of %d", p.Size, p.Limit)
	}
}

func TestABitbucketCommitWhoseChangesCannotBeHadIsThereWithoutThem(t *testing.T) {
	f := newFixture(t)
	f.differ.err = &storage.SourceError{Class: storage.ClassTransient, Err: fmt.Errorf("reset")}
	answer := f.get("/rest/jira/latest/issues/KAFKA-7/commits?maxChanges=5")
	if answer.status != http.StatusOK || strings.Contains(string(answer.body), `"changes"`) || !strings.Contains(string(answer.body), `"size":6`) {
		t.Errorf("status %d, %s", answer.status, answer.body)
	}
}

func TestBitbucketPathsAreTakenApart(t *testing.T) {
	have := bitbucketFileOf("src/main/Retry.test.go")
	if have.Parent != "src/main" || have.Name != "Retry.test.go" || have.Extension != "go" || len(have.Components) != 3 {
		t.Errorf("%+v", have)
	}
	f := newFixture(t)
	c := Commit{Repository: RepositoryRef{ID: 1, Name: "ACME/shop"}, Files: []File{
		{Path: "a", Change: storage.ChangeAdded}, {Path: "b", Change: storage.ChangeDeleted}, {Path: "c", Change: storage.ChangeTypeChanged},
	}}
	made := f.server.bitbucketChangesetOf(t.Context(), c, 5)
	if r := made.Repository; r.Slug != "shop" || r.Project == nil || r.Project.Key != "ACME" || made.FromCommit != nil {
		t.Errorf("%+v", made)
	}
	for i, want := range []string{"ADD", "DELETE", "MODIFY"} {
		if made.Changes.Values[i].Type != want || !made.Changes.IsLastPage {
			t.Errorf("change %d: %+v", i, made.Changes.Values[i])
		}
	}
}

func TestBitbucketFailuresAreInItsEnvelope(t *testing.T) {
	f := newFixture(t)
	want := `{"errors":[{"context":null,"message":"limit \"0\": want a number from 1 to 2147483647","exceptionName":null}]}` + "\n"
	if answer := f.get("/rest/jira/latest/issues/KAFKA-7/commits?limit=0"); answer.status != http.StatusBadRequest || string(answer.body) != want {
		t.Errorf("status %d, %s", answer.status, answer.body)
	}
	f.get("/rest/jira/latest/issues/nonsense/commits").bitbucketRefusal(http.StatusBadRequest, "no issue key")
	f.get("/rest/jira/latest/issues/KAFKA-7/commits?start=-1").bitbucketRefusal(http.StatusBadRequest, "start")
	f.get("/rest/jira/2.0/issues/KAFKA-7/commits").bitbucketRefusal(http.StatusNotFound, `no version "2.0"`)
	f.get("/rest/jira/latest/projects/A/repos/b/pull-requests/1/issues").bitbucketRefusal(http.StatusNotFound, "no route has this path")
}

func TestABitbucketPageFarBehindIsFoundThroughSeveralPages(t *testing.T) {
	f := newFixture(t)
	manyCommits(t, f, 120)
	f.store.pageSize = 50
	page, isLast, err := f.server.commitsFrom(t.Context(), "LONG-1", 117, 5)
	if err != nil || !isLast || len(page.Commits) != 3 || page.Commits[0].SHA != (storage.OID{0: 0x70, 2: 2}) {
		t.Errorf("%+v, last %t, %v", page.Commits, isLast, err)
	}
}
