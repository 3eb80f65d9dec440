package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

func TestRepositoriesAreSortedAndFilteredInPages(t *testing.T) {
	f := newFixture(t)
	tests := []struct{ query, want string }{
		{"", "1 2 3 4 5"},
		{"sort=id", "1 2 3 4 5"},
		{"sort=name", "5 4 1 2 3"},
		{"sort=staleness", "3 4 5 2 1"},
		{"state=new", "3"},
		{"state=indexed&sort=staleness", "2 1"},
		{"state=failing", "4"},
		{"state=retired", "5"},
	}
	for _, test := range tests {
		for limit := 1; limit <= 5; limit++ {
			var got []string
			cursor := ""
			for range 10 {
				var page struct {
					Repositories []Repository
					Next         string
				}
				f.get(fmt.Sprintf("/api/v1/repositories?limit=%d&%s%s", limit, test.query, cursor)).json(&page)
				for _, r := range page.Repositories {
					got = append(got, fmt.Sprint(r.ID))
				}
				if page.Next == "" {
					break
				}
				cursor = "&cursor=" + page.Next
			}
			if diff := cmp.Diff(strings.Fields(test.want), got); diff != "" {
				t.Errorf("%q, limit %d: %s", test.query, limit, diff)
			}
		}
	}
}

func TestRepositoryTellsWhereItStands(t *testing.T) {
	f := newFixture(t)
	tests := map[storage.RepositoryID]string{
		kafka: `{"id":1,"name":"kafka","url":"https://git.example.com/kafka.git","web_url":"https://git.example.com/kafka",` +
			`"integration":"acme","state":"indexed","default_branch":"refs/heads/trunk","tips":4,"commits":5,"postings":6,` +
			`"last_success":"2024-10-25T11:59:00Z","staleness_seconds":60,"indexed_at":"2024-10-25T11:59:00Z"}`,
		twin: `{"id":3,"name":"tools","url":"https://mirror.example.com/tools.git","state":"new","tips":0,"commits":0,"postings":0}`,
		broken: `{"id":4,"name":"broken","url":"https://git.example.com/broken.git","integration":"acme","state":"failing",` +
			`"tips":0,"commits":0,"postings":0,"error":{"class":"auth",` +
			`"text":"the server refuses the credentials: renew the token","since":"2024-10-25T11:58:00Z","count":1}}`,
		retired: `{"id":5,"name":"attic","url":"https://git.example.com/attic.git","integration":"acme","state":"retired",` +
			`"tips":0,"commits":0,"postings":0}`,
	}
	for id, want := range tests {
		got := f.get(fmt.Sprintf("/api/v1/repositories/%d", id))
		if diff := cmp.Diff(want+"\n", string(got.body)); diff != "" {
			t.Errorf("repository %d: %s", id, diff)
		}
	}
}

func TestReindexAsksTheIndexer(t *testing.T) {
	f := newFixture(t)
	tests := []struct{ body, want string }{
		{`{"full": true}`, "reindex 1 full=true"},
		{`{"full": false}`, "reindex 1 full=false"},
		{`{}`, "reindex 1 full=false"},
		{"", "reindex 1 full=false"},
	}
	for _, test := range tests {
		f.indexer.asked = nil
		answer := f.post("/api/v1/repositories/1/reindex", test.body)
		if diff := cmp.Diff([]string{test.want}, f.indexer.asked); diff != "" || answer.status != http.StatusAccepted {
			t.Errorf("%s: status %d: %s", test.body, answer.status, diff)
		}
	}
}

func TestReindexSaysWhyItCannot(t *testing.T) {
	f := newFixture(t)
	f.post("/api/v1/repositories/5/reindex", "").problem(repositoryRetired, "repository 5 is gone")
	f.post("/api/v1/repositories/9/reindex", "").problem(repositoryNotFound, "no repository 9")
	if len(f.indexer.asked) > 0 {
		t.Errorf("the indexer was asked: %v", f.indexer.asked)
	}
	f.indexer.err = fmt.Errorf("schedule: %w", storage.ErrNotFound)
	f.post("/api/v1/repositories/1/reindex", "").problem(repositoryNotFound, "not in the configuration")
	f.indexer.err = errors.New("the queue at /secret/place broke")
	f.post("/api/v1/repositories/1/reindex", "").problem(internal, "the log of the daemon says why")
}
