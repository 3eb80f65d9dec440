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
	Name        string       `json:"name"`
	Day         string       `json:"day"` // UTC, such as 2026-11-23
	Rounds      int          `json:"rounds"`
	Machine     Machine      `json:"machine"`
	Versions    Versions     `json:"versions"`
	Repository  Repository   `json:"repository"`
	PeakFloor   int64        `json:"peak_floor_bytes"` // a smaller peak than this cannot be seen
	Comparisons []Comparison `json:"comparisons"`
}

// Versions are those of what was measured and what measured it.
type Versions struct {
	Keytrail string `json:"keytrail,omitempty"` // empty where bench is built from the same tree
	Git      string `json:"git"`
	Libgit2  string `json:"libgit2,omitempty"` // of the peer
	Go       string `json:"go"`
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

// Comparison is a keytrail command beside its peer. Ratios are subject by peer, taken round by round.
type Comparison struct {
	Name    string `json:"name"`
	Subject Row    `json:"subject"`
	Peer    Row    `json:"peer"`
	Wall    Series `json:"wall_ratio"`
	CPU     Series `json:"cpu_ratio"`
	Peak    Series `json:"peak_ratio"`
	Disk    Series `json:"disk_ratio"`
}

// Row is one command's samples and what they come to: seconds and bytes.
type Row struct {
	Name    string   `json:"name"`
	Command string   `json:"command"`
	Samples []Sample `json:"samples"`
	Wall    Series   `json:"wall_seconds"`
	CPU     Series   `json:"cpu_seconds"`
	Peak    Series   `json:"peak_bytes"`
	Disk    Series   `json:"disk_bytes"`
	Index   Series   `json:"index_bytes"` // of Disk
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

// The figures of a sample that both sides have.
var figures = [...]func(Sample) float64{
	func(s Sample) float64 { return s.Wall },
	func(s Sample) float64 { return s.CPU() },
	func(s Sample) float64 { return float64(s.Peak) },
	func(s Sample) float64 { return float64(s.Disk) },
}

func (c *Comparison) summarise() {
	subject := [...]*Series{&c.Subject.Wall, &c.Subject.CPU, &c.Subject.Peak, &c.Subject.Disk}
	peer := [...]*Series{&c.Peer.Wall, &c.Peer.CPU, &c.Peer.Peak, &c.Peer.Disk}
	ratio := [...]*Series{&c.Wall, &c.CPU, &c.Peak, &c.Disk}
	var sizes []float64
	for _, s := range c.Subject.Samples {
		sizes = append(sizes, float64(s.Index))
	}
	c.Subject.Index = series(sizes)
	for i, figure := range figures {
		var a, b, r []float64
		for round, s := range c.Subject.Samples {
			a = append(a, figure(s))
			b = append(b, figure(c.Peer.Samples[round]))
			if b[round] > 0 {
				r = append(r, a[round]/b[round])
			}
		}
		*subject[i], *peer[i] = series(a), series(b)
		if len(r) > 0 {
			*ratio[i] = series(r)
		}
	}
}

// Write writes index-NAME.json and index-NAME.md into a directory, which is made if missing.
func (r Report) Write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, "index-"+r.Name)
	return errors.Join(
		os.WriteFile(base+".json", append(data, '\n'), 0o644),
		os.WriteFile(base+".md", []byte(r.Markdown()), 0o644))
}
