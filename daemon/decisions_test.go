package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestDecisionsByHandFollowARenamedProject(t *testing.T) {
	repo := gittest.Init(t)
	commit, other := repo.Commit("PAY-1 begin"), repo.Commit("PAY-4 go on")
	data := t.TempDir()
	keytrail(t, exitOK, "index", "--data", data, repo.Path)
	store, err := dataDir(data).open(zerolog.Nop(), Process{}, memoryOf(config.Default().Limits))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2024, 10, 25, 6, 0, 0, 0, time.UTC)
	decided := func(key storage.IssueKey, oid storage.OID, verdict storage.Verdict) storage.Association {
		return storage.Association{Key: key, OID: oid, Verdict: verdict, At: at, By: "ada", Token: "jira", Reason: "mistyped"}
	}
	if _, err := store.Associate(t.Context(), []storage.Association{
		decided("PAY-2", commit, storage.VerdictAdd),
		decided("PAY-1", commit, storage.VerdictDrop),
		decided("PAY-3", other, storage.VerdictAdd),
		decided("MONEY-3", other, storage.VerdictDrop), // later than PAY-3, which is the same key by now
		decided("SHOP-1", other, storage.VerdictAdd),
	}); err != nil {
		t.Fatal(err)
	}
	rules, err := issuekey.New(issuekey.Options{Aliases: map[string]string{"PAY": "MONEY"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.Association{
		decided("MONEY-3", other, storage.VerdictDrop),
		decided("SHOP-1", other, storage.VerdictAdd),
		decided("MONEY-2", commit, storage.VerdictAdd),
		decided("MONEY-1", commit, storage.VerdictDrop),
	}
	d := &daemon{store: store}
	for range 2 { // the second time there is nothing left to move
		if err := d.moveDecisions(t.Context(), rules); err != nil {
			t.Fatal(err)
		}
		var got []storage.Association
		for a, err := range store.Associations(t.Context(), storage.AssociationQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			a.Number = 0
			got = append(got, a)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	history := 0
	for a, err := range store.Associations(t.Context(), storage.AssociationQuery{History: true, Key: "PAY-2"}) {
		if history++; err != nil || history == 2 && (a.Verdict != storage.VerdictClear || a.Reason != "its project was renamed: the key is MONEY-2") {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if history != 2 {
		t.Errorf("the log has %d decisions about PAY-2", history)
	}
}
