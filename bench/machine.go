package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where the figures come from. What the system does not tell is left empty.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	System string `json:"system"`
	Kernel string `json:"kernel"`
	Load   string `json:"load_before"` // 1, 5 and 15 minutes
}

// describe starts a report: machine, versions, and the repository's refs and size.
func describe(ctx context.Context, o Options) (Report, error) {
	refs, err := output(ctx, "git", "--git-dir", o.Repo, "for-each-ref", "--format=.")
	if err != nil {
		return Report{}, err
	}
	size, err := allocated(o.Repo)
	if err != nil {
		return Report{}, err
	}
	v, err := versions(ctx)
	if err != nil {
		return Report{}, err
	}
	if v.Keytrail, err = output(ctx, o.Keytrail, "version"); err != nil {
		return Report{}, err
	}
	return Report{
		Name:       o.Name,
		Day:        today(),
		Rounds:     o.Rounds,
		Machine:    machine(),
		Versions:   v,
		Repository: Repository{Refs: strings.Count(refs, "."), Bytes: size},
	}, nil
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }

// versions are those of git and Go.
func versions(ctx context.Context) (Versions, error) {
	git, err := output(ctx, "git", "version")
	return Versions{Git: strings.TrimPrefix(git, "git version "), Go: runtime.Version()}, err
}

// output gives what a command prints, without the space around it.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func machine() Machine {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal", ":"), " kB"), 10, 64)
	m := Machine{
		CPU:    field("/proc/cpuinfo", "model name", ":"),
		Cores:  runtime.NumCPU(),
		Memory: kib * 1024,
		System: strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`),
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	return m
}

// field gives the value of the first line of a file that has the name before the separator.
func field(file, name, separator string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(line, separator)
		if ok && strings.TrimSpace(before) == name {
			return strings.TrimSpace(after)
		}
	}
	return ""
}
