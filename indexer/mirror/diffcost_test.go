package mirror

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

func TestATextThatTakesLongToCompareIsNotCounted(t *testing.T) {
	repo := gittest.Init(t)
	text := func(n, first, last int) treeFile {
		var s strings.Builder
		fmt.Fprintln(&s, first)
		for i := range n {
			fmt.Fprintln(&s, i%50)
		}
		fmt.Fprintln(&s, last)
		return treeFile{"100644", s.String()}
	}
	const many = maxLines/2 + 1
	commitTree(repo, "AB-1", tree{"both ends": text(many, 100, 100), "gone": text(many, 0, 0), "one end": text(many, 100, 100), "type": text(many, 1, 1)})
	commit := commitTree(repo, "AB-2", tree{
		"both ends": text(many, 101, 101), "come": {"100644", strings.Repeat("new\n", 2*many)}, "one end": text(many, 101, 100), "type": {"120000", "elsewhere"},
	}, "refs/heads/main^0")
	d := NewOnDemand(t.TempDir(), OnDemandOptions{})
	got, err := d.Diff(t.Context(), openLocal(t, repo.Path), "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	if f := got.Files[0]; f.Path != "both ends" || !f.Uncounted || f.Added+f.Removed != 0 || f.IsBinary || !got.PatchTruncated {
		t.Errorf("a long text: %+v", f)
	}
	counts := strings.Replace(numstat(repo, commit), "2 2 both ends", "0 0 both ends", 1)
	if countsOf(got) != counts {
		t.Errorf("counts\n%s\ngit counts\n%s", countsOf(got), counts)
	}
	if want := asGit(repo, commit, "-p", "--full-index"); !strings.HasSuffix(want, strings.TrimSuffix(got.Patch, "\n")) || strings.Count(got.Patch, "diff --git") != 5 {
		t.Errorf("a patch of %d bytes, git's has %d", len(got.Patch), len(want))
	}
}

// collisions are lines that libgit2 gives one hash, all different.
func collisions(from, n int) string {
	var blocks [][2]string
	hash := uint64(firstHash)
	for range 14 {
		blocks = append(blocks, collision(hash))
		hash = lineHash(hash, blocks[len(blocks)-1][0])
	}
	var s strings.Builder
	for i := from; i < from+n; i++ {
		for bit, block := range blocks {
			s.WriteString(block[i>>bit&1])
		}
		s.WriteString("\n")
	}
	return s.String()
}

// collision gives two pieces of a line that lead from one hash to another.
func collision(from uint64) [2]string {
	seen := map[uint64]string{}
	for i := range 75 * 75 {
		next := string([]byte{'0' + byte(i/75), '0' + byte(i%75)})
		if other, isThere := seen[lineHash(from, next)]; isThere {
			return [2]string{other, next}
		}
		seen[lineHash(from, next)] = next
	}
	panic("no two pieces have one hash")
}

func TestLinesMadeToTakeLongToCompareAreNotCounted(t *testing.T) {
	repo := gittest.Init(t)
	commitTree(repo, "AB-1", tree{"made": {"100644", collisions(0, 8000)}, "usual": {"100644", lines(rand.New(rand.NewPCG(1, 1)), 8000)}})
	commit := commitTree(repo, "AB-2", tree{
		"made": {"100644", collisions(8000, 8000)}, "usual": {"100644", lines(rand.New(rand.NewPCG(2, 2)), 8000)},
	}, "refs/heads/main^0")
	got, err := NewOnDemand(t.TempDir(), OnDemandOptions{}).Diff(t.Context(), openLocal(t, repo.Path), "", commit, generous)
	if err != nil {
		t.Fatal(err)
	}
	if made, usual := got.Files[0], got.Files[1]; !made.Uncounted || usual.Uncounted || usual.Added == 0 || !got.PatchTruncated {
		t.Errorf("files %+v", got.Files)
	}
}
