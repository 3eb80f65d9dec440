package history

import (
	"slices"
	"strconv"
)

// topic is a side branch in the making.
type topic struct {
	tip   int // mark
	issue key
	name  string // branch name below refs/heads, before it is made unique
	by    person
}

// line is a release branch.
type line struct {
	tip     int
	name    string // such as 1.2
	patches int    // tags made on it
}

// note is a note on the commit with the mark.
type note struct {
	mark int
	text string
}

// graph decides, commit by commit, where the next one goes and which refs are due. What it holds is bounded by
// the number of open topics, releases, branch names and issue numbers, whatever the number of commits.
type graph struct {
	draw
	o     Options
	out   *stream
	prose *prose
	tree  *tree // nil without Options.Files
	seen  *tally

	main    int // mark of main's tip
	when    int64
	merges  int // how many are wanted in all
	opened  int // topics opened so far
	topics  []topic
	lines   []line
	used    map[string]int // how many branches have a name
	pending []note
	sum     Summary
}

func newGraph(o Options, out *stream) *graph {
	d := newDraw(o.Seed)
	g := &graph{
		draw:   d,
		o:      o,
		out:    out,
		prose:  newProse(d, o),
		seen:   newTally(len(o.Projects), o.Numbers),
		merges: int(int64(o.Commits) * int64(share(o.Merges)) / million),
		used:   map[string]int{},
	}
	if o.Files > 0 {
		g.tree = newTree(o.Seed, o.Files)
	}
	return g
}

// due gives how many of total should be there after done commits.
func (g *graph) due(total, done int) int {
	return int(int64(total) * int64(done) / int64(g.o.Commits))
}

// refsLeft gives how many refs are still to come that can hold a topic which is never merged.
func (g *graph) refsLeft() int {
	return g.o.Branches - g.o.Releases - g.sum.topicBranches + g.o.Pulls - g.sum.Pulls
}

// step writes the commit with the given mark and the refs that are due with it.
func (g *graph) step(mark int) error {
	g.tick(mark)
	if err := g.place(mark); err != nil {
		return err
	}
	g.sum.Commits++
	return g.refs(mark)
}

// tick moves the clock: committer dates rise over the history with some unevenness.
func (g *graph) tick(mark int) {
	span := int64(g.o.Days) * 24 * 3600
	step := span / int64(g.o.Commits)
	g.when = g.o.Start + int64(mark-1)*step + int64(g.below(int(step)+1))
}

// place chooses what the commit is: a merge, the first or a further commit of a topic, a backport, or one on main.
func (g *graph) place(mark int) error {
	left := g.o.Commits - mark + 1
	owed := g.due(g.merges, mark) - g.sum.Merges
	switch roll := g.below(100); {
	case mark == 1:
		return g.onMain(mark)
	case len(g.topics) > 0 && (owed > 0 || len(g.topics)-g.refsLeft() >= left):
		return g.merge(mark)
	case g.mayOpen(left) && (owed > 0 || roll < 40):
		return g.open(mark)
	case len(g.topics) > 0 && roll < 65:
		return g.extend(mark)
	case len(g.lines) > 0 && roll < 69:
		return g.backport(mark)
	default:
		return g.onMain(mark)
	}
}

// mayOpen keeps open topics few and no more than what merges and refs to come can close.
func (g *graph) mayOpen(left int) bool {
	most := min(max(g.o.Commits/20, 1), 32)
	open := len(g.topics)
	if open >= most || open+1-g.refsLeft() > left-1 {
		return false
	}
	if g.merges == 0 && open >= g.refsLeft() {
		return false
	}
	wanted := g.merges + g.o.Branches - g.o.Releases + g.o.Pulls
	return g.opened < g.due(wanted, g.o.Commits-left+1)+most/4+1
}

func (g *graph) onMain(mark int) error {
	k := g.prose.issue(mark, g.o.Commits)
	err := g.change(mark, g.main, k, author(g.below(g.o.Authors)), "")
	g.main = mark
	return err
}

func (g *graph) open(mark int) error {
	k := g.prose.issue(mark, g.o.Commits)
	t := topic{tip: mark, issue: k, name: g.prose.branch(k), by: author(g.below(g.o.Authors))}
	g.opened++
	g.topics = append(g.topics, t)
	return g.change(mark, g.main, k, t.by, "")
}

func (g *graph) extend(mark int) error {
	t := &g.topics[g.below(len(g.topics))]
	parent := t.tip
	t.tip = mark
	return g.change(mark, parent, t.issue, t.by, "")
}

func (g *graph) backport(mark int) error {
	l := &g.lines[len(g.lines)-1-g.below(min(len(g.lines), 3))]
	parent := l.tip
	l.tip = mark
	k := g.prose.issue(mark, g.o.Commits)
	return g.change(mark, parent, k, author(g.below(g.o.Authors)), "["+l.name+"] ")
}

// close takes a topic off the open ones.
func (g *graph) close() topic {
	i := g.below(len(g.topics))
	t := g.topics[i]
	g.topics = append(g.topics[:i], g.topics[i+1:]...)
	return t
}

func (g *graph) merge(mark int) error {
	left := g.o.Commits - mark + 1
	spare := len(g.topics)-g.refsLeft() < left // else the refs to come are needed for topics that nothing merges
	t := g.close()
	pull := 0
	if spare && g.sum.Pulls < g.due(g.o.Pulls, mark) && g.oneIn(2) {
		if err := g.pull(t.tip); err != nil {
			return err
		}
		pull = g.sum.Pulls
	}
	c := commit{mark: mark, first: g.main, second: t.tip, author: t.by, committer: t.by, authored: g.when, committed: g.when}
	if pull > 0 {
		c.committer = mergeBot
	}
	c.message = g.prose.merge(t, pull, t.by)
	g.main = mark
	g.sum.Merges++
	g.sum.Pairs += g.seen.add(g.prose.keys)
	return g.out.commit(&c)
}

// change writes a commit with one parent, or none for the first.
func (g *graph) change(mark, parent int, k key, by person, prefix string) error {
	c := commit{mark: mark, first: parent, author: by, committer: by, authored: g.when, committed: g.when}
	if g.oneIn(5) { // rebased or applied later, by someone else
		c.authored = max(g.when-int64(g.near(30*24*3600)), 0)
		c.committer = author(g.below(g.o.Authors))
	}
	if g.oneIn(1000) { // a clock that is behind
		c.committed = max(g.when-int64(g.near(7*24*3600)), 0)
	}
	c.message = g.prose.change(k, prefix, func() key { return g.prose.issue(mark, g.o.Commits) })
	switch {
	case g.tree != nil && mark == 1:
		c.files = g.tree.all
	case g.tree != nil:
		c.files = slices.Values(g.tree.edit())
	case g.o.Trees:
		c.files = slices.Values([]file{g.small(mark)})
	}
	g.sum.Pairs += g.seen.add(g.prose.keys)
	return g.out.commit(&c)
}

// small gives the one file that a commit of a history with small trees changes.
func (g *graph) small(mark int) file {
	path := "src/" + pick(g.draw, areas[:]) + "/part" + strconv.Itoa(g.below(12)) + ".txt"
	return file{path, []byte("revision " + strconv.Itoa(mark) + "\n" + g.prose.subject() + "\n")}
}
