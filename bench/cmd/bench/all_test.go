package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestEveryStepIsACommandLine(t *testing.T) {
	c := allCmd{place: place{Keytrail: "bin/keytrail", Work: t.TempDir(), Report: t.TempDir()}}
	for _, step := range slices.Concat(steps(false), steps(true)) {
		var got cli
		parser, err := kong.New(&got)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(c.expand(step, []string{"--repo", "made.git"})); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}

func TestAStepKeepsItsHistoryAndItsFolders(t *testing.T) {
	c := allCmd{place: place{Keytrail: "K", Work: "W", Report: "R"}}
	if got := strings.Join(c.expand("push HISTORY --costs 3", []string{"--history", "kafka"}), " "); got != "push --history kafka --costs 3 --work W --report R --keytrail K" {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(c.expand("fetch HISTORY", []string{"--repo", "x"}), " "); got != "fetch --repo x --work W --report R" {
		t.Errorf("got %s", got)
	}
}
