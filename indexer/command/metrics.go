package command

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches of commands.
type metrics struct {
	commands *prometheus.CounterVec
	waiting  prometheus.Gauge
}

// The outcomes of a command, and of an attempt that is to be repeated.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"
	outcomeSkipped = "skipped"
	outcomeRetried = "retried"
)

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keytrail_smart_commands_total",
			Help: "Commands of smart commits, by what became of them: done, failed, skipped; retried counts attempts that are to be repeated.",
		}, []string{"outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keytrail_smart_commands_waiting",
			Help: "Commands of smart commits that are still to be done in Jira.",
		}),
	}
	registerer.MustRegister(m.commands, m.waiting)
	for _, outcome := range []string{outcomeDone, outcomeFailed, outcomeSkipped, outcomeRetried} {
		m.commands.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) count(outcome string) { m.commands.WithLabelValues(outcome).Inc() }
