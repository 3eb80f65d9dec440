package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Restore gives the bare repository NAME.git below work. Where it is absent, the script "restore" of the folder of
// histories makes it, out of sight until complete. The error is fs.ErrNotExist where there is no such folder.
func Restore(ctx context.Context, histories, name, work string) (string, error) {
	repo := filepath.Join(work, name+".git")
	if _, err := os.Stat(repo); err == nil {
		return repo, nil
	}
	script, err := filepath.Abs(filepath.Join(histories, "restore"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(script); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no histories to restore %s from, name a repository with --repo: %w", name, err)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(work, "restore-")
	if err != nil {
		return "", err
	}
	partial := filepath.Join(dir, name+".git")
	cmd := exec.CommandContext(ctx, script, name, partial)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("restore %s: %w: %s", name, err, out)
	} else {
		err = os.Rename(partial, repo)
	}
	return repo, errors.Join(err, os.RemoveAll(dir))
}
