package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program as it is built for users.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "keytrail-test-")
	if err == nil {
		binary = filepath.Join(dir, "keytrail")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build keytrail:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// run runs keytrail to its end and gives its exit code and output.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// daemon is a running keytrail serve.
type daemon struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	token string
	log   *output
	done  chan struct{}
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// freeAddress gives an address on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serve starts keytrail serve on an address of its own and waits until it is ready.
func serve(t *testing.T, env []string, args ...string) *daemon {
	t.Helper()
	address := freeAddress(t)
	d := start(t, address, env, append([]string{"--listen", address}, args...)...)
	d.untilReady()
	return d
}

// start starts keytrail serve, which answers on address once it is ready and which the end of the test kills.
func start(t *testing.T, address string, env []string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, url: "http://" + address, log: &output{}, done: make(chan struct{})}
	d.cmd = exec.Command(binary, append([]string{"serve"}, args...)...)
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // how it ended is in ProcessState
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.done
	})
	return d
}

func (d *daemon) untilReady() {
	d.t.Helper()
	d.eventually("the daemon is ready", func() bool {
		select {
		case <-d.done:
			d.t.Fatalf("the daemon ended: %s\n%s", d.cmd.ProcessState, d.log)
		default:
		}
		code, _ := d.get("/readyz")
		return code == http.StatusOK
	})
}

func (d *daemon) eventually(what string, done func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("within 30 seconds not: %s\n%s", what, d.log)
		}
	}
}

// request asks the daemon; code 0 says that it was not reached.
func (d *daemon) request(method, path, body string) (code int, answer string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if d.token != "" {
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		return 0, ""
	}
	return w.StatusCode, string(b)
}

func (d *daemon) get(path string) (code int, answer string) {
	return d.request(http.MethodGet, path, "")
}

// commits gives the object ids of an issue's commits, newest first.
func (d *daemon) commits(key string) []string {
	d.t.Helper()
	code, answer := d.get("/api/v1/issues/" + key + "/commits")
	if code != http.StatusOK {
		return nil
	}
	var page struct {
		Commits []struct {
			SHA string `json:"sha"`
		} `json:"commits"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil {
		d.t.Fatal(err)
	}
	var shas []string
	for _, c := range page.Commits {
		shas = append(shas, c.SHA)
	}
	return shas
}

// wait waits for the end and gives the exit code and how long it took.
func (d *daemon) wait(most time.Duration) (code int, took time.Duration) {
	d.t.Helper()
	began := time.Now()
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode(), time.Since(began)
	case <-time.After(most):
		d.t.Fatalf("it did not end within %s\n%s", most, d.log)
		return 0, 0
	}
}

func (d *daemon) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	if code, _ := d.wait(10 * time.Second); code != 0 {
		d.t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, d.log)
	}
}

// kill ends the daemon as kill -9 does.
func (d *daemon) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Error(err)
	}
	<-d.done
}
