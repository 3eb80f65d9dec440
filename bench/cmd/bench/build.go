package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"keytrail/daemon"
)

// buildCmd is keytrail index, run in this process so that it can be profiled.
type buildCmd struct {
	Data    string   `required:"" help:"Data directory; made when missing."`
	Repo    string   `required:"" help:"Repository to index, by path or URL."`
	Refspec []string `sep:"none" help:"Refspecs indexed beside branches and tags."`
	CPU     string   `name:"cpu" help:"Write a profile of CPU time to this file."`
	Heap    string   `help:"Write a profile of what was allocated, by the end of the build, to this file."`
	Workers int      `help:"Cores to use (GOMAXPROCS); 0 for all."`
}

func (c *buildCmd) Run(ctx context.Context) (err error) {
	if c.Workers > 0 {
		runtime.GOMAXPROCS(c.Workers)
	}
	stop, err := profileCPU(c.CPU)
	if err != nil {
		return err
	}
	args := []string{"index", "--data", c.Data}
	for _, s := range c.Refspec {
		args = append(args, "--refspec", s)
	}
	start := time.Now()
	code := daemon.Main(ctx, append(args, c.Repo), daemon.Process{Stdout: os.Stdout, Stderr: os.Stderr, Exit: os.Exit})
	took := time.Since(start)
	if err := errors.Join(stop(), c.heap()); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("keytrail index: exit code %d", code)
	}
	return c.tell(took)
}

// profileCPU starts a profile; nothing where there is no file for it. The function that it gives ends it.
func profileCPU(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

func (c *buildCmd) heap() error {
	if c.Heap == "" {
		return nil
	}
	file, err := os.Create(c.Heap)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}

// tell prints what the build took of time and of memory managed by Go.
func (c *buildCmd) tell(took time.Duration) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_, err := fmt.Fprintf(os.Stderr, "%.2f s wall, %d MiB allocated in all, %d MiB of heap from the system, %d collections\n",
		took.Seconds(), m.TotalAlloc>>20, m.HeapSys>>20, m.NumGC)
	return err
}
