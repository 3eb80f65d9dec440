package commitgraph

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkGroups compares the groups of some nodes with what Containing says.
func checkGroups(t interface{ Fatalf(string, ...any) }, g *Graph, gs *Groups, tips, nodes []Node) {
	groups := make([]int32, len(nodes))
	for i, n := range nodes {
		groups[i] = gs.Of(n)
	}
	all := gs.TipsOfEach(groups)
	sets := map[int32][]int32{}
	for first := 0; first < len(nodes); first += 64 {
		batch := nodes[first:min(first+64, len(nodes))]
		contained := g.Containing(batch)
		for j, n := range batch {
			var want []int32
			for i, tip := range tips {
				if contained.At(tip)>>j&1 != 0 {
					want = append(want, int32(i))
				}
			}
			group := groups[first+j]
			if got := all[first+j]; !slices.Equal(got, want) {
				t.Fatalf("the tips %v contain commit %d, want %v", got, n, want)
			}
			if before, ok := sets[group]; ok && !slices.Equal(before, want) {
				t.Fatalf("group %d is both %v and %v", group, before, want)
			}
			sets[group] = want
			if (group == 0) != (len(want) == 0) {
				t.Fatalf("group %d of commit %d is that of %v", group, n, want)
			}
		}
	}
}

func TestTheTipsOfAGroupAreThoseThatContainItsCommits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		node := rapid.Custom(func(t *rapid.T) Node { return Node(rapid.IntRange(0, g.Len()-1).Draw(t, "node")) })
		count := rapid.IntRange(0, 300).Draw(t, "count")
		tips := rapid.SliceOfN(node, count, count).Draw(t, "tips")
		nodes := identity(g)
		checkGroups(t, g, g.Group(tips), tips, nodes)
		for _, l := range []limits{
			{trees: rapid.IntRange(0, 200).Draw(t, "trees"), steps: math.MaxInt},
			{trees: math.MaxInt, steps: rapid.IntRange(0, 200).Draw(t, "steps")},
		} {
			checkGroups(t, g, g.group(tips, l), tips, nodes)
		}
	})
}

func TestCommitsOfTheSameTipsAreOneGroupWithinTheLimits(t *testing.T) {
	g, tips := history(20_000, 50)
	gs := g.Group(tips)
	groupOf := map[string]int32{}
	seen := map[int32]bool{}
	for n := range Node(g.Len()) {
		group := gs.Of(n)
		if seen[group] {
			continue
		}
		seen[group] = true
		if group < 0 {
			t.Fatalf("commit %d of an ordinary history is beyond the limits", n)
		}
		contained := fmt.Sprint(gs.Tips(group))
		if other, ok := groupOf[contained]; ok {
			t.Fatalf("groups %d and %d are both those of %s", group, other, contained)
		}
		groupOf[contained] = group
	}
	checkGroups(t, g, gs, tips, identity(g))
	if len(seen) < len(tips)/2 || len(seen) > 20*len(tips) {
		t.Errorf("%d groups of %d tips", len(seen), len(tips))
	}
}

func TestAHistoryWithoutTipsIsOneGroup(t *testing.T) {
	g, _ := history(100, 10)
	gs := g.Group(nil)
	for n := range Node(g.Len()) {
		if gs.Of(n) != 0 {
			t.Fatalf("commit %d is of group %d", n, gs.Of(n))
		}
	}
	if tips := gs.Tips(0); len(tips) != 0 {
		t.Errorf("no tip contains group 0, not %v", tips)
	}
}

func TestManyTipsOnOneCommitCostLittle(t *testing.T) {
	g := New(3)
	g.Add(g.Add(g.Add()))
	tips := slices.Repeat([]Node{2, 1}, 10_000)
	gs := g.Group(tips)
	checkGroups(t, g, gs, tips, []Node{0, 1, 2})
	if got := gs.Bytes(); got > 200_000 {
		t.Errorf("%d bytes for 20,000 tips on two commits", got)
	}
}

func TestAHistoryAgainstGroupingKeepsToTheLimits(t *testing.T) {
	g, tips := tangle(20_000)
	gs := g.Group(tips)
	limit := 1<<19 + 136*len(tips) + 8*g.Len()
	if got := gs.Bytes(); got > int64(limit+limit/20) { // the set that reaches the limit is finished
		t.Errorf("%d bytes, more than %d", got, limit)
	}
	nodes := []Node{0, 1, 2}
	for n := Node(3); n < Node(g.Len()); n += 157 {
		nodes = append(nodes, n)
	}
	if !slices.ContainsFunc(nodes, func(n Node) bool { return gs.Of(n) < 0 }) {
		t.Error("no commit is beyond the limits: the test shows nothing")
	}
	checkGroups(t, g, gs, tips, nodes)
}

func TestEitherLimitEndsTheSets(t *testing.T) {
	g, tips := history(2_000, 20)
	for _, l := range []limits{{trees: 100, steps: math.MaxInt}, {trees: math.MaxInt, steps: 100}} {
		gs := g.group(tips, l)
		if slices.Min(gs.of) >= 0 || slices.Max(gs.of) <= 0 {
			t.Errorf("%+v: groups from %d to %d, want both kinds", l, slices.Min(gs.of), slices.Max(gs.of))
		}
		checkGroups(t, g, gs, tips, identity(g))
	}
}

func TestAChainBeyondTheLimitsIsOneGroup(t *testing.T) {
	g := New(6)
	root := g.Add()
	fork := g.Add(g.Add(root))
	tips := []Node{g.Add(fork), g.Add(fork)}
	gs := g.group(tips, limits{trees: 4, steps: 0})
	if gs.Of(fork) >= 0 {
		t.Fatalf("the fork's group is %d: the test shows nothing", gs.Of(fork))
	}
	for n := root; n <= fork; n++ {
		if gs.Of(n) != gs.Of(fork) {
			t.Errorf("commit %d is of group %d, its child of %d", n, gs.Of(n), gs.Of(fork))
		}
	}
	checkGroups(t, g, gs, tips, identity(g))
}

func BenchmarkGroupAMillion(b *testing.B) {
	g, tips := history(1_000_000, 1250)
	b.ReportAllocs()
	var gs *Groups
	for b.Loop() {
		gs = g.Group(tips)
	}
	groups := map[int32]bool{}
	for _, group := range gs.of {
		groups[group] = true
	}
	b.ReportMetric(float64(len(tips)), "tips")
	b.ReportMetric(float64(len(groups)), "groups")
	b.ReportMetric(float64(gs.Bytes())/float64(g.Len()), "bytes/commit")
}

func BenchmarkGroupATangle(b *testing.B) {
	for _, commits := range []int{40_000, 1_000_000} {
		g, tips := tangle(commits)
		if len(tips) > 20_000 {
			tips = tips[len(tips)-20_000:]
		}
		b.Run(fmt.Sprint(commits), func(b *testing.B) {
			b.ReportAllocs()
			var gs *Groups
			for b.Loop() {
				gs = g.Group(tips)
			}
			b.ReportMetric(float64(gs.Bytes())/float64(g.Len()), "bytes/commit")
		})
	}
}

func BenchmarkTips(b *testing.B) {
	g, tips := history(1_000_000, 1250)
	gs := g.Group(tips)
	b.ReportAllocs()
	length := 0
	for b.Loop() {
		length = len(gs.Tips(gs.Of(Node(g.Len() / 2))))
	}
	b.ReportMetric(float64(length), "tips")
}
