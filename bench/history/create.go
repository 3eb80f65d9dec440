package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// Create writes the history as a new bare repository in dir, which must not exist: one pack, packed refs, main as HEAD.
// progress, which may be nil, is called from the calling goroutine with the number of commits written so far. After an
// error, and when ctx ends, nothing of dir is left. It needs git 2.31 or newer on the path and reads no git configuration.
func Create(ctx context.Context, dir string, o Options, progress func(commits int)) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	if _, err := os.Lstat(dir); err == nil {
		return Summary{}, fmt.Errorf("create history in %s: it exists, choose a new directory or remove it", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Summary{}, fmt.Errorf("create history: %w", err)
	}
	if progress == nil {
		progress = func(int) {}
	}
	sum, err := create(ctx, dir, o, progress)
	if err != nil {
		return Summary{}, errors.Join(fmt.Errorf("create history in %s: %w", dir, err), os.RemoveAll(dir))
	}
	return sum, nil
}

func create(ctx context.Context, dir string, o Options, progress func(int)) (Summary, error) {
	if err := git(ctx, "init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch=main", dir); err != nil {
		return Summary{}, err
	}
	sum, err := fastImport(ctx, dir, o, progress)
	if err != nil {
		return Summary{}, err
	}
	if err := git(ctx, "--git-dir", dir, "pack-refs", "--all"); err != nil {
		return Summary{}, err
	}
	if o.Repack {
		if err := git(ctx, "--git-dir", dir, "repack", "-a", "-d", "-f", "-q"); err != nil {
			return Summary{}, err
		}
	}
	return sum, nil
}

func fastImport(ctx context.Context, dir string, o Options, progress func(int)) (Summary, error) {
	// Without the limit git unpacks a small history into loose objects.
	cmd := command(ctx, "--git-dir", dir, "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--done")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return Summary{}, err
	}
	if err := cmd.Start(); err != nil {
		return Summary{}, err
	}
	sum, writeErr := write(in, o, progress)
	closeErr := in.Close()
	if err := explain(cmd, cmd.Wait(), stderr.String()); err != nil {
		return Summary{}, errors.Join(context.Cause(ctx), err)
	}
	return sum, errors.Join(writeErr, closeErr)
}

func git(ctx context.Context, args ...string) error {
	cmd := command(ctx, args...)
	out, err := cmd.CombinedOutput()
	return errors.Join(context.Cause(ctx), explain(cmd, err, string(out)))
}

// command prepares git so that neither the user's configuration nor a surrounding repository changes the outcome.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C")
	return cmd
}

func explain(cmd *exec.Cmd, err error, said string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(said))
}
