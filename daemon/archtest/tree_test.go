package archtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestGoCodeLivesInTheKnownFolders(t *testing.T) {
	for _, file := range sources(t, ".go") {
		if folder, _, _ := strings.Cut(file.path, "/"); !slices.Contains([]string{"daemon", "indexer", "storage", "httpapi", "bench"}, folder) {
			t.Errorf("%s: Go code belongs into daemon, indexer, storage, httpapi or bench", file.path)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	const most = 500
	for _, file := range sources(t, ".go") {
		if n := strings.Count(file.text, "\n"); n > most && !strings.HasSuffix(file.path, "_test.go") {
			t.Errorf("%s has %d lines: split it by idea, %d are the most", file.path, n, most)
		}
	}
}

func TestEveryPackageIsIntroduced(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles)+len(p.CgoFiles) == 0 {
			continue // tests alone
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: begin its package comment with %q; it is %q", p.ImportPath, want, p.Doc)
		}
	}
}

func TestNothingIsLeftUnfinished(t *testing.T) {
	// Written in two parts, so as not to find themselves. With a colon, one of them is a tag of the command line's library.
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|(?i:not (yet )?imple` + `mented|dum` + `my|for n` + `ow))\b|(?i:place` + `holder)([^:]|$)`)
	for _, file := range sources(t, ".go", ".md", ".yaml", ".mod", "Makefile", "Dockerfile", ".ci/run", ".ci/deps", ".ci/lint", ".ci/start") {
		for i, line := range strings.Split(file.text, "\n") {
			if word := unfinished.FindString(line); word != "" {
				t.Errorf("%s:%d says %q: finish it", file.path, i+1, word)
			}
		}
	}
}

func TestDirectModulesAreFew(t *testing.T) {
	const most = 20
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		isTool := slices.ContainsFunc(testTools(), func(tool string) bool { return within(r.Path, tool) })
		if !r.Indirect && !isTool {
			direct = append(direct, r.Path)
		}
	}
	if len(direct) > most {
		t.Errorf("%d direct modules beside the test tools, %d are the most:\n%s", len(direct), most, strings.Join(direct, "\n"))
	}
}

func TestTheImageIsMadeWithTheModulesGoAndIsNotRoot(t *testing.T) {
	var mod struct{ Go string }
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`^\d+\.\d+`).FindString(mod.Go)
	for _, file := range sources(t, "Dockerfile") {
		for _, line := range []string{"\nFROM golang:" + release + "-bookworm ", "\nFROM debian:bookworm-slim\n", "\nUSER 10001:10001\n"} {
			if !strings.Contains(file.text, line) {
				t.Errorf("%s lacks the line %q", file.path, strings.TrimSpace(line))
			}
		}
	}
}
