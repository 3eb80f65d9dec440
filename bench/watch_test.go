package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// start starts a command that the end of the test kills, and gives its number.
func start(t *testing.T, argv ...string) int {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
	})
	return cmd.Process.Pid
}

// holdMemory is an awk program that takes that much memory, says so in a file and waits.
const (
	holdMemory = `BEGIN { s = "0123456789abcdef"; while (length(s) < 67108864) s = s s; print "held" > said; close(said); while (1) system("sleep 1") }`
	held       = 64 << 20
)

func untilThere(t *testing.T, file string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there", file)
		}
	}
}

func TestMemoryBeyondFilesIsThatOfAllDescendants(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	pid := start(t, "sh", "-c", `awk -v said="$1" "$2"; true`, "sh", said, holdMemory)
	untilThere(t, said)
	if own, all := anonymousOf(pid), anonymousOfTree(pid); own > held/4 || all < held || all > 4*held {
		t.Errorf("the shell holds %d bytes and all of it %d, want some 64 MiB in the child", own, all)
	}
	w := startWatch(pid)
	if peak := w.end(); peak < held {
		t.Errorf("peak %d, want at least what is held", peak)
	}
	if gone := anonymousOf(1 << 30); gone != 0 {
		t.Errorf("a process that is gone holds %d bytes", gone)
	}
}

func TestMappedFilesAreNotMemoryBeyondFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(file, make([]byte, held), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := anonymousOf(os.Getpid())
	mapped, err := syscall.Mmap(int(f.Fd()), 0, held, syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(mapped); err != nil {
			t.Error(err)
		}
	}()
	if grown := anonymousOf(os.Getpid()) - before; grown > held/2 {
		t.Errorf("mapping a file of 64 MiB counts as %d bytes", grown)
	}
}

func TestProcessTimeGrowsWithWorkAlone(t *testing.T) {
	idle := start(t, "sleep", "600")
	busy := start(t, "sh", "-c", "while :; do :; done")
	const spent = 20 * time.Millisecond
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		took, err := processTime(busy)
		if err != nil {
			t.Fatal(err)
		}
		if took > spent {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy process has spent %s", took)
		}
	}
	if took, err := processTime(idle); err != nil || took > spent {
		t.Errorf("an idle process has spent %s, error %v", took, err)
	}
	if _, err := processTime(1 << 30); err == nil {
		t.Error("a process that is gone has a time")
	}
}
