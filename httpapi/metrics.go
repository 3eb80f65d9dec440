package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what this package measures.
type metrics struct {
	duration *prometheus.HistogramVec // route, method, code
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "keytrail_http_request_duration_seconds",
			Help:    "Time from the header of a request to the end of its answer.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keytrail_http_requests_in_flight",
			Help: "Requests being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keytrail_http_panics_total",
			Help: "Requests that met a bug. The log has the stack of each.",
		}),
	}
	for _, c := range []prometheus.Collector{m.duration, m.inFlight, m.panics} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// request counts one answer. A request that was cut off before its answer began has the code 0. Methods are
// clients' words: those that no route has count as one, so that nobody can fill the memory with labels.
func (m *metrics) request(route, method string, code int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other"
	}
	m.duration.WithLabelValues(route, method, strconv.Itoa(code)).Observe(took.Seconds())
}
