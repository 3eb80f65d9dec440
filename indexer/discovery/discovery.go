// Package discovery keeps the set of indexed repositories in step with what git hosts have.
//
// Each configured integration is a Source. A discovery asks its host for all repositories, applies the filter, and hands what
// is left to the indexer, which begins to look at what is new and retires what is gone. It happens at the start, on an
// interval, and when somebody asks for it (Discover); requests that arrive while one waits are one.
//
// What was good is never lost to a bad answer: a discovery that fails changes nothing, and neither does one whose answer is
// not plausible, until it has been given often enough or an operator accepts it; see verdict.go. After a failure the next
// discovery follows from the class of the error: a host that asks to wait is left alone until then, one that is not reached is
// tried again with exponential back-off, and what somebody has to mend waits for the interval.
//
// In the files: discovery.go is when; attempt.go is one discovery; verdict.go judges its answer; state.go tells operators.
package discovery

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// Source is an integration whose repositories are discovered.
type Source struct {
	Name   string
	Kind   string // of host, as the configuration names it
	Host   host.Host
	Filter Filter // nil: all are wanted
	// Selection stands for all in the configuration that decides which repositories there are, the filter among it. A change
	// of it is a person's wish, so that an answer with far fewer repositories is believed.
	Selection string
	// Target makes what the indexer needs of a repository. Its error leaves this one out.
	Target func(host.Repository) (indexer.Target, error)
}

// Filter narrows what a host lists; *filter.Filter is one.
type Filter interface {
	host.Filter
	// Wait returns when no evaluation is running any more, as after an Apply that gave up.
	Wait()
}

// Index takes the discovered repositories over; *indexer.Indexer is one.
type Index interface {
	SetIntegration(ctx context.Context, integration string, targets []indexer.Target) (indexer.Changes, error)
	CountError(class storage.ErrorClass)
}

// Limits say how often to discover, and how readily to believe.
type Limits struct {
	Interval time.Duration // from one discovery to the next
	// Confirmations is how many discoveries in a row, an interval or more apart, must give the same implausible answer for it
	// to be believed.
	Confirmations int
}

// Options are what a Discoverer works with.
type Options struct {
	Index      Index
	Store      storage.Reader // tells what was good before
	Log        zerolog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Discoverer discovers the repositories of its sources. Its methods are safe for concurrent use.
type Discoverer struct {
	index Index
	store storage.Reader
	log   zerolog.Logger
	now   func() time.Time
	wake  chan struct{} // holds one when the loop of Run is to look again

	applying sync.Mutex // held while what was discovered is taken over, before mu

	mu           sync.Mutex
	limits       Limits
	configured   time.Time // when Set last succeeded
	integrations []*integration
}

// integration is a source and how its discoveries went. Discoverer.mu guards it.
type integration struct {
	source  Source
	due     time.Time
	running context.CancelFunc // ends the discovery that runs; nil when none does
	began   time.Time          // of the one that runs
	isAsked bool               // again, as soon as the one that runs has ended
	accept  bool               // the next answer is believed, whatever it is
	backoff *backoff.ExponentialBackOff
	until   time.Time // the host asked to be left alone until then
	doubt   doubt
	trusted string // the Selection that the last believed answer was given for
	state   State
}

// New makes a discoverer without sources. It starts nothing.
func New(o Options) *Discoverer {
	d := &Discoverer{index: o.Index, store: o.Store, log: o.Log, now: o.Now, wake: make(chan struct{}, 1)}
	if d.now == nil {
		d.now = time.Now
	}
	o.Registerer.MustRegister(collector{d})
	return d
}

// Set replaces the sources and the limits; each source is discovered at once. One with the name of a former one goes on where
// that was. meanwhile runs while nothing that was discovered is taken over; its error leaves all as it was.
func (d *Discoverer) Set(sources []Source, l Limits, meanwhile func() error) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := meanwhile(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.configured, d.limits = d.now(), l
	former := d.integrations
	d.integrations = nil
	for _, in := range former {
		if in.running != nil {
			in.running()
		}
	}
	for _, s := range sources {
		in := &integration{state: State{Name: s.Name, Kind: s.Kind}}
		if i := slices.IndexFunc(former, func(f *integration) bool { return f.source.Name == s.Name }); i >= 0 {
			in.state, in.doubt, in.trusted = former[i].state, former[i].doubt, former[i].trusted
			in.state.Kind = s.Kind
			if former[i].source.Host == s.Host {
				in.until = former[i].until
			}
		}
		in.source, in.due = s, later(d.configured, in.until)
		d.integrations = append(d.integrations, in)
	}
	d.look()
	return nil
}

// look has the loop of Run look for what is due.
func (d *Discoverer) look() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Discover asks for a discovery of an integration soon. With accept its answer is believed whatever it is, for an operator
// who knows that most repositories are gone. A host that asked to be left alone is, until then. An unknown name is storage.ErrNotFound.
func (d *Discoverer) Discover(name string, accept bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.integrations, func(in *integration) bool { return in.source.Name == name })
	if i < 0 {
		return fmt.Errorf("integration %q: %w", name, storage.ErrNotFound)
	}
	in := d.integrations[i]
	in.accept = in.accept || accept
	if in.running != nil {
		in.isAsked = true
		return nil
	}
	in.due = later(d.now(), in.until)
	d.look()
	return nil
}

// Run discovers until the context ends, and returns when all its work has ended.
func (d *Discoverer) Run(ctx context.Context) error {
	var discoveries sync.WaitGroup
	defer discoveries.Wait()
	for {
		due, next := d.takeDue(ctx)
		for _, begin := range due {
			discoveries.Go(begin)
		}
		if !d.wait(ctx, next) {
			return nil
		}
	}
}

// takeDue gives the discoveries that are due, as functions that do them, and when the next one will be; zero when only a
// wake changes that.
func (d *Discoverer) takeDue(ctx context.Context) (due []func(), next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for _, in := range d.integrations {
		switch {
		case in.running != nil:
		case !in.due.After(now):
			one, cancel := context.WithCancel(ctx)
			in.running, in.began, in.isAsked = cancel, now, false
			due = append(due, func() {
				defer cancel()
				d.discover(one, in)
			})
		case next.IsZero() || in.due.Before(next):
			next = in.due
		}
	}
	return due, next
}

// wait returns true at an instant, unless that is zero, or after a wake, and false when ctx ends.
func (d *Discoverer) wait(ctx context.Context, next time.Time) bool {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(next.Sub(d.now()))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-d.wake:
	case <-due:
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
