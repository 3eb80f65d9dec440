package pebblestore

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"keytrail/storage"
)

// TestRepositoriesThatComeAndGoLeaveNothingBehind has a repository of some thousand commits forgotten and indexed again, over and over, and
// holds the space that the index takes to a few times what one of them takes: what is deleted as a range is given back by compactions.
func TestRepositoriesThatComeAndGoLeaveNothingBehind(t *testing.T) {
	const commits, cycles = 6000, 12
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			ctx := context.Background()
			s := openStoreBy(t, w, t.TempDir())
			var first, most int64
			for i := range cycles {
				ids, err := s.Register(ctx, []storage.RepositorySpec{{HostID: fmt.Sprint(i), Name: "shop"}})
				if err != nil {
					t.Fatal(err)
				}
				line, tip := lineOf(commits)
				_, err = s.Advance(ctx, storage.Advance{
					Repository: ids[0], Commits: line, SeenAt: time.Unix(1700000000, 0),
					Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: tip, Commit: tip}}},
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
				stats, err := s.Stats(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if most = max(most, stats.Bytes); i == 0 {
					first = stats.Bytes
				}
				if err := s.Forget(ctx, ids[0]); err != nil {
					t.Fatal(err)
				}
			}
			if most > 6*first {
				t.Errorf("the index took up to %d bytes, with one repository %d", most, first)
			}
		})
	}
}

// lineOf yields a line of commits with texts that do not compress away, and gives its tip.
func lineOf(n int) (commits iter.Seq2[storage.Commit, error], tip storage.OID) {
	name := func(i int) (o storage.OID) {
		for j := range o {
			o[j] = byte((i + 1) * (7919*j + 104729) >> 5)
		}
		o[0], o[1], o[2] = byte(i), byte(i>>8), byte(i>>16)
		return o
	}
	return func(yield func(storage.Commit, error) bool) {
		for i := range n {
			oid := name(i)
			ada := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1_600_000_000 + int64(i)*60}
			c := storage.Commit{
				OID: oid, Author: ada, Committer: ada, Message: fmt.Sprintf("SHOP-%d %x %x", 1+i%1000, oid, name(i*31)),
				Keys: []storage.IssueKey{storage.IssueKey(fmt.Sprintf("SHOP-%d", 1+i%1000))},
			}
			if i > 0 {
				c.Parents = []storage.OID{name(i - 1)}
			}
			if !yield(c, nil) {
				return
			}
		}
	}, name(n - 1)
}
