package gittest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// SSHServer is sshd for the user that runs the test.
type SSHServer struct {
	Address    string // host:port
	User       string
	Key        string // file of a private key that it accepts, without passphrase
	KnownHosts string // file with its host key
	HostKey    string // file of its private host key

	dir string
}

// SSHOptions of an SSHServer. The zero value speaks the protocol version that it is asked for.
type SSHOptions struct {
	// NoVersion refuses the variable GIT_PROTOCOL, as sshd does unless told otherwise: protocol version 0 is spoken.
	NoVersion bool
	// Keys are files of further public keys to accept.
	Keys []string
}

// URL is that of a repository: ssh://user@127.0.0.1:port/path.
func (s *SSHServer) URL(r *Repo) string { return "ssh://" + s.User + "@" + s.Address + r.Path }

// Through is the server as reached through a relay at another address, which its known_hosts names.
func (s *SSHServer) Through(t testing.TB, address string) *SSHServer {
	t.Helper()
	relayed := *s
	relayed.Address = address
	relayed.KnownHosts = s.write(t, "known_hosts_relayed", relayed.HostLine(t, s.HostKey))
	return &relayed
}

// ServeSSH runs sshd on 127.0.0.1 until the test ends. It skips the test where there is no sshd, or it cannot run.
func ServeSSH(t testing.TB, o SSHOptions) *SSHServer {
	t.Helper()
	const sshd = "/usr/sbin/sshd" // which is not in everybody's PATH, and wants to be called by its whole path
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("no sshd: install openssh-server")
	}
	if os.Geteuid() == 0 {
		// It wants this directory, which only its start as a service makes.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skipf("sshd cannot run here: %v", err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &SSHServer{User: me.Username, dir: t.TempDir()}
	s.HostKey, s.Key = s.KeyGen(t, "host", "ed25519", ""), s.KeyGen(t, "id", "ed25519", "")
	accepted := s.read(t, s.Key+".pub")
	for _, key := range o.Keys {
		accepted += s.read(t, key)
	}
	config := []string{
		"HostKey " + s.HostKey, "AuthorizedKeysFile " + s.write(t, "authorized", accepted), "StrictModes no", "UsePAM no",
		"PasswordAuthentication no", "PermitRootLogin yes", "PidFile none", "LogLevel QUIET",
		// A home without files: those of the user's shell may take their time.
		"SetEnv HOME=" + s.dir + " GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*",
	}
	if !o.NoVersion {
		config = append(config, "AcceptEnv GIT_PROTOCOL")
	}
	file := s.write(t, "sshd_config", strings.Join(config, "\n")+"\n")
	if out, err := exec.Command(sshd, "-t", "-f", file).CombinedOutput(); err != nil {
		t.Skipf("sshd cannot run here: %v: %s", err, out)
	}
	s.Address = inetd(t, func() *exec.Cmd { return exec.Command(sshd, "-i", "-f", file) })
	s.KnownHosts = s.write(t, "known_hosts", s.HostLine(t, s.HostKey))
	return s
}

// HostLine is the line of a known_hosts file that names a key, given by its private file, as the server's.
func (s *SSHServer) HostLine(t testing.TB, key string) string {
	t.Helper()
	host, port, _ := strings.Cut(s.Address, ":")
	return fmt.Sprintf("[%s]:%s %s", host, port, s.read(t, key+".pub"))
}

// KeyGen makes a key pair, NAME and NAME.pub, and gives the private one's file. Arguments are passed on to ssh-keygen.
func (s *SSHServer) KeyGen(t testing.TB, name, kind, passphrase string, args ...string) string {
	t.Helper()
	file := filepath.Join(s.dir, name)
	out, err := exec.Command("ssh-keygen", append([]string{"-q", "-t", kind, "-N", passphrase, "-f", file}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return file
}

func (s *SSHServer) read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *SSHServer) write(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
