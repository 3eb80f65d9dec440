package gittest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// ServeGit runs git daemon for one repository on 127.0.0.1 until the test ends and gives the repository's git:// URL. Its
// directory may hold others: each is served under its name.
func ServeGit(t testing.TB, r *Repo) string {
	t.Helper()
	root, env := filepath.Dir(r.Path), environment(t.TempDir())
	address := inetd(t, func() *exec.Cmd {
		cmd := exec.Command("git", "daemon", "--inetd", "--export-all", "--base-path="+root)
		cmd.Env = env
		return cmd
	})
	return "git://" + address + "/" + filepath.Base(r.Path)
}
