// Package webhook makes use of what git hosts tell of changes.
//
// A delivery is a reason to look soon and never a source of data: deliveries are lost, doubled, reordered and replayed. A
// [Receiver] takes one by its host's own proof (deliver.go), finds the repositories that it is about (match.go), notes what is to
// be done for them (queue.go), and answers; its Run does what was noted. Whatever arrives, a repository has one look waiting and
// one running at most, and looks that webhooks ask for are a spacing apart; a delivery that is replayed is good for one more
// look, later.
//
// A delivery about a repository that is not known asks for a discovery, and the repository is looked at when that has
// found it (stranger.go). One that names none is about all of its integration, which are looked at one after the other.
//
// A host without webhooks, or a build that wants to call, names the URL of a repository in JSON (plain.go).
package webhook

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/indexer"
	"keytrail/indexer/host"
	"keytrail/storage"
)

// Integration is what deliveries are taken from.
type Integration struct {
	Name  string // empty for the repositories that are of no integration
	Hooks host.Webhooks
	// Secret is what Hooks checks by, for URLs that hold it; nil: none.
	Secret host.Secret
	// HasPullRefs says that refs of pull requests are fetched, so that what happens to a pull request is a push too.
	HasPullRefs bool
}

// Index brings repositories up to date; *indexer.Indexer is one.
type Index interface {
	Registered() (all []indexer.Registered, generation uint64)
	Generation() uint64
	NudgeSince(announced time.Time, ids ...storage.RepositoryID)
	RefreshPullRequests(ids ...storage.RepositoryID)
}

// Discoverer finds the repositories of integrations; *discovery.Discoverer is one.
type Discoverer interface {
	Discover(integration string, accept bool) error
}

// The spacing of what webhooks ask for, from one time to the next. What is first asked for is done at once.
const (
	defaultSpacing = 200 * time.Millisecond // of looks at one repository
	discoverEvery  = 30 * time.Second       // of discoveries of one integration
	replayWindow   = time.Minute            // in which a delivery that comes again is the same one
)

// Options are what a Receiver works with.
type Options struct {
	Index      Index
	Discoverer Discoverer
	Spacing    time.Duration // of looks at one repository; 0: 200 ms
	Log        zerolog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Receiver takes deliveries. Its methods are safe for concurrent use.
type Receiver struct {
	index      Index
	discoverer Discoverer
	log        zerolog.Logger
	now        func() time.Time
	deliveries *prometheus.CounterVec
	confirm    chan confirmation
	queue      *queue
}

// New makes a receiver that knows no integration. It starts nothing.
func New(o Options) *Receiver {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Spacing == 0 {
		o.Spacing = defaultSpacing
	}
	r := &Receiver{
		index: o.Index, discoverer: o.Discoverer, log: o.Log, now: o.Now,
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keytrail_webhooks_total",
			Help: "Deliveries of webhooks, by what became of them: accepted, duplicate, ignored, unknown, refused, malformed, busy. " +
				"Those to no integration have no name.",
		}, []string{"integration", "outcome"}),
		confirm: make(chan confirmation, maxConfirmations),
		queue:   newQueue(o.Index, o.Spacing),
	}
	o.Registerer.MustRegister(r.deliveries)
	r.deliveries.WithLabelValues("", outcomeRefused)
	return r
}

// Set replaces the integrations. One with the name of a former one goes on where that was.
func (r *Receiver) Set(integrations []Integration) {
	for _, in := range integrations {
		for _, outcome := range []string{outcomeAccepted, outcomeDuplicate, outcomeIgnored, outcomeUnknown, outcomeRefused, outcomeMalformed, outcomeBusy} {
			r.deliveries.WithLabelValues(in.Name, outcome) // a series that is not there cannot be watched
		}
	}
	r.queue.set(integrations)
}

// Run does what deliveries ask for until the context ends, and returns when all its work has ended.
func (r *Receiver) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			if !r.queue.wait(ctx, r.work(), r.now) {
				return nil
			}
		}
	})
	g.Go(func() error { r.confirmAll(ctx); return nil })
	return g.Wait()
}

// work does what is due, and gives when there is more to do; zero when only a delivery changes that.
func (r *Receiver) work() (next time.Time) {
	due, next := r.queue.take(r.now())
	for _, l := range due.looks {
		r.index.NudgeSince(l.announced, l.id)
	}
	if len(due.pulls) > 0 {
		r.index.RefreshPullRequests(due.pulls...)
	}
	for _, name := range due.discoveries {
		if err := r.discoverer.Discover(name, false); err != nil {
			r.log.Warn().Err(err).Str("integration", name).Msg("a webhook tells of a change to the repositories, which could not be discovered")
		}
	}
	return next
}

// Discovered says that the repositories of an integration are now those that its host has: what waited for it is looked at.
func (r *Receiver) Discovered(integration string) { r.queue.discovered(integration, r.now()) }

// The outcomes of a delivery.
const (
	outcomeAccepted  = "accepted"
	outcomeDuplicate = "duplicate" // accepted before
	outcomeIgnored   = "ignored"   // nothing that concerns the index
	outcomeUnknown   = "unknown"   // about repositories that the index does not have, and that no discovery is to bring now
	outcomeRefused   = "refused"   // nothing proves that it is the host's
	outcomeMalformed = "malformed" // it is the host's and cannot be read
	outcomeBusy      = "busy"      // the host is asked to send it again
)

func (r *Receiver) count(integration, outcome string) {
	r.deliveries.WithLabelValues(integration, outcome).Inc()
}
