package history

import "strconv"

// notesPerCommit is how many notes are gathered before a commit of refs/notes/commits is made.
const notesPerCommit = 50

// refs writes the refs and notes that are due after the commit with the given mark. A ref takes an open topic
// where there is one, so that many refs hold commits that main lacks.
func (g *graph) refs(mark int) error {
	for len(g.lines) < min(g.due(g.o.Releases+1, mark), g.o.Releases) {
		g.lines = append(g.lines, line{tip: g.main, name: releaseName(len(g.lines))})
		g.sum.Branches++
	}
	for g.sum.Pulls < g.due(g.o.Pulls, mark) {
		tip := g.main
		if len(g.topics) > 0 {
			tip = g.close().tip
		}
		if err := g.pull(tip); err != nil {
			return err
		}
	}
	for g.sum.topicBranches < g.due(g.o.Branches-g.o.Releases, mark) {
		if err := g.branch(mark); err != nil {
			return err
		}
	}
	for g.sum.Tags < g.due(g.o.Tags, mark) {
		if err := g.tag(); err != nil {
			return err
		}
	}
	return g.annotate(mark)
}

// releaseName counts 1.0, 1.1, 1.2, 1.3, 2.0 and so on.
func releaseName(n int) string { return strconv.Itoa(1+n/4) + "." + strconv.Itoa(n%4) }

func (g *graph) pull(tip int) error {
	g.sum.Pulls++
	return g.out.reset("refs/pull/"+strconv.Itoa(g.sum.Pulls)+"/head", tip)
}

// unused makes a branch name that no other branch has.
func (g *graph) unused(name string) string {
	g.used[name]++
	if n := g.used[name]; n > 1 {
		return name + "-take-" + strconv.Itoa(n)
	}
	return name
}

func (g *graph) branch(mark int) error {
	g.sum.Branches++
	g.sum.topicBranches++
	if len(g.topics) > 0 {
		t := g.close()
		return g.out.reset("refs/heads/"+g.unused(t.name), t.tip)
	}
	k := g.prose.issue(mark, g.o.Commits)
	return g.out.reset("refs/heads/"+g.unused(g.prose.branch(k)), g.main)
}

// tag tags the newest release, a build of main, or, for one tag in eight, a topic that nothing else will hold.
func (g *graph) tag() error {
	g.sum.Tags++
	ordinal := strconv.Itoa(g.sum.Tags)
	name, tip := "build-"+ordinal, g.main
	switch {
	case len(g.topics) > 0 && g.oneIn(8):
		name, tip = "preview-"+ordinal, g.close().tip
	case len(g.lines) > 0 && g.below(4) > 0:
		l := &g.lines[len(g.lines)-1]
		name, tip = "v"+l.name+"."+strconv.Itoa(l.patches), l.tip
		l.patches++
	}
	if g.sum.Annotated >= int(int64(g.sum.Tags)*int64(share(g.o.Annotated))/million) {
		return g.out.reset("refs/tags/"+name, tip)
	}
	g.sum.Annotated++
	message := "Release " + name + "\n\n" + g.prose.subject() + ".\n"
	return g.out.tag(name, tip, author(g.below(g.o.Authors)), g.when, []byte(message))
}

// annotate puts a note on the commit just written when one is due.
func (g *graph) annotate(mark int) error {
	if g.sum.Notes < g.due(g.o.Notes, mark) {
		g.sum.Notes++
		k := g.prose.issue(mark, g.o.Commits)
		names := g.sum.Notes%2 == 0
		g.pending = append(g.pending, note{mark, g.prose.note(k, names)})
		if names {
			added := g.seen.more(k, g.prose.keys)
			g.sum.NotePairs += added
			g.sum.Pairs += added
		}
	}
	if len(g.pending) == 0 || len(g.pending) < notesPerCommit && mark < g.o.Commits {
		return nil
	}
	err := g.out.notes(g.pending, author(0), g.when)
	g.pending = g.pending[:0]
	g.sum.NoteCommits++
	return err
}

// finish sets the branches that moved all along.
func (g *graph) finish() error {
	for _, l := range g.lines {
		if err := g.out.reset("refs/heads/release/"+l.name, l.tip); err != nil {
			return err
		}
	}
	if err := g.out.reset(mainRef, g.main); err != nil {
		return err
	}
	g.sum.Branches++ // main
	g.sum.Keys = g.seen.count
	return g.out.done()
}
