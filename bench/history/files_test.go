package history

import (
	"slices"
	"strings"
	"testing"
)

func TestFilesOfALargeTreeAreEditedAFewAtATime(t *testing.T) {
	repo, _ := made(t, changed(400, func(o *Options) { o.Files = 500 }))
	paths := strings.Split(said(t, repo, "ls-tree", "-r", "--name-only", "main"), "\n")
	if len(paths) != 500 {
		t.Errorf("main has %d files, want 500", len(paths))
	}
	edits := strings.Fields(said(t, repo, "log", "--no-merges", "--format=", "--name-only", "main", "--not", said(t, repo, "rev-list", "--max-parents=0", "main")))
	commits := count(t, repo, "rev-list", "--count", "--no-merges", "main") - 1
	if mean := float64(len(edits)) / float64(commits); mean < 2 || mean > 6 {
		t.Errorf("a commit edits %.1f files in the mean, want about 4", mean)
	}
	for _, path := range edits {
		if !slices.Contains(paths, path) {
			t.Fatalf("%s was edited and is not in the tree", path)
		}
	}
}

func TestFilesLieInFoldersThatShareParents(t *testing.T) {
	folders, parents := map[string]int{}, map[string]bool{}
	for i := range 3000 {
		path := place(i)
		folder := path[:strings.LastIndex(path, "/")]
		folders[folder]++
		parents[folder[:strings.LastIndex(folder, "/")]] = true
	}
	if len(folders) != 3000/perFolder || len(parents) >= len(folders) {
		t.Errorf("%d folders in %d parents, want %d in fewer", len(folders), len(parents), 3000/perFolder)
	}
	for folder, n := range folders {
		if n != perFolder {
			t.Errorf("%s holds %d files, want %d", folder, n, perFolder)
		}
	}
}

func TestAnEditKeepsMostLinesOfAFile(t *testing.T) {
	tree := newTree(1, 50)
	before := map[string]string{}
	for f := range tree.all {
		before[f.path] = string(f.content)
	}
	var kept, lines int
	for _, f := range tree.edit() {
		old := strings.Split(before[f.path], "\n")
		if before[f.path] == string(f.content) {
			t.Errorf("%s is as it was", f.path)
		}
		for line := range strings.Lines(string(f.content)) {
			lines++
			if slices.Contains(old, strings.TrimSuffix(line, "\n")) {
				kept++
			}
		}
	}
	if kept == 0 || kept == lines {
		t.Errorf("%d of %d lines were there before", kept, lines)
	}
}

func TestAHistoryIsTheSameWithFilesButForItsTrees(t *testing.T) {
	plain, _ := made(t, Default(100))
	full, _ := made(t, changed(100, func(o *Options) { o.Files = 30 }))
	const format = "--format=%an %at %cn %ct %B"
	if said(t, plain, "log", "--all", format) != said(t, full, "log", "--all", format) {
		t.Error("files change messages, people or dates")
	}
}
