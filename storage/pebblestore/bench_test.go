package pebblestore

import (
	"strings"
	"testing"
	"time"

	"keytrail/storage"
)

// benchmarkStore has one repository of n commits with a key each.
func benchmarkStore(b *testing.B, n int) (s *Store, id storage.RepositoryID, tip storage.OID) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	ids, err := s.Register(b.Context(), []storage.RepositorySpec{{HostID: "shop"}})
	if err != nil {
		b.Fatal(err)
	}
	line, tip := lineOf(n)
	if _, err := s.Advance(b.Context(), pushOf(ids[0], line, storage.OID{}, tip)); err != nil {
		b.Fatal(err)
	}
	return s, ids[0], tip
}

// BenchmarkAdvanceOfOneCommit pushes one commit after the other on a repository of 100,000.
func BenchmarkAdvanceOfOneCommit(b *testing.B) {
	s, id, tip := benchmarkStore(b, 100_000)
	commits, _ := childrenOf(tip, b.N)
	for i := range commits {
		commits[i].Author.Seconds, commits[i].Committer.Seconds = 1_700_000_000+int64(i), 1_700_000_000+int64(i)
	}
	written := s.db.Metrics().WAL.BytesIn
	b.ResetTimer()
	for _, c := range commits {
		if _, err := s.Advance(b.Context(), pushOf(id, commitsOf(c), tip, c.OID)); err != nil {
			b.Fatal(err)
		}
		tip = c.OID
	}
	b.ReportMetric(float64(s.db.Metrics().WAL.BytesIn-written)/float64(b.N), "logged-B/op")
}

// BenchmarkFirstBuild builds a repository of 100,000 commits.
func BenchmarkFirstBuild(b *testing.B) {
	const n = 100_000
	s, _, _ := benchmarkStore(b, 1)
	for i := 0; b.Loop(); i++ {
		ids, err := s.Register(b.Context(), []storage.RepositorySpec{{HostID: strings.Repeat("x", i+1)}})
		if err != nil {
			b.Fatal(err)
		}
		line, tip := lineOf(n)
		if _, err := s.Advance(b.Context(), pushOf(ids[0], line, storage.OID{}, tip)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkFeedFromNothing reads all postings of 100,000 commits by way of the feed.
func BenchmarkFeedFromNothing(b *testing.B) {
	s, _, _ := benchmarkStore(b, 100_000)
	told := 0
	for b.Loop() {
		var cursor storage.FeedCursor
		for isAtEnd := false; !isAtEnd; {
			page, err := s.Changes(b.Context(), cursor, 0)
			if err != nil {
				b.Fatal(err)
			}
			told += len(page.Changes)
			cursor, isAtEnd = page.Next, page.AtEnd
		}
	}
	b.ReportMetric(float64(told)/b.Elapsed().Seconds(), "postings/s")
}

// BenchmarkFollow reads the pushes of single commits by way of the feed, in pages.
func BenchmarkFollow(b *testing.B) {
	const pushes = 2000
	s, id, tip := benchmarkStore(b, 1000)
	begin, err := s.FeedEnd(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	commits, _ := childrenOf(tip, pushes)
	for _, c := range commits {
		if _, err := s.Advance(b.Context(), pushOf(id, commitsOf(c), tip, c.OID)); err != nil {
			b.Fatal(err)
		}
		tip = c.OID
	}
	told := 0
	for b.Loop() {
		cursor := begin
		for isAtEnd := false; !isAtEnd; {
			page, err := s.Changes(b.Context(), cursor, 0)
			if err != nil {
				b.Fatal(err)
			}
			told += len(page.Changes)
			cursor, isAtEnd = page.Next, page.AtEnd
		}
	}
	b.ReportMetric(float64(told)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkNewsReachesAFollower pushes one commit and has a follower that waits for it read it.
func BenchmarkNewsReachesAFollower(b *testing.B) {
	s, id, tip := benchmarkStore(b, 1000)
	cursor, err := s.FeedEnd(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	news := make(chan time.Time)
	go func() {
		defer close(news)
		for range b.N {
			page, err := storage.ChangePage{}, s.Await(b.Context(), cursor)
			if err == nil {
				page, err = s.Changes(b.Context(), cursor, 0)
			}
			if err != nil {
				b.Error(err)
				return
			}
			cursor = page.Next
			news <- time.Now()
		}
	}()
	commits, _ := childrenOf(tip, b.N)
	var late time.Duration
	b.ResetTimer()
	for _, c := range commits {
		if _, err := s.Advance(b.Context(), pushOf(id, commitsOf(c), tip, c.OID)); err != nil {
			b.Fatal(err)
		}
		done := time.Now()
		late += max(0, (<-news).Sub(done))
		tip = c.OID
	}
	b.ReportMetric(float64(late.Nanoseconds())/float64(b.N), "late-ns/op")
}
