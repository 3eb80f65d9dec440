package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"keytrail/bench/history"
)

// treeFiles is how many files the tree of a made repository has.
const treeFiles = 3000

// MakeTrees gives a bare repository below work whose commits edit a large tree, as those of real projects do, packed
// as a server packs it. It is made where it is absent, out of sight until complete: a minute for 20,000 commits.
func MakeTrees(ctx context.Context, commits int, work string) (string, error) {
	o := history.Default(commits)
	o.Files, o.Repack = treeFiles, true
	return makeRepository(ctx, fmt.Sprintf("trees-%d", commits), o, work)
}

// MakeHistory gives a bare repository below work with a history in the proportions of a large project, and no trees,
// packed as a server packs it. It is made where it is absent: three minutes for a million commits.
func MakeHistory(ctx context.Context, commits int, work string) (string, error) {
	o := history.Default(commits)
	o.Repack = true
	return makeRepository(ctx, fmt.Sprintf("made-%d", commits), o, work)
}

func makeRepository(ctx context.Context, name string, o history.Options, work string) (string, error) {
	repo := filepath.Join(work, name+".git")
	if _, err := os.Stat(repo); err == nil {
		return repo, nil
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(work, "made-")
	if err != nil {
		return "", err
	}
	partial := filepath.Join(dir, name+".git")
	if _, err = history.Create(ctx, partial, o, nil); err == nil {
		err = os.Rename(partial, repo)
	}
	return repo, errors.Join(err, os.RemoveAll(dir))
}

// OtherPrefixes gives the prefixes of a repository's refs beside branches, tags and notes, such as refs/pull.
func OtherPrefixes(ctx context.Context, repo string) ([]string, error) {
	names, err := output(ctx, "git", "--git-dir", repo, "for-each-ref", "--format=%(refname)")
	if err != nil {
		return nil, err
	}
	return otherPrefixes(names), nil
}
