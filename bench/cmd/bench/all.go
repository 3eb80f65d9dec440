package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keytrail/bench"
	"keytrail/bench/summary"
)

type allCmd struct {
	Full      bool   `help:"The whole ladder, some hours, instead of some minutes."`
	Histories string `default:"../shared/histories" help:"Folder of histories with their restore script."`
	Only      string `help:"Run only the steps whose command line holds this."`
	place
}

// Help is the text below the summary of all.
func (allCmd) Help() string {
	return `Each step is a command line of its own, which is printed. One that fails does not keep the others from running.

    bench all
    bench all --full
    bench all --only sweep`
}

// The steps: in some minutes, and in some hours. HISTORY stands for kafka, or a made history where that is not there.
func steps(isFull bool) []string {
	if !isFull {
		return []string{
			"index HISTORY --rounds 3",
			"index --commits 100000 --case folder --rounds 3",
			"index --trees 20000 --case http --rounds 3",
			"push HISTORY",
			"query HISTORY",
			"sweep --repositories 1,100",
		}
	}
	return []string{
		"index --commits 10000 --case folder",
		"index --commits 100000 --case folder",
		"index --commits 1000000 --case folder",
		"index --commits 5000000 --case folder --rounds 3",
		"index HISTORY",
		"index --trees 20000 --case http",
		"push --commits 1000000 --costs 20 --pushes 100",
		"query --commits 1000000",
		"sweep --repositories 1,100,10000",
		"fetch HISTORY",
	}
}

func (c *allCmd) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	history, err := c.history(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, step := range steps(c.Full) {
		if !strings.Contains(step, c.Only) {
			continue
		}
		args := c.expand(step, history)
		fmt.Fprintln(os.Stderr, "\nbench", strings.Join(args, " "))
		if err := run(ctx, append([]string{self}, args...)); err != nil {
			failures = append(failures, fmt.Errorf("bench %s: %w", step, err))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return errors.Join(append(failures, summary.Write(c.Report))...)
}

// expand makes a step a command line.
func (c *allCmd) expand(step string, history []string) []string {
	var args []string
	for _, word := range strings.Fields(step) {
		if word == "HISTORY" {
			args = append(args, history...)
		} else {
			args = append(args, word)
		}
	}
	args = append(args, "--work", c.Work, "--report", c.Report)
	if args[0] == "fetch" {
		return args // it measures what it is built with
	}
	return append(args, "--keytrail", c.Keytrail)
}

// history gives the flags of kafka where it is there or can be restored, else those of a made history.
func (c *allCmd) history(ctx context.Context) ([]string, error) {
	for _, path := range []string{filepath.Join(c.Work, "kafka.git"), filepath.Join(c.Histories, "restore")} {
		if _, err := os.Stat(path); err == nil {
			return []string{"--history", "kafka", "--histories", c.Histories}, nil
		}
	}
	repo, err := bench.MakeHistory(ctx, 100_000, c.Work)
	return []string{"--repo", repo}, err
}

// run runs a command with this one's output, and asks it to end when the context does.
func run(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd.Run()
}
