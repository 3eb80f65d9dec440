package history

import (
	"slices"
	"strconv"
	"strings"
)

// maxKeys bounds the different keys of one message.
const maxKeys = 8

// key is an issue key by its project's place in Options.Projects.
type key struct{ project, number int }

// prose writes messages and remembers which keys it put into the last one.
type prose struct {
	draw
	projects []string
	numbers  int
	keyless  int // share of a million
	another  int // share of a million: chance that one more key follows
	traps    int // share of a million
	body     int // bytes
	authors  int

	buf  []byte
	keys []key // of the last message, each once
}

func newProse(d draw, o Options) *prose {
	return &prose{
		draw:     d,
		projects: o.Projects,
		numbers:  o.Numbers,
		keyless:  share(o.Keyless),
		another:  share((o.KeysMean - 1) / o.KeysMean),
		traps:    share(o.Traps),
		body:     o.BodyBytes,
		authors:  o.Authors,
	}
}

// issue draws an issue of the time: done of total commits are written, and work is mostly on recent numbers.
func (p *prose) issue(done, total int) key {
	recent := max(int(int64(p.numbers)*int64(done)/int64(total)), 1)
	return key{p.below(len(p.projects)), recent - p.near(recent)}
}

func (p *prose) name(k key) string { return p.projects[k.project] + "-" + strconv.Itoa(k.number) }

func (p *prose) add(parts ...string) {
	for _, s := range parts {
		p.buf = append(p.buf, s...)
	}
}

// use puts a key into the message.
func (p *prose) use(k key) {
	p.add(p.name(k))
	if !slices.Contains(p.keys, k) {
		p.keys = append(p.keys, k)
	}
}

func (p *prose) start() {
	p.buf, p.keys = p.buf[:0], p.keys[:0]
}

func (p *prose) subject() string {
	return pick(p.draw, verbs[:]) + " " + pick(p.draw, things[:]) + pick(p.draw, places[:])
}

// change writes the message of an ordinary commit on the issue k; next gives further issues it may name.
func (p *prose) change(k key, prefix string, next func() key) []byte {
	p.start()
	p.add(prefix)
	if p.chance(p.keyless) {
		p.plain()
	} else {
		p.keyed(k)
		for len(p.keys) < maxKeys && p.chance(p.another) {
			p.add("\n\n", pick(p.draw, mentions[:]))
			p.use(next())
			p.add(".")
		}
	}
	if p.chance(p.traps) {
		p.add("\n\n", pick(p.draw, traps[:]))
	}
	p.paragraphs()
	p.add("\n")
	return p.buf
}

func (p *prose) plain() {
	if p.oneIn(3) {
		p.add(pick(p.draw, chores[:]))
		return
	}
	p.add(p.subject())
}

// keyed writes a subject, and a body where the key is only there.
func (p *prose) keyed(k key) {
	switch form := p.below(100); {
	case form < 30:
		p.use(k)
		p.add(": ", p.subject())
	case form < 45:
		p.use(k)
		p.add(" ", p.subject())
	case form < 55:
		p.add("[")
		p.use(k)
		p.add("] ", p.subject())
	case form < 67:
		p.add(p.subject(), " (")
		p.use(k)
		p.add(")")
	case form < 77:
		p.add(pick(p.draw, kinds[:]), "(", pick(p.draw, areas[:]), "): ", strings.ToLower(p.subject()), " [")
		p.use(k)
		p.add("]")
	case form < 84:
		p.add("Follow up ")
		p.use(k)
		p.add(" in ", pick(p.draw, areas[:]))
	case form < 98:
		p.add(p.subject(), "\n\n", pick(p.draw, openers[:]), " ", pick(p.draw, doings[:]), " the ", pick(p.draw, things[:]), ".\nFixes ")
		p.use(k)
	default:
		around := pick(p.draw, glued[:])
		p.add(p.subject(), "\n\n", around[0])
		p.use(k)
		p.add(around[1])
	}
}

// paragraphs writes a body for two of five messages, and a very long one for one of a thousand.
func (p *prose) paragraphs() {
	if p.body == 0 || p.below(5) >= 2 {
		return
	}
	size := p.below(5 * p.body)
	if p.oneIn(400) {
		size *= 20
	}
	line := 0
	for end := len(p.buf) + size; len(p.buf) < end; line++ {
		separator := "\n"
		if line%5 == 0 {
			separator = "\n\n"
		}
		p.add(separator, pick(p.draw, openers[:]), " ", pick(p.draw, doings[:]), " the ", pick(p.draw, things[:]),
			pick(p.draw, endings[:]), ".")
	}
	if p.oneIn(2) {
		by := author(p.below(p.authors))
		p.add("\n\nReviewed-by: ", by.name, " <", by.mail, ">")
	}
}

// branch gives the name of a branch for the issue k, such as feature/SHOP-12-fix-checkout-total.
func (p *prose) branch(k key) string {
	words := strings.ToLower(pick(p.draw, verbs[:]) + " " + pick(p.draw, things[:]))
	return pick(p.draw, branching[:]) + "/" + p.name(k) + "-" + strings.ReplaceAll(words, " ", "-")
}

// merge writes the message of a merge commit; pull is the pull request's number, or 0 for a merge by hand.
func (p *prose) merge(t topic, pull int, by person) []byte {
	p.start()
	before, after, _ := strings.Cut(t.name, p.name(t.issue))
	if pull > 0 {
		user, _, _ := strings.Cut(by.mail, "@")
		p.add("Merge pull request #", strconv.Itoa(pull), " from ", user, "/")
	} else {
		p.add("Merge branch '")
	}
	p.add(before)
	p.use(t.issue)
	p.add(after)
	if pull > 0 {
		p.add("\n\n", p.subject(), "\n")
	} else {
		p.add("' into main\n")
	}
	return p.buf
}

// note writes a note, on the issue if it names one.
func (p *prose) note(k key, names bool) string {
	if names {
		return "Backport tracked in " + p.name(k) + ".\n"
	}
	return "Build " + strconv.Itoa(1000+p.below(9000)) + " passed.\n"
}
