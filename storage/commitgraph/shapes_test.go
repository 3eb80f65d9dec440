package commitgraph

import "math/rand/v2"

// history makes a graph in the shape of a large project: a main line into which topics of some commits are merged,
// release lines that go on for themselves, topics that are never merged, and tags on the main and release lines.
// It gives the tips of the branches and tags, of which there is about one for each spacing commits.
func history(commits, spacing int) (*Graph, []Node) {
	r := rand.New(rand.NewPCG(1, 2))
	g := New(commits)
	main := g.Add()
	var tips, topics, lines []Node
	for g.Len() < commits {
		switch k := r.IntN(100); {
		case k < 10:
			topics = append(topics, g.Add(main))
		case k < 20 && len(topics) > 0:
			i := r.IntN(len(topics))
			if r.IntN(spacing) < 30 {
				tips = append(tips, topics[i]) // never merged
			} else {
				main = g.Add(main, topics[i])
			}
			topics[i] = topics[len(topics)-1]
			topics = topics[:len(topics)-1]
		case k < 45 && len(topics) > 0:
			i := r.IntN(len(topics))
			topics[i] = g.Add(topics[i])
		case k < 50 && len(lines) > 0:
			i := r.IntN(min(len(lines), 3))
			line := &lines[len(lines)-1-i]
			*line = g.Add(*line)
		default:
			main = g.Add(main)
		}
		switch k := r.IntN(20 * spacing); {
		case k < 1:
			lines = append(lines, main)
		case k < 8:
			tips = append(tips, main)
		case k < 14 && len(lines) > 0:
			tips = append(tips, lines[len(lines)-1-r.IntN(min(len(lines), 3))])
		}
	}
	return g, append(append(tips, lines...), main)
}

// tangle makes a graph against all grouping: the upper half has a tip on each commit, and each commit has random
// parents.
func tangle(commits int) (*Graph, []Node) {
	r := rand.New(rand.NewPCG(3, 4))
	g := New(commits)
	g.Add()
	var tips []Node
	for n := Node(1); n < Node(commits); n++ {
		g.Add(r.Int32N(n), r.Int32N(n))
		if n >= Node(commits/2) {
			tips = append(tips, n)
		}
	}
	return g, tips
}
