package issuekey

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
)

// benchMessages are like those of a project that squashes pull requests: a key and a title, prose, trailers.
func benchMessages() (messages [][]byte, size int64) {
	random := rand.New(rand.NewPCG(1, 2))
	prose := []string{"The broker keeps the follower's end offset in memory. ", "This is a back-port of an earlier change; see also UTF-8 handling. ",
		"Adds an integration test for the re-assignment of partitions while a leader is down. ", "No behaviour changes. ",
		"We now log at most once per minute, since a non-leader may ask many times a second. "}
	for range 2000 {
		var m bytes.Buffer
		fmt.Fprintf(&m, "KAFKA-%d: Make the log cleaner read ahead (#%d)\n\n", 1+random.IntN(18000), random.IntN(20000))
		for range random.IntN(6) {
			m.WriteString(prose[random.IntN(len(prose))])
		}
		m.WriteString("\n\nReviewers: A. Person <a.person@example.com>, Other Person <other@example.com>\n")
		messages, size = append(messages, m.Bytes()), size+int64(m.Len())
	}
	return messages, size
}

func BenchmarkFind(b *testing.B) {
	messages, size := benchMessages()
	found := 0
	b.Run("scanner", func(b *testing.B) {
		r := mustNew(b, Options{Deny: DefaultDeny()})
		b.SetBytes(size)
		b.ReportAllocs()
		var matches []Match
		for b.Loop() {
			for _, m := range messages {
				matches = r.Find(matches[:0], m)
				found += len(matches)
			}
		}
	})
	b.Run("keys", func(b *testing.B) {
		r := mustNew(b, Options{Deny: DefaultDeny()})
		b.SetBytes(size)
		b.ReportAllocs()
		var keys []string
		texts := make([]string, len(messages))
		for i, m := range messages {
			texts[i] = string(m)
		}
		for b.Loop() {
			for _, m := range texts {
				keys = AppendKeys(keys[:0], r, m)
				found += len(keys)
			}
		}
	})
	b.Run("regexp", func(b *testing.B) {
		re := regexp.MustCompile(`\b[A-Z][A-Z0-9_]+-[1-9][0-9]{0,9}\b`)
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, m := range messages {
				found += len(re.FindAllIndex(m, -1))
			}
		}
	})
	if found == 0 {
		b.Fatal("no key found")
	}
}
