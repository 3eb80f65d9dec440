package main

import (
	"testing"

	"keytrail/bench/history"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

func TestFlagsChangeThePresetAndNothingElse(t *testing.T) {
	demo := history.Demo()
	demo.Commits, demo.Trees, demo.Merges = 900, false, 0
	custom := history.Default(5000)
	custom.Seed, custom.Pulls, custom.Projects, custom.Repack = 9, 3, []string{"CORE", "WEB"}, true
	for name, c := range map[string]struct {
		args []string
		want history.Options
	}{
		"nothing":       {nil, history.Default(100_000)},
		"commits":       {[]string{"--commits=5"}, history.Default(5)},
		"demo":          {[]string{"--preset=demo"}, history.Demo()},
		"changed demo":  {[]string{"--preset=demo", "--commits=900", "--trees=false", "--merges=0"}, demo},
		"several flags": {[]string{"--commits=5000", "--seed=9", "--pulls=3", "--projects=CORE,WEB", "--repack"}, custom},
	} {
		t.Run(name, func(t *testing.T) {
			var got cli
			parser, err := kong.New(&got)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.options()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
