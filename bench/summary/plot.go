package summary

import (
	"fmt"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"keytrail/bench"
)

// The size of a plot.
const (
	plotWidth  = 20 * vg.Centimeter
	plotHeight = 11 * vg.Centimeter
)

// plotFile is a plot that was written.
type plotFile struct{ name, title string }

// line is a named line of a plot.
type line struct {
	name   string
	points plotter.XYs
}

// plot writes the plots that the reports hold enough for.
func (r *reports) plot(dir string) ([]plotFile, error) {
	var done []plotFile
	save := func(p *plot.Plot, name string) error {
		done = append(done, plotFile{name, p.Title.Text})
		return p.Save(plotWidth, plotHeight, filepath.Join(dir, name))
	}
	for _, each := range []struct {
		name, title, y string
		figure         func(*bench.Row) float64
	}{
		{"wall.svg", "First build from a folder: wall time", "seconds", func(r *bench.Row) float64 { return r.Wall.Median }},
		{"cpu.svg", "First build from a folder: CPU time", "seconds", func(r *bench.Row) float64 { return r.CPU.Median }},
		{"memory.svg", "First build from a folder: peak memory beyond mapped files", "MB", func(r *bench.Row) float64 { return r.Anonymous.Median / 1e6 }},
	} {
		lines := r.ladder(each.figure)
		if len(lines) == 0 {
			continue
		}
		p, err := logarithmic(each.title, "commits", each.y, lines)
		if err == nil {
			err = save(p, each.name)
		}
		if err != nil {
			return nil, fmt.Errorf("plot %s: %w", each.name, err)
		}
	}
	for _, report := range r.indexes {
		p, err := bars(report)
		if err == nil && p != nil {
			err = save(p, "cpu-"+report.Name+".svg")
		}
		if err != nil {
			return nil, fmt.Errorf("plot the CPU time of %s: %w", report.Name, err)
		}
	}
	if len(r.pushes) > 0 {
		p, err := r.latencies()
		if err == nil {
			err = save(p, "push.svg")
		}
		if err != nil {
			return nil, fmt.Errorf("plot the latencies of pushes: %w", err)
		}
	}
	return done, nil
}

// ladder gives a line for each contestant, by the number of commits of made histories and others alike.
func (r *reports) ladder(figure func(*bench.Row) float64) []line {
	var lines []line
	for _, name := range bench.FolderNames() {
		l := line{name: name}
		for _, report := range r.indexes {
			row := rowOf(report, bench.CaseFolder, name)
			if row == nil || figure(row) <= 0 || report.Repository.Commits == 0 {
				continue // a logarithm of nothing
			}
			l.points = append(l.points, plotter.XY{X: float64(report.Repository.Commits), Y: figure(row)})
		}
		if len(l.points) > 0 {
			lines = append(lines, l)
		}
	}
	return lines
}

// logarithmic plots lines on two logarithmic axes.
func logarithmic(title, x, y string, lines []line) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	var named []any
	for _, l := range lines {
		named = append(named, l.name, l.points)
	}
	if err := plotutil.AddLinePoints(p, named...); err != nil {
		return nil, err
	}
	p.Add(plotter.NewGrid())
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale, axis.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		axis.Min = math.Pow(10, math.Floor(math.Log10(axis.Min)))
		axis.Max = math.Pow(10, math.Floor(math.Log10(axis.Max))+1)
	}
	return p, nil
}

// bars plots the CPU time of every contestant of a folder; nothing where there is no such case.
func bars(report bench.Report) (*plot.Plot, error) {
	var values plotter.Values
	var names []string
	all := bench.FolderNames()
	for i := range all { // the first is drawn lowest
		name := all[len(all)-1-i]
		if row := rowOf(report, bench.CaseFolder, name); row != nil {
			values, names = append(values, row.CPU.Median), append(names, name)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	chart, err := plotter.NewBarChart(values, vg.Points(18))
	if err != nil {
		return nil, err
	}
	chart.Horizontal, chart.Color, chart.LineStyle.Width = true, plotutil.Color(2), 0
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, %d commits, from a folder: CPU time", report.Name, report.Repository.Commits)
	p.X.Label.Text, p.X.Min = "seconds", 0
	p.Add(chart)
	p.X.Max *= 1.05
	p.NominalY(names...)
	return p, nil
}

// latencies plots how long pushes take to answer, by the share of them that is faster.
func (r *reports) latencies() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "One new commit: from the nudge to an answer", "percentile", "milliseconds"
	p.Legend.Top, p.Legend.Left = true, true
	var named []any
	for _, push := range r.pushes {
		var points plotter.XYs
		for share := 1; share <= 100; share++ {
			points = append(points, plotter.XY{X: float64(share), Y: bench.Percentile(push.Latencies, float64(share)/100) * 1e3})
		}
		named = append(named, push.Name, points)
	}
	if err := plotutil.AddLines(p, named...); err != nil {
		return nil, err
	}
	p.Add(plotter.NewGrid())
	p.Y.Min = 0
	return p, nil
}
