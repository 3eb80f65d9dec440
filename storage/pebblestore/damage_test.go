package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// TestADamagedTableIsAnErrorWhereItIsRead turns bits over in the tables on the disk. The process lives, and what lies elsewhere
// answers.
func TestADamagedTableIsAnErrorWhereItIsRead(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	id := registerOne(t, s)
	line, tip := lineOf(3000)
	advanceTo(t, s, pushOf(id, line, storage.OID{}, tip))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tables {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 200; i < len(b)-4096; i += 4096 { // the small table of tips and records is left as it is
			b[i] ^= 0x10
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s = openStore(t, dir)
	if _, err := s.Repository(ctx, id); err != nil {
		t.Errorf("what is not damaged does not answer: %v", err)
	}
	_, commits := s.Commits(ctx, storage.CommitQuery{Key: "SHOP-7"})
	_, advance := s.Advance(ctx, pushOf(id, nil, tip, storage.OID{}))
	for what, err := range map[string]error{"commits": commits, "advance": advance} {
		if !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: got %v, want %v", what, err, storage.ErrCorrupt)
		}
	}
	problems := 0
	err = s.Verify(ctx, func(storage.Problem) { problems++ })
	if problems == 0 || err != nil && !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("the check finds %d problems and ends with %v", problems, err)
	}
}

// TestDamagedRowsAreErrorsAndNeverPanics changes rows one by one, and asks and writes what reads them.
func TestDamagedRowsAreErrorsAndNeverPanics(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	id := registerOne(t, s)
	commits, tip := childrenOf(storage.OID{}, 100)
	a := pushOf(id, commitsOf(commits...), storage.OID{}, tip)
	a.Notes = []storage.NotesUpdate{{Ref: "refs/notes/commits", Changes: []storage.Note{{Object: tip, Text: "SHOP-2"}}}}
	advanceTo(t, s, a)
	var keys, values [][]byte
	err := scanRange(ctx, s.db, []byte{'N'}, []byte{'q'}, func(k, v []byte) (bool, error) {
		keys, values = append(keys, bytes.Clone(k)), append(values, bytes.Clone(v))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		for i, k := range keys {
			if err := s.db.Set(k, damage(random, values[i]), pebble.NoSync); err != nil {
				t.Fatal(err)
			}
			s.graphs.drop(id)
			askAndWriteInVain(s, id, tip)
			if err := s.db.Set(k, values[i], pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.graphs.drop(id)
}

func damage(random *rand.Rand, v []byte) []byte {
	v = slices.Clone(v)
	if len(v) == 0 {
		return []byte{0xff}
	}
	at := random.IntN(len(v))
	switch random.IntN(4) {
	case 0:
		v[at] = 0xff
	case 1:
		v = v[:at]
	case 2:
		v = append(v, 0xff, 0xff, 1)
	default:
		v[at] ^= 1 << random.IntN(8)
	}
	return v
}

// TestRowsThatNameWhatIsNotThereAreCorrupt writes rows that are well formed and cannot be true.
func TestRowsThatNameWhatIsNotThereAreCorrupt(t *testing.T) {
	const beyond = 5000 // no commit has such an ordinal
	for _, c := range []struct {
		name   string
		damage func(rec *record, tip *tipRow, rows []member)
	}{
		{"a tip on a commit that is not there", func(_ *record, tip *tipRow, _ []member) { tip.commit = beyond }},
		{"a parent that is not there", func(_ *record, _ *tipRow, rows []member) { rows[len(rows)-1].parents[0] = beyond }},
		{"fewer commits than none", func(rec *record, _ *tipRow, _ []member) { rec.Commits = -1 }},
		{"more commits than ordinals", func(rec *record, _ *tipRow, _ []member) { rec.Commits = 1 << 40 }},
		{"more buckets than there may be", func(rec *record, _ *tipRow, _ []member) { rec.OIDBits = 60 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			id := registerOne(t, s)
			commits, oid := childrenOf(storage.OID{}, 10)
			advanceTo(t, s, pushOf(id, commitsOf(commits...), storage.OID{}, oid))
			rec, errs := readRecord(s.db, id)
			tip := tipRow{oid: oid, commit: 9, kind: tipCommit}
			block, err := get(s.db, keyNumbered(spaceMembers, id, 0))
			errs = errors.Join(errs, err)
			rows, err := decodeMembers(0, block)
			if errs = errors.Join(errs, err); errs != nil {
				t.Fatal(errs)
			}
			c.damage(&rec, &tip, rows)
			var out sink
			rec.write(&out)
			out.put(keyTip(id, "refs/heads/main"), appendTip(nil, &tip))
			out.put(keyNumbered(spaceMembers, id, 0), appendMembers(nil, 0, rows))
			if err := out.commit(&s.tables); err != nil {
				t.Fatal(err)
			}
			s.graphs.drop(id)
			askAndWriteInVain(s, id, oid)
			if _, err := s.Advance(t.Context(), pushOf(id, nil, oid, storage.OID{})); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, storage.ErrCorrupt)
			}
		})
	}
}

// askAndWriteInVain goes through all that reads an index. What comes out of it does not matter.
func askAndWriteInVain(s *Store, id storage.RepositoryID, tip storage.OID) {
	ctx := context.Background()
	_ = s.Verify(ctx, func(storage.Problem) {})
	_, _ = s.Commits(ctx, storage.CommitQuery{Key: "SHOP-7", Ref: "main"})
	_, _ = s.Issue(ctx, storage.IssueQuery{Key: "SHOP-7"})
	for _, cursor := range []storage.FeedCursor{"", s.cursor(feedPlace{feedPart: feedPart{sequence: 1}})} {
		_, _ = s.Changes(ctx, cursor, 0)
	}
	child := storage.Commit{OID: oidOf(1), Parents: []storage.OID{tip}, Keys: []storage.IssueKey{"SHOP-7"}}
	for _, a := range []storage.Advance{
		pushOf(id, nil, tip, storage.OID{}), pushOf(id, commitsOf(child), tip, child.OID), {Repository: id, Reset: true},
	} {
		var in incoming
		if _, err := s.gather(ctx, &a, &in); err != nil {
			continue
		}
		if c, err := s.beginChange(ctx, &a, &in, 0); err == nil && c.apply() == nil {
			_ = c.emit(&sink{})
		}
	}
}
