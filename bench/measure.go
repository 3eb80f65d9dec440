package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sample is what one run took, its own child processes included. Peak is that of the largest single process. Times are
// seconds, sizes bytes.
type Sample struct {
	Round     int     `json:"round,omitempty"` // of an index, from 0: a slow contestant sits some out
	Wall      float64 `json:"wall_seconds"`
	User      float64 `json:"user_seconds"`
	System    float64 `json:"system_seconds"`
	Peak      int64   `json:"peak_bytes"`
	Anonymous int64   `json:"anonymous_bytes,omitempty"` // the peak beyond mapped files of all its processes together
	Disk      int64   `json:"disk_bytes"`
	Index     int64   `json:"index_bytes,omitempty"` // of Disk: keytrail's index, without its mirrors; 0 of a peer
}

// CPU is user and system time together, in seconds.
func (s Sample) CPU() float64 { return s.User + s.System }

// stopWait is how long a run that was told to stop may keep its output open.
const stopWait = 5 * time.Second

// measure runs a command to its end, or kills it and all it started when ctx ends. Its standard output is dropped.
//
// Dirty pages of earlier runs are written back first, so that one run does not pay for another's. Peak memory is
// ru_maxrss of wait4(2), in KiB on Linux. A child is born with its parent's peak there: what this process itself takes
// is the smallest peak that can be seen. The peak beyond mapped files is sampled while the command runs.
func measure(ctx context.Context, argv []string) (Sample, error) {
	syscall.Sync()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = stopWait
	var said tail
	cmd.Stderr = &said
	wall, anonymous, err := watched(cmd)
	if err != nil {
		return Sample{}, errors.Join(context.Cause(ctx), fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, said.text()))
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return Sample{}, errors.New("this system does not tell what a child process used")
	}
	return Sample{
		Wall:      wall.Seconds(),
		User:      cmd.ProcessState.UserTime().Seconds(),
		System:    cmd.ProcessState.SystemTime().Seconds(),
		Peak:      int64(usage.Maxrss) * 1024,
		Anonymous: anonymous,
	}, nil
}

// watched runs a command to its end and gives how long it ran and its peak beyond mapped files.
func watched(cmd *exec.Cmd) (wall time.Duration, anonymous int64, err error) {
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	w := startWatch(cmd.Process.Pid)
	err = cmd.Wait()
	wall = time.Since(start)
	return wall, w.end(), err
}

// environment is that of every child: neither the user's git configuration, nor a surrounding repository, nor a proxy
// on the way to this machine plays a part. Settings of git, name=value, may be added.
func environment(settings ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			env = append(env, v)
		}
	}
	env = append(env, "LC_ALL=C", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)+1))
	for i, s := range append([]string{"safe.directory=*"}, settings...) {
		name, value, _ := strings.Cut(s, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return env
}

// tail keeps the last words of a child.
type tail struct{ b []byte }

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.b)) }

// allocated gives the space that a directory's files take on disk, in bytes.
func allocated(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
			total += st.Blocks * 512
		}
		return nil
	})
	return total, err
}
