package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestServerServesItsRepositoryAndNothingElse(t *testing.T) {
	o, _ := set(t, "cat")
	s, err := serve(o.Repo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	clone := filepath.Join(t.TempDir(), "clone")
	if _, err := measure(t.Context(), []string{"git", "clone", "--quiet", "--mirror", s.url, clone}); err != nil {
		t.Fatal(err)
	}
	there, err := output(t.Context(), "git", "--git-dir", o.Repo, "for-each-ref")
	if err != nil {
		t.Fatal(err)
	}
	if here, err := output(t.Context(), "git", "--git-dir", clone, "for-each-ref"); err != nil || here != there {
		t.Errorf("the clone's refs differ, error %v:\n%s\nwant\n%s", err, here, there)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(strings.TrimSuffix(s.url, "made.git") + "other.git/info/refs?service=git-upload-pack")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("another repository answers %s, want 404", r.Status)
	}
}

func TestChunkedRequestsReachTheBackendWithALength(t *testing.T) {
	var length int64
	var body string
	h := withLength(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		length, body = r.ContentLength, string(b)
		if len(r.TransferEncoding) > 0 {
			t.Errorf("transfer encoding %v is left", r.TransferEncoding)
		}
	}))
	r := httptest.NewRequest(http.MethodPost, "/x", io.MultiReader(strings.NewReader("want "), strings.NewReader("this")))
	r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	h.ServeHTTP(httptest.NewRecorder(), r)
	if length != 9 || body != "want this" {
		t.Errorf("the backend got %q of length %d", body, length)
	}
}
