package mirror

import (
	"slices"
	"testing"
)

func TestARefTellsTheRefspecThatBringsIt(t *testing.T) {
	specs, err := ParseRefspecs(true, true, []string{"refs/pull/*:refs/remotes/pr/*", "+refs/meta/config"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"refs/heads/a/b":         "+refs/heads/*:refs/heads/*",
		"refs/notes/commits":     "+refs/notes/*:refs/notes/*",
		"refs/remotes/pr/7/head": "+refs/pull/*:refs/remotes/pr/*",
		"refs/meta/config":       "+refs/meta/config:refs/meta/config",
		"refs/pull/7/head":       "",
		"refs/meta/other":        "",
	} {
		if got := specs.For(name); got != want {
			t.Errorf("%s comes by %q, want %q", name, got, want)
		}
	}
	if texts := specs.Texts(); len(texts) != 6 || !slices.Contains(texts, "+refs/pull/*:refs/remotes/pr/*") {
		t.Errorf("texts %q", texts)
	}
}
