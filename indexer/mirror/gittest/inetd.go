package gittest

import (
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// inetd accepts connections on 127.0.0.1 until the test ends and starts a command for each, whose standard input and output is
// the connection: so servers that cannot choose a free port by themselves get one.
func inetd(t testing.TB, command func() *exec.Cmd) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &spawner{command: command, running: map[int]bool{}}
	s.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.end()
		s.all.Wait()
	})
	return l.Addr().String()
}

type spawner struct {
	command func() *exec.Cmd
	all     sync.WaitGroup

	mu      sync.Mutex
	running map[int]bool // process groups
	ended   bool
}

func (s *spawner) serve(c *net.TCPConn) {
	f, err := c.File()
	c.Close()
	if err != nil {
		return
	}
	cmd := s.command()
	cmd.Stdin, cmd.Stdout = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := s.start(cmd)
	f.Close()
	if started {
		cmd.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, cmd.Process.Pid)
	}
}

func (s *spawner) start(cmd *exec.Cmd) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || cmd.Start() != nil {
		return false
	}
	s.running[cmd.Process.Pid] = true
	return true
}

// end kills what still runs, each process with its children.
func (s *spawner) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for group := range s.running {
		syscall.Kill(-group, syscall.SIGKILL)
	}
}
