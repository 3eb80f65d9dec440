package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// watchEvery is how often the memory of a running process is read.
const watchEvery = 20 * time.Millisecond

// watch follows the memory of a process and its descendants that no file backs: heaps, stacks and what they share. Pages
// of mapped files are left out, since the system takes them back when it needs room. A peak between two readings is missed.
type watch struct {
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
	peak int64
}

// startWatch begins; end it.
func startWatch(pid int) *watch {
	w := &watch{stop: make(chan struct{})}
	w.done.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			w.peak = max(w.peak, anonymousOfTree(pid))
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
		}
	})
	return w
}

// end gives the peak so far, in bytes; 0 of a process that was never seen alive. A second end gives the same.
func (w *watch) end() int64 {
	w.once.Do(func() { close(w.stop) })
	w.done.Wait()
	return w.peak
}

// anonymousOfTree sums over a process and its descendants. Those that end meanwhile count as nothing.
func anonymousOfTree(pid int) int64 {
	total := anonymousOf(pid)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return total
	}
	for text := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(text); err == nil {
			total += anonymousOfTree(child)
		}
	}
	return total
}

// anonymousOf gives the memory of one running process that no file backs, in bytes; 0 if it is gone. The fields are
// those of proc_pid_status(5).
func anonymousOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var total int64
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "RssAnon" || name == "RssShmem" {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			total += kib * 1024
		}
	}
	return total
}

// processTime gives the time that the threads of a running process have spent on a core, as exactly as the scheduler counts it
// (schedstat in proc(5)). A thread that has ended counts no more: this is for processes that keep their threads.
func processTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("process %d is gone, or this system does not count the time of threads", pid)
	}
	var total time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		spent, _, _ := strings.Cut(string(text), " ")
		nanoseconds, err := strconv.ParseInt(spent, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		total += time.Duration(nanoseconds)
	}
	return total, nil
}
