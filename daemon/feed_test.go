package daemon

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestChangesThatAreOlderThanTheRetentionAreForgotten(t *testing.T) {
	repo := gittest.Init(t)
	commit := repo.Commit("ACME-42 begin")
	data := t.TempDir()
	keytrail(t, exitOK, "index", "--data", data, repo.Path)
	store, err := dataDir(data).open(zerolog.Nop(), Process{}, memoryOf(config.Default().Limits))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	before, err := store.FeedEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Associate(t.Context(), []storage.Association{{Key: "ACME-43", OID: commit, Verdict: storage.VerdictAdd}}); err != nil {
		t.Fatal(err)
	}
	d := &daemon{store: store}
	trim := func(retention time.Duration) error {
		d.retention.Store(int64(retention))
		if err := d.forgetChanges(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := store.Changes(t.Context(), before, 0)
		return err
	}
	if err := trim(time.Hour); err != nil {
		t.Errorf("a change of this moment: %v", err)
	}
	if err := trim(-time.Hour); !errors.Is(err, storage.ErrFeedGone) {
		t.Errorf("a change that is too old: %v", err)
	}
}
