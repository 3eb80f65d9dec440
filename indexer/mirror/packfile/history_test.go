package packfile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// draw adds n commits of a random shape to a repository: branches, merges of two and three, roots of their own, messages that
// share so much that they become deltas, and here and there one of 100 kB. One in ten commits is on no ref in the end.
func draw(t testing.TB, repo *gittest.Repo, seed uint64, n int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	words := make([]string, 300)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rnd.Uint64())
	}
	var s strings.Builder
	refs := map[int]int{} // branch -> its last commit
	for mark := 1; mark <= n; mark++ {
		branch := rnd.IntN(12)
		message := fmt.Sprintf("ABC-%d %d\n", mark, seed)
		switch r := rnd.IntN(500); {
		case r == 0:
			message += strings.Repeat(words[mark%len(words)]+"\n", 6000)
		case r < 100:
			message += strings.Join(words, " ")
		default:
			message += strings.Join(words[:rnd.IntN(12)], " ")
		}
		fmt.Fprintf(&s, "commit refs/heads/s%d-b%d\nmark :%d\ncommitter Carl Committer <carl@example.com> %d +0000\ndata %d\n%s\n",
			seed, branch, mark, 1_600_000_000+mark, len(message), message)
		if last, ok := refs[branch]; ok {
			fmt.Fprintf(&s, "from :%d\n", last)
		} else if mark > 1 && rnd.IntN(3) > 0 {
			fmt.Fprintf(&s, "from :%d\n", 1+rnd.IntN(mark-1))
		}
		for range rnd.IntN(8) / 6 * (1 + rnd.IntN(2)) {
			if mark > 1 {
				fmt.Fprintf(&s, "merge :%d\n", 1+rnd.IntN(mark-1))
			}
		}
		fmt.Fprintf(&s, "M 100644 inline file\ndata %d\n%s\n\n", len(message), message)
		refs[branch] = mark
		if rnd.IntN(10) == 0 { // the branch goes on from before: what was last is unreachable, unless merged
			fmt.Fprintf(&s, "reset refs/heads/s%d-b%d\nfrom :%d\n\n", seed, branch, max(1, mark-1-rnd.IntN(5)))
			delete(refs, branch)
		}
	}
	repo.Feed(s.String(), "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--force")
}

// oids parses one name in each line.
func oids(t testing.TB, lines string) []storage.OID {
	t.Helper()
	var all []storage.OID
	for line := range strings.Lines(lines) {
		oid, err := storage.ParseOID(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, oid)
	}
	return all
}
