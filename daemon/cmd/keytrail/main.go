// Command keytrail answers which commits, branches and tags belong to a Jira issue. See the README, or run
// keytrail --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"keytrail/daemon"
)

// garbagePercent is how much garbage may lie beside what is in use before it is collected. A first build keeps much that holds
// no pointers, so that collecting costs little: half of Go's usual takes an eighth off the memory for some hundredths of
// the time. GOGC, where it is set, has the last word.
const garbagePercent = 50

// exitInterrupted is the exit code after a second signal, as of a shell's child that SIGINT ended.
const exitInterrupted = 130

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		cancel()
		// Whoever asks twice does not want to wait. Nothing acknowledged is lost: the index survives kill -9.
		<-stop
		os.Exit(exitInterrupted)
	}()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	os.Exit(daemon.Main(ctx, os.Args[1:], daemon.Process{
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Reload: reload,
		Exit:   os.Exit,
	}))
}
