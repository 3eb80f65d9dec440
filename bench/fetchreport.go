package bench

// FetchReport is one measurement of fetching. Its JSON form keeps every sample, its Markdown form what there is to read.
type FetchReport struct {
	Name      string       `json:"name"`
	Day       string       `json:"day"` // UTC, such as 2026-11-23
	Pairs     int          `json:"pairs"`
	Looks     int          `json:"looks"` // of keytrail in a sample
	Machine   Machine      `json:"machine"`
	Versions  Versions     `json:"versions"`
	PeakFloor int64        `json:"peak_floor_bytes"` // a smaller peak of a process that ends cannot be seen
	Cases     []CaseReport `json:"cases"`
}

// CaseReport is what one case came to.
type CaseReport struct {
	Name       string  `json:"name"`
	Commits    int     `json:"commits"` // that the fetched refs reach
	Refs       int     `json:"refs"`    // fetched
	Bytes      int64   `json:"bytes"`   // of the server's repository on disk
	NewCommits []int64 `json:"new_commit_bytes"`
	First      Step    `json:"first_fetch"`
	Look       Step    `json:"no_change_look"`
	New        Step    `json:"one_new_commit"`
	Goals      []Goal  `json:"goals"`
}

// Step is one of the things measured in a case.
type Step struct {
	Name string        `json:"name"`
	Rows []TransferRow `json:"rows"`
}

// row gives a contestant's row; nil if it takes no part.
func (s *Step) row(name string) *TransferRow {
	for i := range s.Rows {
		if s.Rows[i].Name == name {
			return &s.Rows[i]
		}
	}
	return nil
}

// Transfer is what one fetch took, on the client's side. Objects are those that the repository has more than before.
type Transfer struct {
	Sample
	Sent     int64 `json:"sent_bytes"`
	Received int64 `json:"received_bytes"`
	Objects  int   `json:"objects"`

	dir         string // where the answer is
	isTemporary bool   // and whether the folder of that goes once it is checked
}

// transferred puts a sample and the traffic of some fetches together, for one of them.
func transferred(s Sample, t traffic, times int) Transfer {
	n := int64(times)
	return Transfer{Sample: s, Sent: t.sent / n, Received: t.received / n}
}

// Bytes is what went both ways.
func (t Transfer) Bytes() int64 { return t.Sent + t.Received }

// TransferRow is one contestant's samples and what they come to: seconds and bytes.
type TransferRow struct {
	Name    string     `json:"name"`
	How     string     `json:"how"`
	Samples []Transfer `json:"samples"`
	Wall    Series     `json:"wall_seconds"`
	CPU     Series     `json:"cpu_seconds"`
	Peak    Series     `json:"peak_bytes"`
	Bytes   Series     `json:"bytes"`
	Objects Series     `json:"objects"`
	Disk    Series     `json:"disk_bytes"` // of a first fetch
}

// The figures of a transfer that goals speak of.
var (
	wallOf  = func(t Transfer) float64 { return t.Wall }
	cpuOf   = func(t Transfer) float64 { return t.CPU() }
	bytesOf = func(t Transfer) float64 { return float64(t.Bytes()) }
)

// over summarises one figure of all samples.
func (r *TransferRow) over(figure func(Transfer) float64) Series {
	values := make([]float64, len(r.Samples))
	for i, t := range r.Samples {
		values[i] = figure(t)
	}
	return series(values)
}

// finish sums the samples up and holds them against the goals.
func (c *CaseReport) finish() {
	for _, s := range []*Step{&c.First, &c.Look, &c.New} {
		for i := range s.Rows {
			r := &s.Rows[i]
			r.Wall, r.CPU, r.Bytes = r.over(wallOf), r.over(cpuOf), r.over(bytesOf)
			r.Peak = r.over(func(t Transfer) float64 { return float64(t.Peak) })
			r.Objects = r.over(func(t Transfer) float64 { return float64(t.Objects) })
			r.Disk = r.over(func(t Transfer) float64 { return float64(t.Disk) })
		}
	}
	c.Goals = c.goals()
}

// Write writes fetch-NAME.json and fetch-NAME.md into a directory, which is made if missing.
func (r FetchReport) Write(dir string) error { return writeReport(dir, "fetch-"+r.Name, r) }
