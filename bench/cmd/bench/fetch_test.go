package main

import (
	"path/filepath"
	"slices"
	"testing"

	"keytrail/bench"
	"keytrail/bench/history"

	"github.com/alecthomas/kong"
)

func TestCasesAreBranchesEveryRefAndRealTrees(t *testing.T) {
	repo := filepath.Join(t.TempDir(), "shop.git")
	if _, err := history.Create(t.Context(), repo, history.Demo(), nil); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"shop, branches and tags", "shop, every ref", "real trees"}},
		{[]string{"--trees=0"}, []string{"shop, branches and tags", "shop, every ref"}},
		{[]string{"--only=every"}, []string{"shop, every ref"}},
	} {
		var got cli
		parser, err := kong.New(&got)
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"fetch", "--repo", repo, "--work", work, "--trees=5"}, c.args...)
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		name, cases, err := got.Fetch.cases(t.Context())
		if err != nil || name != "shop" {
			t.Fatalf("name %q, error %v", name, err)
		}
		var names []string
		for _, one := range cases {
			names = append(names, one.Name)
			if isTrees := one.Name == "real trees"; one.IsFirst != isTrees || isTrees == (one.Repo == repo) {
				t.Errorf("a wrong case: %+v", one)
			}
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%v: cases %q, want %q", c.args, names, c.want)
		}
		if every := slices.IndexFunc(cases, func(one bench.FetchCase) bool { return len(one.Other) > 0 }); every < 0 || !slices.Equal(cases[every].Other, []string{"refs/pull"}) {
			t.Errorf("%v: no case of refs/pull", c.args)
		}
	}
}
