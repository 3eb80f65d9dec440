package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// worker is a child process that keeps a repository up to date and takes turns; package fetcher says how.
type worker struct {
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	said    *tail
	isOver  bool
}

// startWorker starts a child, which ends with ctx. Close it.
func startWorker(ctx context.Context, argv []string) (*worker, error) {
	w := &worker{name: filepath.Base(argv[0]), cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), said: &tail{}}
	w.cmd.Env = environment()
	w.cmd.Stderr = w.said
	w.cmd.WaitDelay = stopWait
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.answers = bufio.NewScanner(out)
	return w, w.cmd.Start()
}

// firstTurn gives what one fetch takes in a process that has just started: neither its start nor its end is in the sample,
// since a daemon starts once for all its repositories.
func firstTurn(ctx context.Context, argv []string) (Sample, error) {
	w, err := startWorker(ctx, argv)
	if err != nil {
		return Sample{}, err
	}
	if _, err := w.fetch(ctx, 0); err != nil { // answered once it has started
		return Sample{}, err
	}
	s, err := w.fetch(ctx, 1)
	if err != nil {
		return Sample{}, err
	}
	return s, w.close()
}

// fetch has the worker fetch some times and gives what one fetch took. Peak is that of the process so far.
func (w *worker) fetch(_ context.Context, times int) (Sample, error) {
	syscall.Sync()
	start := time.Now()
	if _, err := fmt.Fprintln(w.in, times); err != nil {
		return Sample{}, w.failed(err)
	}
	if !w.answers.Scan() {
		return Sample{}, w.failed(errors.Join(errors.New("ended without an answer"), w.answers.Err()))
	}
	wall := time.Since(start)
	var user, system float64
	if _, err := fmt.Sscan(w.answers.Text(), &user, &system); err != nil {
		return Sample{}, w.failed(fmt.Errorf("answer %q: %w", w.answers.Text(), err))
	}
	peak, err := peakOf(w.cmd.Process.Pid)
	if err != nil {
		return Sample{}, err
	}
	n := float64(max(times, 1))
	return Sample{Wall: wall.Seconds() / n, User: user / 1e6 / n, System: system / 1e6 / n, Peak: peak}, nil
}

// failed adds the child's last words.
func (w *worker) failed(err error) error {
	return errors.Join(fmt.Errorf("%s: %w", w.name, err), w.close())
}

// close ends the child by the end of its input. A second close does nothing.
func (w *worker) close() error {
	if w.isOver {
		return nil
	}
	w.isOver = true
	err := w.in.Close()
	for w.answers.Scan() {
		continue // to its end
	}
	if wait := w.cmd.Wait(); wait != nil {
		return fmt.Errorf("%s: %w: %s", w.name, wait, w.said.text())
	}
	return err
}

// peakOf gives the peak memory of a running process, in bytes. Unlike what wait4(2) tells it begins at the process's own
// start.
func peakOf(pid int) (int64, error) {
	text := field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM", ":")
	kib, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("peak memory of process %d: %w", pid, err)
	}
	return kib * 1024, nil
}
