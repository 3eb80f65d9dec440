package commitgraph

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded is a real history: the repository, its graph and where in it the commits are.
type recorded struct {
	tb    testing.TB
	dir   string
	graph *Graph
	nodes map[string]Node
	refs  []string // branches and tags that lead to a commit
	tips  []Node   // of refs
}

// record restores a history and reads its commits in a random order.
func record(tb testing.TB, name string) *recorded {
	tb.Helper()
	script := filepath.Join("..", "..", "..", "shared", "histories", "restore")
	if _, err := os.Stat(script); err != nil {
		tb.Skipf("the real histories are not beside the project: %v", err)
	}
	r := &recorded{tb: tb, dir: filepath.Join(tb.TempDir(), name+".git"), nodes: map[string]Node{}}
	if out, err := exec.Command(script, name, r.dir).CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", script, name, err, out)
	}
	lines := strings.Split(r.git("rev-list", "--all", "--parents"), "\n")
	rand.New(rand.NewPCG(7, 8)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	at := map[string]uint32{}
	for i, line := range lines {
		at[strings.Fields(line)[0]] = uint32(i)
	}
	var ends, parents []uint32
	for _, line := range lines {
		for _, p := range strings.Fields(line)[1:] {
			parents = append(parents, at[p])
		}
		ends = append(ends, uint32(len(parents)))
	}
	nodes, err := Order(ends, parents)
	if err != nil {
		tb.Fatal(err)
	}
	r.graph = Build(ends, parents, nodes)
	for oid, i := range at {
		r.nodes[oid] = nodes[i]
	}
	format := "--format=%(refname) %(objectname) %(*objectname)"
	for ref := range strings.Lines(r.git("for-each-ref", format, "refs/heads", "refs/tags")) {
		f := strings.Fields(ref)
		if node, ok := r.nodes[f[len(f)-1]]; ok {
			r.refs, r.tips = append(r.refs, f[0]), append(r.tips, node)
		}
	}
	return r
}

func (r *recorded) git(args ...string) string {
	r.tb.Helper()
	out, err := exec.Command("git", append([]string{"-C", r.dir}, args...)...).Output()
	if err != nil {
		r.tb.Fatalf("git %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func TestARealHistoryIsContainedAndAheadAsGitSays(t *testing.T) {
	r := record(t, "zookeeper")
	groups := r.graph.Group(r.tips)
	oids := slices.Sorted(func(yield func(string) bool) {
		for oid := range r.nodes {
			if !yield(oid) {
				return
			}
		}
	})
	random := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		oid := oids[random.IntN(len(oids))]
		var refs []string
		for _, tip := range groups.Tips(groups.Of(r.nodes[oid])) {
			refs = append(refs, r.refs[tip])
		}
		want := r.git("for-each-ref", "--contains", oid, "--format=%(refname)", "refs/heads", "refs/tags")
		if got := strings.Join(refs, "\n"); got != want {
			t.Errorf("%s is contained by\n%s\nand git says\n%s", oid, got, want)
		}
	}
	for range 20 {
		a, b := random.IntN(len(r.refs)), random.IntN(len(r.refs))
		ahead, behind := r.graph.AheadBehind(r.tips[a], r.tips[b])
		want := r.git("rev-list", "--left-right", "--count", r.refs[a]+"..."+r.refs[b])
		if got := fmt.Sprintf("%d\t%d", ahead, behind); got != want {
			t.Errorf("%s...%s: %s, and git says %s", r.refs[a], r.refs[b], got, want)
		}
	}
}
