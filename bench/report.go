package bench

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// Report is one measurement. Its JSON form keeps every sample, its Markdown form what there is to read.
type Report struct {
	Name       string      `json:"name"`
	Day        string      `json:"day"` // UTC, such as 2026-11-23
	Rounds     int         `json:"rounds"`
	Machine    Machine     `json:"machine"`
	Versions   Versions    `json:"versions"`
	Repository Repository  `json:"repository"`
	PeakFloor  int64       `json:"peak_floor_bytes"` // a smaller peak than this cannot be seen
	Cases      []IndexCase `json:"cases"`
}

// Versions are those of what was measured and what measured it.
type Versions struct {
	Keytrail   string `json:"keytrail,omitempty"` // empty where bench is built from the same tree
	Git        string `json:"git"`
	Libgit2    string `json:"libgit2,omitempty"`    // of the peer
	Libdeflate string `json:"libdeflate,omitempty"` // of the peer
	Go         string `json:"go"`
}

// Repository says what the measured history holds, by git log and the reference grammar.
type Repository struct {
	Commits  int   `json:"commits"`
	Refs     int   `json:"refs"`
	Keys     int   `json:"keys"`
	Pairs    int   `json:"pairs"`     // different (key, commit)
	PeerKeys int   `json:"peer_keys"` // what the peer's looser pattern finds
	Bytes    int64 `json:"bytes"`
}

// IndexCase is a way to reach the repository and what its contestants took. keytrail's row is the first.
type IndexCase struct {
	Name  string `json:"name"`
	Rows  []Row  `json:"rows"`
	Goals []Goal `json:"goals"`
}

// Row is one command's samples and what they come to: seconds and bytes. Ratios are keytrail by this one, taken round by
// round; keytrail has none of itself.
type Row struct {
	Name      string   `json:"name"`
	Command   string   `json:"command"`
	Samples   []Sample `json:"samples"`
	Wall      Series   `json:"wall_seconds"`
	CPU       Series   `json:"cpu_seconds"`
	Peak      Series   `json:"peak_bytes"`
	Anonymous Series   `json:"anonymous_bytes"`
	Disk      Series   `json:"disk_bytes"`
	Index     Series   `json:"index_bytes"` // of Disk
	WallRatio Series   `json:"wall_ratio"`
	CPURatio  Series   `json:"cpu_ratio"`
}

// Series is the median and the ends of several values.
type Series struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// series summarises one or more values.
func series(values []float64) Series {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Series{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// Row gives a contestant's row; nil if it takes no part.
func (c *IndexCase) Row(name string) *Row {
	for i := range c.Rows {
		if c.Rows[i].Name == name {
			return &c.Rows[i]
		}
	}
	return nil
}

// over summarises one figure of all samples.
func (r *Row) over(figure func(Sample) float64) Series {
	var values []float64
	for _, s := range r.Samples {
		values = append(values, figure(s))
	}
	return series(values)
}

// by gives the ratio of a figure to another row's, for each round that both took part in.
func (r *Row) by(other *Row, figure func(Sample) float64) Series {
	rounds := map[int]float64{}
	for _, s := range other.Samples {
		rounds[s.Round] = figure(s)
	}
	var ratios []float64
	for _, s := range r.Samples {
		if f := rounds[s.Round]; f > 0 {
			ratios = append(ratios, figure(s)/f)
		}
	}
	if len(ratios) == 0 {
		return Series{}
	}
	return series(ratios)
}

// The figures of a sample.
var (
	sampleWall      = func(s Sample) float64 { return s.Wall }
	sampleCPU       = func(s Sample) float64 { return s.CPU() }
	sampleAnonymous = func(s Sample) float64 { return float64(s.Anonymous) }
	sampleIndex     = func(s Sample) float64 { return float64(s.Index) }
)

func (c *IndexCase) summarise() {
	own := &c.Rows[0]
	for i := range c.Rows {
		r := &c.Rows[i]
		r.Wall, r.CPU, r.Anonymous, r.Index = r.over(sampleWall), r.over(sampleCPU), r.over(sampleAnonymous), r.over(sampleIndex)
		r.Peak = r.over(func(s Sample) float64 { return float64(s.Peak) })
		r.Disk = r.over(func(s Sample) float64 { return float64(s.Disk) })
		if i > 0 {
			r.WallRatio, r.CPURatio = own.by(r, sampleWall), own.by(r, sampleCPU)
		}
	}
}

// Write writes index-NAME.json and index-NAME.md into a directory, which is made if missing.
func (r Report) Write(dir string) error { return writeReport(dir, "index-"+r.Name, r) }

// writeReport writes a report's two forms.
func writeReport(dir, name string, r interface{ Markdown() string }) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, name)
	return errors.Join(
		os.WriteFile(base+".json", append(data, '\n'), 0o644),
		os.WriteFile(base+".md", []byte(r.Markdown()), 0o644))
}
