package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keytrail/storage"
)

// remembered answers from memory what a store has once answered, so that a benchmark shows the cost of the handler alone.
type remembered struct {
	storage.Reader
	page       storage.CommitPage
	repository storage.Repository
}

func (r *remembered) Commits(context.Context, storage.CommitQuery) (storage.CommitPage, error) {
	return r.page, nil
}

func (r *remembered) Repository(context.Context, storage.RepositoryID) (storage.Repository, error) {
	return r.repository, nil
}

// dropped is a ResponseWriter without a client.
type dropped struct{ header http.Header }

func (d *dropped) Header() http.Header         { return d.header }
func (d *dropped) WriteHeader(int)             {}
func (d *dropped) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCommits asks for an issue's commits: one that no tag has yet, and as many as a page holds, in a repository with
// two hundred releases.
func BenchmarkCommits(b *testing.B) {
	f := newFixture(b)
	page, err := f.store.Commits(b.Context(), storage.CommitQuery{Key: "KAFKA-7", Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	repository, err := f.store.Repository(b.Context(), kafka)
	if err != nil {
		b.Fatal(err)
	}
	released := page.Hits[0]
	released.Message += strings.Repeat("A line of prose, as long as those that people write.\n", 8)
	for minor := range 200 {
		released.Tags = append(released.Tags, fmt.Sprintf("3.%d.1-rc0", minor))
	}
	full := storage.CommitPage{}
	for range defaultLimit {
		full.Hits = append(full.Hits, released)
	}
	for name, answer := range map[string]storage.CommitPage{"one new": {Hits: page.Hits}, "fifty released": full} {
		b.Run(name, func(b *testing.B) {
			server := newFixture(b, func(o *Options) {
				o.Store = &remembered{Reader: o.Store, page: answer, repository: repository}
				o.Log = o.Log.Level(1)
			}).server.Handler()
			request := httptest.NewRequest(http.MethodGet, "/api/v1/issues/KAFKA-7/commits", nil)
			request.Body = http.NoBody
			b.ReportAllocs()
			for b.Loop() {
				server.ServeHTTP(&dropped{header: http.Header{}}, request)
			}
		})
	}
}
