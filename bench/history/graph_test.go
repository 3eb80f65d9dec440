package history

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// graphOf reads parents by mark, and the marks that refs hold, back from a stream.
func graphOf(t *rapid.T, stream []byte) (parents map[int][]int, tips []int) {
	parents = map[int][]int{}
	in := bufio.NewReader(bytes.NewReader(stream))
	mark, last, ref := 0, 0, false
	for {
		text, err := in.ReadString('\n')
		if err == io.EOF {
			return parents, tips
		}
		var n int
		var word string
		switch {
		case scan(text, "data %d\n", &n):
			if _, err := in.Discard(n + 1); err != nil {
				t.Fatal(err)
			}
		case scan(text, "mark :%d\n", &n):
			mark, last, ref = n, mark, false
			if last > 0 {
				parents[mark] = []int{last}
			}
		case scan(text, "from :%d\n", &n) && ref:
			tips = append(tips, n)
		case scan(text, "from :%d\n", &n):
			parents[mark] = []int{n}
		case scan(text, "merge :%d\n", &n):
			parents[mark] = append(parents[mark], n)
		case scan(text, "reset %s\n", &word), scan(text, "tag %s\n", &word):
			ref = true
		}
	}
}

func scan(text, format string, into any) bool {
	n, err := fmt.Sscanf(text, format, into)
	return n == 1 && err == nil
}

func TestEveryCommitIsReachableFromARefWhateverTheOptions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "commits")
		o := Default(n)
		o.Seed = rapid.Uint64().Draw(t, "seed")
		o.Merges = rapid.SampledFrom([]float64{0, 0.001, 0.05, 0.2, 0.5}).Draw(t, "merges")
		o.Branches = rapid.IntRange(0, n).Draw(t, "branches")
		o.Releases = rapid.IntRange(0, o.Branches).Draw(t, "releases")
		o.Tags = rapid.IntRange(0, n).Draw(t, "tags")
		o.Pulls = rapid.IntRange(0, n).Draw(t, "pulls")
		o.BodyBytes = 0
		var stream bytes.Buffer
		sum, err := Write(&stream, o)
		if err != nil {
			t.Fatal(err)
		}
		parents, tips := graphOf(t, stream.Bytes())
		if want := sum.Branches + sum.Tags + sum.Pulls; len(tips) != want {
			t.Fatalf("%d refs, want %d", len(tips), want)
		}
		reached := map[int]bool{}
		for len(tips) > 0 {
			m := tips[len(tips)-1]
			tips = tips[:len(tips)-1]
			if !reached[m] {
				reached[m] = true
				tips = append(tips, parents[m]...)
			}
		}
		if len(reached) != n {
			t.Fatalf("refs reach %d of %d commits", len(reached), n)
		}
		if over := float64(sum.Merges) - o.Merges*float64(n); over > 32 {
			t.Fatalf("%d merges of %d commits, wanted a share of %g", sum.Merges, n, o.Merges)
		}
	})
}
