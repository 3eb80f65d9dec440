package history

import (
	"errors"
	"fmt"
	"slices"
)

// Options say what a history looks like. Start from Default or Demo: the zero value is refused.
// Shares are fractions from 0 to 1.
type Options struct {
	Seed    uint64
	Commits int     // commits reachable from branches, tags and pull refs; commits of refs/notes come on top
	Merges  float64 // share of commits with two parents, at most 0.5; a few more where open branches must be closed

	Branches  int     // refs/heads beside main
	Releases  int     // how many of Branches are release/M.N, long-lived, with backports
	Tags      int     // refs/tags
	Annotated float64 // share of tags that are tag objects; the others are lightweight
	Pulls     int     // refs/pull/N/head, N from 1
	Notes     int     // commits with a note in refs/notes/commits

	Projects  []string // project keys, upper case
	Numbers   int      // issue numbers run from 1 to Numbers in each project
	Keyless   float64  // share of commits without a key
	KeysMean  float64  // mean number of different keys of the others, at least 1 and below 8
	Traps     float64  // share of messages with text that looks like a key and is none
	BodyBytes int      // mean size of a message beyond its subject, bytes

	Authors int   // different author names
	Start   int64 // committer date of the first commit, seconds since 1970
	Days    int   // length of the history
	Trees   bool  // small real trees, one changed file a commit; otherwise every commit has the empty tree
	Files   int   // files of a large real tree of which each commit edits a few, some KB each; 0: as Trees says

	Repack bool // Create only: repack with deltas when written (slow)
}

// Default gives a history of the given number of commits in the proportions of a large open-source project.
func Default(commits int) Options {
	return Options{
		Seed:      1,
		Commits:   commits,
		Merges:    0.1,
		Branches:  commits / 1000,
		Releases:  min(commits/5000, 60),
		Tags:      commits / 500,
		Annotated: 0.7,
		Pulls:     commits / 50,
		Projects:  []string{"CORE", "WEB", "DATA", "OPS_TEAM", "MOBILE2"},
		Numbers:   max(commits/8, 10),
		Keyless:   0.25,
		KeysMean:  1.3,
		Traps:     0.02,
		BodyBytes: 180,
		Authors:   max(commits/200, 5),
		Start:     1_420_070_400, // 2015-01-01
		Days:      3650,
	}
}

// Demo gives the small shop project that a first start of keytrail indexes: three teams, three release branches,
// open feature branches and pull requests, tags, and a few notes.
func Demo() Options {
	return Options{
		Seed:      2024,
		Commits:   300,
		Merges:    0.12,
		Branches:  9,
		Releases:  3,
		Tags:      9,
		Annotated: 0.7,
		Pulls:     15,
		Notes:     6,
		Projects:  []string{"DEMO", "SHOP", "PAY"},
		Numbers:   40,
		Keyless:   0.2,
		KeysMean:  1.3,
		Traps:     0.05,
		BodyBytes: 120,
		Authors:   12,
		Start:     1_704_096_000, // 2024-01-01
		Days:      540,
		Trees:     true,
	}
}

// maxNumbers bounds Numbers: the count of different keys takes one bit for each.
const maxNumbers = 100_000_000

// maxFiles bounds Files: some 2 KB are remembered of each.
const maxFiles = 1_000_000

// maxCommits keeps products of counts and dates within 63 bits on every machine.
const maxCommits = 1_000_000_000

func (o Options) check() error {
	var errs []error
	within := func(name string, v, low, high int) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("%s is %d, want %d to %d", name, v, low, high))
		}
	}
	within("commits", o.Commits, 1, maxCommits)
	within("branches", o.Branches, 0, maxCommits)
	within("releases", o.Releases, 0, o.Branches)
	within("tags", o.Tags, 0, maxCommits)
	within("pulls", o.Pulls, 0, maxCommits)
	within("notes", o.Notes, 0, o.Commits)
	within("numbers", o.Numbers, 1, maxNumbers)
	within("body bytes", o.BodyBytes, 0, 1<<20)
	within("authors", o.Authors, 1, maxCommits)
	within("files", o.Files, 0, maxFiles)
	within("days", o.Days, 1, 40_000)
	fraction := func(name string, v, low, high float64) {
		if !(v >= low && v <= high) {
			errs = append(errs, fmt.Errorf("%s is %g, want %g to %g", name, v, low, high))
		}
	}
	fraction("merges", o.Merges, 0, 0.5)
	fraction("annotated", o.Annotated, 0, 1)
	fraction("keyless", o.Keyless, 0, 1)
	fraction("traps", o.Traps, 0, 1)
	fraction("keys mean", o.KeysMean, 1, maxKeys)
	if o.Start < 0 || o.Start > 1<<40 {
		errs = append(errs, fmt.Errorf("start is %d, want seconds since 1970", o.Start))
	}
	errs = append(errs, checkProjects(o.Projects))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("history options: %w", err)
	}
	return nil
}

func checkProjects(projects []string) error {
	if len(projects) == 0 {
		return errors.New("no project, want at least one such as CORE")
	}
	for i, p := range projects {
		if !isProject(p) {
			return fmt.Errorf("project %q: want two or more of A-Z, 0-9 and _, a letter first", p)
		}
		if slices.Contains([]string{"UTF", "SHA", "ISO", "CVE", "RFC"}, p) {
			return fmt.Errorf("project %s: keytrail ignores this project unless told otherwise, choose another", p)
		}
		if slices.Contains(projects[:i], p) {
			return fmt.Errorf("project %s is named twice", p)
		}
	}
	return nil
}

func isProject(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) >= 2
}
