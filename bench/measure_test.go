package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMeasureCountsWhatGrandchildrenTake(t *testing.T) {
	script := `awk 'BEGIN { for (i = 0; i < 1000000; i++) n += i; s = "x"; while (length(s) < 40000000) s = s s; print length(s) }' | cat`
	s, err := measure(t.Context(), []string{"sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	if s.CPU() <= 0 || s.Wall <= 0 || s.Peak < 40_000_000 {
		t.Errorf("measured %+v, want some time and a peak of at least 40 MB", s)
	}
}

func TestMeasureShowsTheLastWordsOfAFailure(t *testing.T) {
	_, err := measure(t.Context(), []string{"sh", "-c", "yes line | head -9999 >&2; echo the reason >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "the reason") || len(err.Error()) > 2*tailSize {
		t.Errorf("error %.200v, want the exit status and the last words", err)
	}
}

func TestMeasureKillsEverythingItStartedWhenCancelled(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "pid")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { // the grandchild is there once its number is
		for {
			if b, err := os.ReadFile(fifo); err == nil && strings.HasSuffix(string(b), "\n") {
				cancel(reason)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := measure(ctx, []string{"sh", "-c", `sleep 600 & echo $! > "$1"; wait`, "sh", fifo})
	if !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	pid, err := os.ReadFile(fifo)
	if err != nil {
		t.Fatal(err)
	}
	for {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return // gone, or dead and not yet collected
		}
		time.Sleep(time.Millisecond)
	}
}

func TestChildrenSeeNeitherTheUsersGitNorAProxy(t *testing.T) {
	t.Setenv("GIT_DIR", "elsewhere")
	t.Setenv("LC_ALL", "C.UTF-8")
	env := strings.Join(environment(), "\n") + "\n"
	if strings.Contains(env, "GIT_DIR=") {
		t.Error("GIT_DIR reaches children")
	}
	for _, want := range []string{"LC_ALL=C\n", "NO_PROXY=127.0.0.1\n", "GIT_CONFIG_GLOBAL=/dev/null\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("no %q in the environment of children", want)
		}
	}
}

func TestAllocatedCountsFilesAtEveryDepth(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	const each = 64 << 10
	for _, file := range []string{filepath.Join(dir, "x"), filepath.Join(deep, "y")} {
		if err := os.WriteFile(file, []byte(strings.Repeat("0123456789abcdef", each/16)), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil { // delayed allocation: blocks are there after it
			t.Fatal(err)
		}
	}
	if n, err := allocated(dir); err != nil || n < 2*each || n > 3*each {
		t.Errorf("%d bytes, error %v; want about %d", n, err, 2*each)
	}
	if _, err := allocated(filepath.Join(dir, "absent")); err == nil {
		t.Error("an absent directory has a size")
	}
}
