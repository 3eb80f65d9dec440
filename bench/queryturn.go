package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"keytrail/bench/asker"
)

// questionSet is questions that are asked in several ways, a row each, by one child.
type questionSet struct {
	questions []asker.Question
	rows      []QueryRow
	child     *askerProcess
}

// askerProcess is a child that takes turns; package asker says how.
type askerProcess struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	said    *tail
}

// start starts the child of a set, with flags that say whom it asks.
func (q *queryRun) start(ctx context.Context, s *questionSet, flags ...string) error {
	file := filepath.Join(q.dir, "questions")
	if err := asker.WriteQuestions(file, s.questions); err != nil {
		return err
	}
	argv := append(append(append([]string{}, q.Asker...), flags...), file)
	p := &askerProcess{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), said: &tail{}}
	p.cmd.Env = environment()
	p.cmd.Stderr = p.said
	p.cmd.WaitDelay = stopWait
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.answers = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	s.child = p
	// An empty turn is over once the child has read its questions, whose file is the next child's then.
	_, err = p.take(asker.Turn{})
	return err
}

// take takes a turn.
func (p *askerProcess) take(t asker.Turn) (r asker.Result, err error) {
	if err := json.NewEncoder(p.in).Encode(t); err != nil {
		return r, errors.Join(err, p.close())
	}
	if !p.answers.Scan() {
		return r, errors.Join(errors.New("the asker ended without an answer"), p.answers.Err(), p.close())
	}
	return r, json.Unmarshal(p.answers.Bytes(), &r)
}

// close ends the child by the end of its input. A second close does nothing.
func (p *askerProcess) close() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	err := p.in.Close()
	if wait := p.cmd.Wait(); wait != nil {
		return fmt.Errorf("asker: %w: %s", wait, p.said.text())
	}
	return err
}

// turn has a row's questions asked for a while. The daemon, if one is asked, is measured meanwhile.
func (q *queryRun) turn(s *questionSet, row, round int, d *daemon) error {
	r := &s.rows[row]
	var before, after time.Duration
	var err error
	if d != nil {
		if before, err = processTime(d.cmd.Process.Pid); err != nil {
			return err
		}
	}
	result, err := s.child.take(asker.Turn{Clients: r.Clients, Seconds: q.Duration.Seconds(), Seed: uint64(round), IsBusy: r.IsBusy})
	if err != nil {
		return err
	}
	if d != nil {
		if after, err = processTime(d.cmd.Process.Pid); err != nil {
			return err
		}
	}
	sample := QuerySample{Result: result, DaemonCPU: (after - before).Seconds()}
	r.Samples = append(r.Samples, sample)
	fmt.Fprintf(q.log, "round %d of %d, %s: %.0f answers a second, p50 %.0f µs, p99 %.0f µs\n",
		round+1, q.Rounds, r.label(), sample.rate(), micro(sample.P50), micro(sample.P99))
	return nil
}

// busier keeps a daemon indexing.
type busier struct {
	daemon *daemon
	path   string
}

// busier finds the repository that is there for that.
func (d *daemon) busier(ctx context.Context) (*busier, error) {
	var list struct {
		Repositories []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"repositories"`
	}
	if err := d.get(ctx, "/api/v1/repositories?state=indexed", &list); err != nil {
		return nil, err
	}
	for _, r := range list.Repositories {
		if r.Name == otherName {
			return &busier{daemon: d, path: fmt.Sprintf("/api/v1/repositories/%d/reindex", r.ID)}, nil
		}
	}
	return nil, fmt.Errorf("the daemon does not have the repository %q", otherName)
}

// during does something; with isBusy the other repository is indexed anew meanwhile, again and again.
func (b *busier) during(ctx context.Context, isBusy bool, do func() error) error {
	if !isBusy {
		return do()
	}
	within, cancel := context.WithCancel(ctx)
	began, done := time.Now(), make(chan error, 1)
	go func() { done <- b.reindex(within) }()
	err := do()
	cancel()
	if again := <-done; !errors.Is(again, context.Canceled) {
		err = errors.Join(err, again)
	}
	if err != nil {
		return err
	}
	return b.daemon.untilCalm(ctx, began)
}

// reindex asks for the next one whenever one is done.
func (b *busier) reindex(ctx context.Context) error {
	for {
		began := time.Now()
		if err := b.daemon.post(ctx, b.path, `{"full":true}`); err != nil {
			return errors.Join(err, ctx.Err())
		}
		if err := b.daemon.untilIndexed(ctx, 1, began); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// untilCalm waits until the repository has been looked at since an instant and the daemon's work is done, so that the next turn is
// not measured with what is left of it.
func (d *daemon) untilCalm(ctx context.Context, since time.Time) error {
	if err := d.untilIndexed(ctx, 1, since); err != nil {
		return err
	}
	var last time.Duration
	for first := true; ; first = false {
		spent, err := processTime(d.cmd.Process.Pid)
		if err != nil {
			return err
		}
		if !first && spent-last < calm/10 {
			return nil
		}
		last = spent
		if err := pause(ctx, calm); err != nil {
			return err
		}
	}
}
