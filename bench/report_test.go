package bench

import "testing"

func TestSeriesIsTheMedianAndTheEnds(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Series
	}{
		{[]float64{4}, Series{4, 4, 4}},
		{[]float64{3, 1}, Series{2, 1, 3}},
		{[]float64{9, 1, 2}, Series{2, 1, 9}},
		{[]float64{8, 2, 4, 1}, Series{3, 1, 8}},
	} {
		if got := series(c.values); got != c.want {
			t.Errorf("series of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	c := IndexCase{Rows: []Row{
		{Samples: []Sample{{Wall: 1, User: 1, System: 1, Peak: 10}, {Round: 1, Wall: 10, User: 3, System: 1, Peak: 20}, {Round: 2, Wall: 2, User: 1, Peak: 30}}},
		{Samples: []Sample{{Wall: 2, User: 4}, {Round: 1, Wall: 20, User: 4}, {Round: 2, Wall: 8, User: 1}}},
		{Samples: []Sample{{Round: 1, Wall: 40, User: 8}}},
	}}
	c.summarise()
	if got, want := c.Rows[1].WallRatio, (Series{0.5, 0.25, 0.5}); got != want {
		t.Errorf("wall ratio %v, want %v", got, want)
	}
	if got, want := c.Rows[1].CPURatio, (Series{1, 0.5, 1}); got != want {
		t.Errorf("CPU ratio %v, want %v", got, want)
	}
	if got, want := c.Rows[2].WallRatio, (Series{0.25, 0.25, 0.25}); got != want {
		t.Errorf("by one that took part in one round %v, want %v", got, want)
	}
	if got, want := c.Rows[0].Peak, (Series{20, 10, 30}); got != want {
		t.Errorf("peak %v, want %v", got, want)
	}
	if got := c.Rows[0].WallRatio; got != (Series{}) {
		t.Errorf("keytrail by itself %v", got)
	}
}

func TestPercentileIsTheSmallestValueThatTheShareDoesNotExceed(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	for share, want := range map[float64]float64{0.01: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.99: 4, 1: 4} {
		if got := Percentile(values, share); got != want {
			t.Errorf("p%g of %v is %g, want %g", share*100, values, got, want)
		}
	}
}

func TestSpreadLeavesOutEndsThatPrintAlike(t *testing.T) {
	if got := spread(Series{1, 0.999, 1.001}, 1, "%.2f"); got != "1.00" {
		t.Errorf("got %s", got)
	}
	if got := spread(Series{1 << 20, 1 << 19, 1 << 21}, 1<<20, "%.1f"); got != "1.0 (0.5–2.0)" {
		t.Errorf("got %s", got)
	}
}
