package pebblestore

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

// TestAnIndexOfTheFormatBeforeIsRaisedInPlace opens the index that testdata has of format 2, and goes on with it.
func TestAnIndexOfTheFormatBeforeIsRaisedInPlace(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	writeRecorded(t, dir, filepath.Join("testdata", "format2.golden"))
	for range 2 { // raised, and as it is then
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		wantSound(t, s)
		if err := (&storagetest.Follower{}).CatchUp(ctx, s, 2); err != nil {
			t.Error(err)
		}
		if v, err := get(s.db, keyFormat); err != nil || string(v) != "\x03" {
			t.Errorf("the format is %q, %v", v, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, dir)
	end, err := s.FeedEnd(ctx)
	if err != nil {
		t.Fatal(err)
	}
	about := storage.Association{Key: "SHOP-70", OID: oidOf(2), Verdict: storage.VerdictAdd, At: time.Unix(0, 0)}
	if done, err := s.Associate(ctx, []storage.Association{about}); err != nil || done.PostingsAdded != 2 {
		t.Errorf("got %+v, %v, want a posting in each repository", done, err)
	}
	page, err := s.Changes(ctx, end, 0)
	if err != nil || len(page.Changes) != 2 || page.Changes[0].Key != "SHOP-70" {
		t.Errorf("the feed tells %+v, %v", page, err)
	}
	ids, err := s.Register(ctx, []storage.RepositorySpec{{HostID: "new"}})
	if err != nil || ids[0] != 3 {
		t.Errorf("a new repository has the ids %v, %v", ids, err)
	}
	wantSound(t, s)
}

// writeRecorded makes an index of the rows of a golden file.
func writeRecorded(t *testing.T, dir, golden string) {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatValueSeparation, Logger: logger{}})
	if err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		k, err := strconv.Unquote(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.Unquote(strings.TrimSpace(lines[i+1]))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Set([]byte(k), []byte(v), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
