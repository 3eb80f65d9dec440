package discovery

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keytrail/storage"
)

// State says how the discoveries of an integration go.
type State struct {
	Name string
	Kind string

	// Of the last answer that was believed; zero before the first since the start.
	LastSuccess time.Time
	Listed      int // all that the account sees
	Selected    int // of them, by the filter
	Archived    int // of the selected: looked at like others
	Disabled    int // of the selected: kept and not looked at

	// Of the failures since; zero after a success.
	Class        storage.ErrorClass
	Text         string // for an operator; names the way out, holds no secret
	FailingSince time.Time
	Failures     int // in a row
	Doubted      int // how often in a row the same implausible answer was given

	Next      time.Time // when the next discovery is; zero while one runs
	IsRunning bool
	Began     time.Time // of the discovery that runs; zero while none does
}

// States tells of all integrations, in the order of the configuration.
func (d *Discoverer) States() []State {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := make([]State, len(d.integrations))
	for i, in := range d.integrations {
		states[i] = in.state
		if states[i].IsRunning = in.running != nil; states[i].IsRunning {
			states[i].Began = in.began
		} else {
			states[i].Next = in.due
		}
	}
	return states
}

// collector gives the metrics, read when they are asked for, so that an integration that is no longer configured has none.
type collector struct{ d *Discoverer }

var descLastSuccess = prometheus.NewDesc("keytrail_discovery_last_success_timestamp_seconds",
	"When the set of an integration's repositories was last read with success, 0 before the first time since the start; "+
		"the configuration's own repositories have no name.", []string{"integration"}, nil)

// Describe is of prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) { out <- descLastSuccess }

// Collect is of prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.d.mu.Lock()
	configured := c.d.configured
	c.d.mu.Unlock()
	tell := func(name string, at time.Time) {
		seconds := 0.0
		if !at.IsZero() {
			seconds = float64(at.Unix())
		}
		out <- prometheus.MustNewConstMetric(descLastSuccess, prometheus.GaugeValue, seconds, name)
	}
	tell("", configured)
	for _, s := range c.d.States() {
		tell(s.Name, s.LastSuccess)
	}
}
