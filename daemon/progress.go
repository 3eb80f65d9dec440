package daemon

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"keytrail/indexer"
)

// progress shows how far work on repositories is: a line that moves on a terminal, else a line every few seconds.
type progress struct {
	bars *mpb.Progress // nil off a terminal
	out  io.Writer
}

// lineEvery is how often a repository gets a line where there is no terminal.
const lineEvery = 5 * time.Second

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if isTerminal(out) {
		p.bars = mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

func (p *progress) wait() {
	if p.bars != nil {
		p.bars.Wait()
	}
}

// bar is the progress of one repository.
type bar struct {
	parent *progress
	name   string
	spin   *mpb.Bar

	mu       sync.Mutex
	last     indexer.Progress
	nextLine time.Time
}

func (p *progress) add(name string) *bar {
	b := &bar{parent: p, name: name, nextLine: time.Now().Add(lineEvery)}
	if p.bars != nil {
		// Nobody knows how much is to come until it has come: a spinner is the honest bar.
		b.spin = p.bars.New(0, mpb.SpinnerStyle(),
			mpb.PrependDecorators(decor.Name(name+" ")),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.text() }), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)),
		)
	}
	return b
}

// update takes the state of a job, as often as the job gives it.
func (b *bar) update(p indexer.Progress) {
	b.mu.Lock()
	b.last = p
	line := b.spin == nil && time.Now().After(b.nextLine)
	if line {
		b.nextLine = time.Now().Add(lineEvery)
	}
	b.mu.Unlock()
	if line {
		fmt.Fprintf(b.parent.out, "%s: %s\n", b.name, b.text())
	}
}

func (b *bar) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.last
	switch p.Phase {
	case indexer.PhaseFetch:
		return fmt.Sprintf("%s: %d objects, %.1f MB", p.Phase, p.Objects, float64(p.Bytes)/1e6)
	case indexer.PhaseWalk, indexer.PhaseStore:
		return fmt.Sprintf("%s: %d commits", p.Phase, p.Commits)
	default:
		return string(p.Phase)
	}
}

// done ends the bar.
func (b *bar) done(err error) {
	if b.spin == nil {
		return
	}
	if err != nil {
		b.spin.Abort(false)
		return
	}
	b.spin.SetTotal(-1, true)
}
