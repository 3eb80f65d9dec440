package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a keytrail that serves, seen from the outside. Its routine looks are a day apart, so that it does nothing but
// what it is asked for.
type daemon struct {
	address string
	cmd     *exec.Cmd
	said    *tail
	client  *http.Client
	ended   chan struct{} // closed once the process is gone, when err is what Wait said
	err     error
}

// served is a repository that a daemon is configured with.
type served struct{ name, url string }

// startDaemon starts keytrail with a directory for its data and waits until it answers. Close it.
func startDaemon(ctx context.Context, keytrail, dir string, refspecs []string, repositories []served) (*daemon, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var config strings.Builder
	fmt.Fprintf(&config, "listen: %s\ndata_dir: %q\npoll: {interval: 24h, max_interval: 24h}\nlog: {level: warn}\nrefs: {other: [", address, filepath.Join(dir, dataDir))
	for _, s := range refspecs {
		fmt.Fprintf(&config, "%q, ", s)
	}
	config.WriteString("]}\nrepositories:\n")
	for _, r := range repositories {
		fmt.Fprintf(&config, "  - {name: %q, url: %q}\n", r.name, r.url)
	}
	file := filepath.Join(dir, "keytrail.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return nil, err
	}
	d := &daemon{
		address: address,
		cmd:     exec.CommandContext(ctx, keytrail, "serve", "--config", file),
		said:    &tail{},
		client:  &http.Client{Transport: &http.Transport{}},
		ended:   make(chan struct{}),
	}
	d.cmd.Env = environment()
	d.cmd.Stderr = d.said
	d.cmd.WaitDelay = stopWait
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.ended)
		d.err = d.cmd.Wait()
	}()
	if err := d.untilReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("keytrail serve: %w", err), d.close())
	}
	return d, nil
}

// freeAddress gives an address on the loopback that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startWait is how long a daemon may take to answer, or to begin what it is told.
const startWait = 30 * time.Second

func (d *daemon) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("not ready after %s", startWait))
	defer cancel()
	for {
		err := d.get(ctx, "/readyz", nil)
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return errors.New("it has ended")
		default:
		}
		if wait := pause(ctx, 20*time.Millisecond); wait != nil {
			return errors.Join(wait, err)
		}
	}
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// close stops the daemon and gives its last words where it failed.
func (d *daemon) close() error {
	d.client.CloseIdleConnections()
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.ended
	switch {
	case d.err != nil:
		return fmt.Errorf("keytrail serve: %w: %s", d.err, d.said.text())
	case errors.Is(err, os.ErrProcessDone):
		return fmt.Errorf("keytrail serve ended by itself: %s", d.said.text())
	default:
		return err
	}
}

// get asks for JSON; into may be nil.
func (d *daemon) get(ctx context.Context, path string, into any) error {
	return d.request(ctx, http.MethodGet, path, "", into)
}

// post sends a body of JSON.
func (d *daemon) post(ctx context.Context, path, body string) error {
	return d.request(ctx, http.MethodPost, path, body, nil)
}

func (d *daemon) request(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %.200s", method, path, answer.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// succeeded counts the repositories whose last successful look came after an instant, and names the first that failed.
func (d *daemon) succeeded(ctx context.Context, since time.Time) (n int, failed string, err error) {
	first := "/api/v1/repositories?limit=" + strconv.Itoa(pageSize)
	for path := first; path != ""; {
		var page struct {
			Repositories []struct {
				Name        string     `json:"name"`
				LastSuccess *time.Time `json:"last_success"`
				Error       *struct {
					Message string `json:"message"`
				} `json:"error"`
			} `json:"repositories"`
			Next string `json:"next"`
		}
		if err := d.get(ctx, path, &page); err != nil {
			return 0, "", err
		}
		for _, r := range page.Repositories {
			if r.LastSuccess != nil && r.LastSuccess.After(since) {
				n++
			} else if r.Error != nil && failed == "" {
				failed = r.Name + ": " + r.Error.Message
			}
		}
		path = ""
		if page.Next != "" {
			path = first + "&cursor=" + url.QueryEscape(page.Next)
		}
	}
	return n, failed, nil
}

// pageSize of a list of repositories.
const pageSize = 1000

// untilIndexed waits until so many repositories have been looked at since an instant. It asks the more seldom the longer
// an answer takes, so that the daemon has its time for what is waited for.
func (d *daemon) untilIndexed(ctx context.Context, n int, since time.Time) error {
	for {
		asked := time.Now()
		done, failed, err := d.succeeded(ctx, since)
		switch {
		case err != nil:
			return err
		case failed != "":
			return fmt.Errorf("a look failed: %s", failed)
		case done >= n:
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond+20*time.Since(asked)); err != nil {
			return err
		}
	}
}

// calm is how long nothing must happen before a daemon's work counts as done.
const calm = 100 * time.Millisecond

// stir is what a daemon without work may take of a core in that time: its timers and its runtime take some 0.15 ms.
const stir = time.Millisecond

// settle waits until the server has no request to answer and the daemon no work, and gives the time that the daemon's
// threads have spent so far.
func (d *daemon) settle(ctx context.Context, s *server) (time.Duration, error) {
	var last time.Duration
	var answered int64
	for first := true; ; first = false {
		spent, err := processTime(d.cmd.Process.Pid)
		if err != nil {
			return 0, fmt.Errorf("keytrail serve: %w: %s", err, d.said.text())
		}
		now := s.answered.Load()
		if !first && spent-last < stir && now == answered && s.busy.Load() == 0 {
			return spent, nil
		}
		last, answered = spent, now
		if err := pause(ctx, calm); err != nil {
			return 0, err
		}
	}
}

// cost gives the time that the daemon's threads spend on what do asks for, to the end.
func (d *daemon) cost(ctx context.Context, s *server, do func() error) (time.Duration, error) {
	before, err := d.settle(ctx, s)
	if err != nil {
		return 0, err
	}
	asked := s.answered.Load()
	if err := do(); err != nil {
		return 0, err
	}
	began, cancel := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("keytrail serve asks the server nothing, %s after it was told to", startWait))
	defer cancel()
	for s.answered.Load() == asked {
		if err := pause(began, time.Millisecond); err != nil {
			return 0, err
		}
	}
	after, err := d.settle(ctx, s)
	return after - before, err
}
