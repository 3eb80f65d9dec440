package pebblestore

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// TestTheCheckFindsWhatIsKeptWrongly takes rows of what belongs to no repository away, or changes them, and has the index checked.
func TestTheCheckFindsWhatIsKeptWrongly(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	commits, tip := childrenOf(storage.OID{}, 3)
	advanceTo(t, s, pushOf(id, commitsOf(commits...), storage.OID{}, tip))
	decided := storage.Association{Key: "SHOP-9", OID: tip, Verdict: storage.VerdictAdd, At: time.Unix(0, 0)}
	if _, err := s.Associate(t.Context(), []storage.Association{decided}); err != nil {
		t.Fatal(err)
	}
	waiting := storage.Command{CommandID: storage.CommandID{OID: tip}, Key: "SHOP-9", State: storage.CommandWaiting}
	if err := s.TakeCommands(t.Context(), []storage.Command{waiting}, ""); err != nil {
		t.Fatal(err)
	}
	wantSound(t, s)
	cleared := decided
	cleared.Verdict = storage.VerdictClear
	done := waiting
	done.State = storage.CommandDone
	for _, c := range []struct {
		name       string
		key, value []byte // nil: deleted
		want       string
	}{
		{"no verdict", keyVerdict(tip, "SHOP-9"), nil, "missing: the verdict"},
		{"another verdict", keyVerdict(tip, "SHOP-9"), appendVerdict(nil, verdict{says: storage.VerdictDrop, number: 1}), "not the last"},
		{"a verdict of another association", keyVerdict(tip, "SHOP-9"), appendVerdict(nil, verdict{says: storage.VerdictAdd, number: 7}), "not the last"},
		{"a verdict on nothing decided", keyVerdict(tip, "SHOP-8"), appendVerdict(nil, verdict{says: storage.VerdictDrop, number: 1}), "not the last"},
		{"a damaged verdict", keyVerdict(tip, "SHOP-9"), []byte{9, 9}, "verdict cannot be decoded"},
		{"no log", keyAssociation(1), nil, "the log has 0 and 0"},
		{"a log that was cleared", keyAssociation(1), appendAssociation(nil, cleared), "the log has 1 and 0"},
		{"a gap in the log", keyAssociation(3), appendAssociation(nil, decided), "association 3 comes where number 2 is due"},
		{"a gap in the feed", keyFeed(feedPart{sequence: 4}), appendFeedHead(nil, feedHead{}), "row 0 of sequence 4"},
		{"a damaged row of the feed", keyFeed(feedPart{sequence: 1}), []byte{0xff}, "row of the feed cannot be decoded"},
		{"a row of the feed that is lost", keyFeed(feedPart{sequence: 1}), nil, "comes in the feed"},
		{"a command that is not listed", keyUnfinished(1), nil, "missing: 1 commands listed as not finished"},
		{"a command that is listed and done", keyCommand(1), appendCommand(nil, done), "listed as not finished and should not be"},
		{"a command that its issue does not have", keyCommandKey("SHOP-9", 1), nil, "missing: 1 commands listed by issues"},
		{"a command that another issue has", keyCommandKey("SHOP-8", 1), []byte{}, "listed by issues and should not be"},
		{"a command that is not found", keyCommandID(waiting.CommandID), nil, "the number of command 0"},
		{"a command that is found as another", keyCommandID(waiting.CommandID), []byte{2}, "found as 2"},
		{"a way to no command", keyCommandID(storage.CommandID{OID: tip, Index: 1}), []byte{1}, "2 ways to find them"},
		{"a command that is lost", keyCommand(1), nil, "1 commands are counted and 0 are there"},
		{"a reset of nothing", keyResetBase(id + 1), binary.AppendUvarint(nil, 64), "rows of the keyspace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, err := get(s.db, c.key)
			wasThere := err == nil
			setRow(t, s, c.key, c.value)
			var found []string
			if err := s.Verify(t.Context(), func(p storage.Problem) { found = append(found, p.Text) }); err != nil {
				t.Error(err)
			}
			if !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
			if wasThere && before == nil {
				before = []byte{}
			}
			setRow(t, s, c.key, before)
			wantSound(t, s)
		})
	}
}

// TestWithoutAssociationsNobodyLooksForAny puts a verdict where nothing was decided: who looked would find it.
func TestWithoutAssociationsNobodyLooksForAny(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	commits, tip := childrenOf(storage.OID{}, 2)
	for i, c := range commits {
		setRow(t, s, keyVerdict(c.OID, "SHOP-9"), appendVerdict(nil, verdict{says: storage.VerdictAdd, number: uint64(i + 1)}))
	}
	advanceTo(t, s, pushOf(id, commitsOf(commits[0]), storage.OID{}, commits[0].OID))
	advanceTo(t, s, pushOf(id, commitsOf(commits[1]), commits[0].OID, tip))
	hit, err := s.Commit(t.Context(), id, tip)
	if err != nil || len(hit.Keys) != 1 || hit.Keys[0] != "SHOP-7" {
		t.Errorf("the commit has the keys %v, %v", hit.Keys, err)
	}
	page, err := s.Changes(t.Context(), "", 0)
	if err != nil || len(page.Changes) != 2 {
		t.Errorf("the feed tells %v, %v", page.Changes, err)
	}
}

// setRow writes a row, or deletes it when its value is nil.
func setRow(t *testing.T, s *Store, key, value []byte) {
	t.Helper()
	err := s.db.Set(key, value, pebble.Sync)
	if value == nil {
		err = s.db.Delete(key, pebble.Sync)
	}
	if err != nil {
		t.Fatal(err)
	}
}
