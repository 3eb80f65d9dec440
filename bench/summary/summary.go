// Package summary makes one page, and the plots on it, of all the reports in a folder.
//
// Every measurement of package bench leaves a page of its own and its samples as JSON. Write reads the JSON again, whichever
// of it is there and whenever it was measured, so that a long measurement may be repeated alone:
//
//	err := summary.Write("bench/report") // bench/report/README.md and *.svg
package summary

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keytrail/bench"
)

// reports are those of a folder.
type reports struct {
	indexes []bench.Report // by number of commits
	pushes  []bench.PushReport
	sweeps  []bench.SweepReport
	queries []bench.QueryReport
	pages   []page // all of them, by file name
}

// page is what every report has.
type page struct {
	file  string // without its suffix
	Day   string
	Goals []bench.Goal
	Cases []struct {
		Name  string
		Goals []bench.Goal
	}
}

// Write writes README.md and the plots of it into a folder of reports.
func Write(dir string) error {
	r, err := read(dir)
	if err != nil {
		return err
	}
	plots, err := r.plot(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(r.markdown(plots)), 0o644)
}

func read(dir string) (*reports, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no report in %s, measure something first", dir)
	}
	r := &reports{}
	for _, file := range files {
		if err := r.add(file); err != nil {
			return nil, fmt.Errorf("report %s: %w", file, err)
		}
	}
	slices.SortStableFunc(r.indexes, func(a, b bench.Report) int { return cmp.Compare(a.Repository.Commits, b.Repository.Commits) })
	return r, nil
}

func (r *reports) add(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p := page{file: strings.TrimSuffix(filepath.Base(file), ".json")}
	kind, _, _ := strings.Cut(p.file, "-")
	err = json.Unmarshal(text, &p)
	switch kind {
	case "index":
		r.indexes, err = appended(r.indexes, text, err)
	case "push":
		r.pushes, err = appended(r.pushes, text, err)
	case "query":
		r.queries, err = appended(r.queries, text, err)
	case "sweep":
		r.sweeps, err = appended(r.sweeps, text, err)
	}
	r.pages = append(r.pages, p)
	return err
}

// appended adds a report, unless there is an error already.
func appended[R any](list []R, text []byte, err error) ([]R, error) {
	var one R
	err = errors.Join(err, json.Unmarshal(text, &one))
	return append(list, one), err
}

// rowOf gives the row of a contestant of one of a report's cases; nil where it took no part.
func rowOf(r bench.Report, where, name string) *bench.Row {
	for i := range r.Cases {
		if r.Cases[i].Name == where {
			return r.Cases[i].Row(name)
		}
	}
	return nil
}
