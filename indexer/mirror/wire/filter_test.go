package wire

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestARefusedFilterIsSaidSoHoweverTheServerRefusesIt(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	for name, v := range versions {
		c := dial(t, gittest.Serve(t, repo, v.serve), Options{})
		try := func(filter string) error {
			_, err := c.Fetch(t.Context(), FetchRequest{Wants: []storage.OID{oid}, Filter: filter}, io.Discard)
			return err
		}
		list(t, c)
		if err := try("tree:0"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		repo.Git("config", "uploadpackfilter.tree.allow", "false")
		wantError(t, try("tree:0"), ErrFilterRefused, "filter 'tree' not supported")
		if err := try("blob:none"); err != nil {
			t.Errorf("%s: the weaker filter: %v", name, err)
		}
		// A filter that the server's git does not know makes it end without a word.
		wantError(t, try("moon:full"), ErrFilterRefused)
		repo.Git("config", "--unset", "uploadpackfilter.tree.allow")

		// The client still believes in filters when the server gives them up.
		repo.Git("config", "uploadpack.allowFilter", "false")
		wantError(t, try("tree:0"), ErrFilterRefused, "does not offer filters")
		if list(t, dial(t, gittest.Serve(t, repo, v.serve), Options{})).Filter {
			t.Errorf("%s: filters are said to be offered", name)
		}
		if err := try(""); err != nil {
			t.Errorf("%s: without filter: %v", name, err)
		}
		repo.Git("config", "uploadpack.allowFilter", "true")
	}
}

func TestOneEmptyAnswerIsAskedAgainBeforeTheFilterIsBlamed(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	var crashes atomic.Int64
	crashes.Store(1)
	c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: only(http.MethodPost, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if crashes.Add(-1) >= 0 {
				w.Header().Set("Content-Type", resultType)
				return
			}
			next.ServeHTTP(w, r)
		})
	})}), Options{})
	s := store{gittest.Init(t)}
	if n := s.add(t, fetch(t, c, FetchRequest{Wants: []storage.OID{oid}, Filter: "tree:0"})); n != 1 {
		t.Errorf("%d objects came", n)
	}
}
