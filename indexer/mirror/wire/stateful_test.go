package wire

import (
	"io"
	"os"
	"os/exec"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// pipes runs git upload-pack as a child process: a stateful transport, as ssh and git:// are.
type pipes struct {
	path, protocol string
}

func (pipes) stateful() bool { return true }

func (p pipes) dial(o *operation) (conn, error) { return p.dialVersion(o, 2) }

func (p pipes) dialVersion(o *operation, _ int) (conn, error) {
	cmd := exec.CommandContext(o.ctx, "git", "upload-pack", p.path)
	cmd.Env = append(os.Environ(), "GIT_PROTOCOL="+p.protocol)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &pipeConn{o: o, cmd: cmd, in: in, out: out, sent: make(chan struct{})}, cmd.Start()
}

type pipeConn struct {
	o    *operation
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.Reader
	sent chan struct{} // closed when the request is written
	busy bool
}

func (c *pipeConn) greeting() (io.Reader, error) { return c.o.watch(c.out, "the greeting"), nil }

func (c *pipeConn) exchange(_ int, request []byte) (io.Reader, error) {
	c.busy = true
	go func() {
		defer close(c.sent)
		c.in.Write(request)
	}()
	return c.o.watch(c.out, "an answer"), nil
}

func (c *pipeConn) close(failed bool) {
	if failed {
		c.cmd.Process.Kill()
	}
	if c.busy {
		<-c.sent
	} else {
		io.WriteString(c.in, "0000")
	}
	c.in.Close()
	c.cmd.Wait()
}

func TestTheEngineWorksOverAStatefulTransport(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]string{"v2": "version=2", "v1": "version=1", "v0": ""} {
		repo := gittest.Init(t)
		c := dial(t, "http://replaced.invalid/r.git", Options{})
		c.transport = pipes{repo.Path, protocol}
		f := &follower{c, store{gittest.Init(t)}, "tree:0", nil}
		for _, n := range []int{1, 0, 300, 2, 0} {
			if n > 0 {
				repo.Commits("refs/heads/main", "ABC-1", n)
			}
			if _, got := f.follow(t); got != n {
				t.Errorf("%s: %d objects came, want %d", name, got, n)
			}
		}
		if a := list(t, c); a.Version != versions[name].version || a.HeadOID != repo.OID("main") {
			t.Errorf("%s: %+v", name, a)
		}
		repo.Git("config", "uploadpackfilter.tree.allow", "false")
		repo.Commit("ABC-2")
		_, err := c.Fetch(t.Context(), FetchRequest{Wants: list(t, c).oids(), Filter: "tree:0"}, io.Discard)
		wantError(t, err, ErrFilterRefused)
	}
}
