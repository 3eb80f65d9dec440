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
	c := Comparison{
		Subject: Row{Samples: []Sample{{Wall: 1, User: 1, System: 1, Peak: 10}, {Wall: 10, User: 3, System: 1, Peak: 20}, {Wall: 2, User: 1, Peak: 30}}},
		Peer:    Row{Samples: []Sample{{Wall: 2, User: 4, Peak: 20}, {Wall: 20, User: 4, Peak: 20}, {Wall: 8, User: 1, Peak: 20}}},
	}
	c.summarise()
	if want := (Series{0.5, 0.25, 0.5}); c.Wall != want {
		t.Errorf("wall ratio %v, want %v", c.Wall, want)
	}
	if want := (Series{1, 0.5, 1}); c.CPU != want {
		t.Errorf("CPU ratio %v, want %v", c.CPU, want)
	}
	if want := (Series{20, 10, 30}); c.Subject.Peak != want {
		t.Errorf("peak %v, want %v", c.Subject.Peak, want)
	}
	if c.Disk != (Series{}) {
		t.Errorf("disk ratio %v of a peer that takes none", c.Disk)
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
