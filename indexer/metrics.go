package indexer

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keytrail/storage"
)

// metrics are what an operator watches of indexing.
type metrics struct {
	fetches         *prometheus.CounterVec
	fetchDuration   prometheus.Histogram
	receivedBytes   prometheus.Counter
	commitsIndexed  prometheus.Counter
	advanceDuration prometheus.Histogram
	pushVisible     prometheus.Histogram
	errors          *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, x *Indexer) *metrics {
	m := &metrics{
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keytrail_fetches_total",
			Help: "Looks at repositories, by how they ended: changed, unchanged, failed.",
		}, []string{"integration", "outcome"}),
		fetchDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "keytrail_fetch_duration_seconds",
			Help:    "How long a look took, with the fetch and the indexing that followed from it.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
		receivedBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keytrail_fetch_received_bytes_total",
			Help: "Bytes of packs received from git hosts.",
		}),
		commitsIndexed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keytrail_commits_indexed_total",
			Help: "Commits added to the index of a repository.",
		}),
		advanceDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "keytrail_advance_duration_seconds",
			Help:    "How long a repository's step took, from the walk to the synced write.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
		pushVisible: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "keytrail_push_visible_seconds",
			Help:    "From when a push was announced to when its commits could be queried.",
			Buckets: []float64{.025, .05, .1, .15, .25, .5, 1, 2.5, 5, 15, 60},
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keytrail_errors_total",
			Help: "Failures of indexing and discovery, by class.",
		}, []string{"class"}),
	}
	for _, class := range []storage.ErrorClass{
		storage.ClassTransient, storage.ClassThrottled, storage.ClassAuth, storage.ClassGone,
		storage.ClassCorrupt, storage.ClassFull, storage.ClassFenced, storage.ClassBug,
	} {
		m.errors.WithLabelValues(string(class))
	}
	reg.MustRegister(m.fetches, m.fetchDuration, m.receivedBytes, m.commitsIndexed, m.advanceDuration,
		m.pushVisible, m.errors, &gauges{x: x})
	return m
}

func (m *metrics) fetched(integration, outcome string, took time.Duration) {
	m.fetches.WithLabelValues(integration, outcome).Inc()
	m.fetchDuration.Observe(took.Seconds())
}

func (m *metrics) failed(class storage.ErrorClass) { m.errors.WithLabelValues(string(class)).Inc() }

// gauges are figures of the moment, read from the store and the schedule when they are asked for.
type gauges struct{ x *Indexer }

var (
	descRepositories = prometheus.NewDesc("keytrail_repositories",
		"Repositories, by where they stand.", []string{"integration", "state"}, nil)
	descLag = prometheus.NewDesc("keytrail_index_lag_seconds",
		"Age of the oldest change that is known and not indexed.", []string{"integration"}, nil)
	descStaleness = prometheus.NewDesc("keytrail_repository_staleness_seconds",
		"Time since the last successful look at each repository.", nil, nil)
	descPostings = prometheus.NewDesc("keytrail_postings",
		"Postings in the index: (issue key, repository, commit).", nil, nil)
	descQueue = prometheus.NewDesc("keytrail_queue_repositories",
		"Repositories in the schedule, by what they wait for.", []string{"state"}, nil)
	descBytes = prometheus.NewDesc("keytrail_storage_bytes",
		"Space that the index takes on disk.", nil, nil)
)

// stalenessBuckets reach from a moment to two days.
var stalenessBuckets = []float64{1, 10, 60, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600, 48 * 3600}

func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRepositories, descLag, descStaleness, descPostings, descQueue, descBytes} {
		out <- d
	}
}

func (g *gauges) Collect(out chan<- prometheus.Metric) {
	now := g.x.now()
	type label struct {
		integration string
		state       storage.State
	}
	repositories := map[label]int{}
	ages := make([]uint64, len(stalenessBuckets))
	count, sum := uint64(0), 0.0
	for r, err := range g.x.store.Repositories(context.Background()) {
		if err != nil {
			out <- prometheus.NewInvalidMetric(descRepositories, err)
			return
		}
		repositories[label{r.Integration, r.State()}]++
		if r.State() == storage.StateRetired || r.SeenAt.IsZero() {
			continue
		}
		age := now.Sub(r.SeenAt).Seconds()
		count++
		sum += age
		for i, bound := range stalenessBuckets {
			if age <= bound {
				ages[i]++
			}
		}
	}
	for l, n := range repositories {
		out <- prometheus.MustNewConstMetric(descRepositories, prometheus.GaugeValue, float64(n), l.integration, string(l.state))
	}
	buckets := make(map[float64]uint64, len(ages))
	for i, bound := range stalenessBuckets {
		buckets[bound] = ages[i]
	}
	out <- prometheus.MustNewConstHistogram(descStaleness, count, sum, buckets)
	g.collectLag(out, now)
	g.collectQueue(out)
	g.collectStore(out)
}

// collectLag gives the lag of each integration; 0 when nothing is known to be missing.
func (g *gauges) collectLag(out chan<- prometheus.Metric, now time.Time) {
	lag := map[string]float64{}
	for _, t := range g.x.snapshot() {
		age := 0.0
		if since := t.changed.Load(); since != 0 {
			age = now.Sub(time.Unix(0, since)).Seconds()
		}
		lag[t.Spec.Integration] = max(lag[t.Spec.Integration], age)
	}
	for integration, age := range lag {
		out <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, age, integration)
	}
}

func (g *gauges) collectQueue(out chan<- prometheus.Metric) {
	s := g.x.schedule.Stats()
	for _, q := range []struct {
		state string
		n     int
	}{{"queued", s.Queued}, {"running", s.Running}, {"backing_off", s.BackingOff}, {"idle", s.Idle}} {
		out <- prometheus.MustNewConstMetric(descQueue, prometheus.GaugeValue, float64(q.n), q.state)
	}
}

func (g *gauges) collectStore(out chan<- prometheus.Metric) {
	stats, err := g.x.store.Stats(context.Background())
	if err != nil {
		out <- prometheus.NewInvalidMetric(descBytes, err)
		return
	}
	out <- prometheus.MustNewConstMetric(descPostings, prometheus.GaugeValue, float64(stats.Postings))
	out <- prometheus.MustNewConstMetric(descBytes, prometheus.GaugeValue, float64(stats.Bytes))
}
