package wire

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// SSH says how to authenticate over ssh, the server to us and us to the server.
type SSH struct {
	// Key gives the private key, in OpenSSH's form or PEM, and is asked at every connection, so that a rotated one is seen. Nil
	// is the agent's keys, then those in the user's ~/.ssh that need no passphrase.
	Key func(context.Context) ([]byte, error)
	// Passphrase opens the key; nil for a key without one.
	Passphrase func(context.Context) ([]byte, error)
	// KnownHosts is a file of host keys (sshd(8)). Empty is the user's ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
	KnownHosts string
	// Agent is the agent's socket; empty is what SSH_AUTH_SOCK names.
	Agent string
}

// sshTransport runs git-upload-pack over ssh. Each operation is a connection of its own: servers end idle ones without a
// word, and an index that looks at a repository every few minutes gains little by keeping them.
type sshTransport struct {
	place place
	ssh   SSH
}

func (*sshTransport) stateful() bool { return true }

func (t *sshTransport) dial(o *operation) (conn, error) { return t.dialVersion(o, 2) }

// dialVersion asks for a protocol version by the environment, as git does. A server that does not accept the variable (AcceptEnv
// in sshd_config(5)) speaks version 0.
func (t *sshTransport) dialVersion(o *operation, version int) (conn, error) {
	client, err := t.connect(o)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(o.ctx, func() { client.Close() })
	defer unhook()
	o.await("a session")
	defer o.rest()
	s, err := t.start(client, version)
	if err != nil {
		client.Close()
		_ = client.Wait()
		return nil, lost(o, err)
	}
	return newStreamConn(o, s), nil
}

// start runs git-upload-pack.
func (t *sshTransport) start(client *ssh.Client, version int) (*sshStream, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	s := &sshStream{client: client, ended: sync.OnceValue(session.Wait)}
	if version > 0 {
		// Without waiting for the reply: a refusal shows in the greeting, and asking would cost a round trip.
		variable := ssh.Marshal(struct{ Name, Value string }{"GIT_PROTOCOL", fmt.Sprintf("version=%d", version)})
		if _, err = session.SendRequest("env", false, variable); err != nil {
			return nil, err
		}
	}
	if s.WriteCloser, err = session.StdinPipe(); err != nil {
		return nil, err
	}
	if s.Reader, err = session.StdoutPipe(); err != nil {
		return nil, err
	}
	session.Stderr = &s.said
	return s, session.Start("git-upload-pack " + quote(t.place.path))
}

// connect makes an authenticated connection. What the handshake waits for is bounded by closing the connection under it.
func (t *sshTransport) connect(o *operation) (*ssh.Client, error) {
	hosts, err := t.ssh.knownHosts()
	if err != nil {
		return nil, err
	}
	keys, release, err := t.ssh.signers(o)
	if err != nil {
		return nil, err
	}
	defer release()
	defer o.connecting()()
	raw, err := dialTCP(o, t.place.address)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(o.ctx, func() { raw.Close() })
	defer unhook()
	o.await("the ssh handshake")
	defer o.rest()
	moving := &handshakeConn{Conn: raw, o: o}
	c, channels, requests, err := ssh.NewClientConn(moving, t.place.address, &ssh.ClientConfig{
		User:              t.user(),
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(keys...)},
		HostKeyCallback:   hosts.check,
		HostKeyAlgorithms: hosts.algorithms(t.place.address),
		ClientVersion:     "SSH-2.0-keytrail",
	})
	if err != nil {
		raw.Close()
		return nil, t.refused(o, err, len(keys))
	}
	moving.done.Store(true)
	return ssh.NewClient(c, channels, requests), nil
}

// user is the one of the URL, or git, which is what git hosts have.
func (t *sshTransport) user() string {
	if t.place.user != "" {
		return t.place.user
	}
	return "git"
}

// refused is the error of a handshake that failed.
func (t *sshTransport) refused(o *operation, err error, keys int) error {
	var made *Error
	var algorithms *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &made):
		return made
	case o.ctx.Err() != nil:
		return context.Cause(o.ctx)
	case strings.Contains(err.Error(), "unable to authenticate") && keys == 0:
		return problem(ErrAuth, "ssh: there is no key to offer: configure ssh_key, or run an ssh agent that holds one")
	case strings.Contains(err.Error(), "unable to authenticate"):
		return problem(ErrAuth, "ssh: the server accepts no key that was offered for user %s (%d): add the public key to the account there", t.user(), keys)
	case errors.As(err, &algorithms):
		e := problem(ErrUnreachable, "ssh: no algorithm that both sides have: bring the server up to date")
		e.Err = err
		return e
	}
	e := problem(ErrUnreachable, "ssh: the handshake failed: check that the URL's port speaks ssh")
	e.Err = err
	return e
}

// handshakeConn tells the watchdog of what arrives during the handshake. What arrives later may be ssh's own keep-alives, behind which
// git-upload-pack hangs.
type handshakeConn struct {
	net.Conn
	o    *operation
	done atomic.Bool
}

func (c *handshakeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.done.Load() {
		c.o.moved("")
	}
	return n, err
}

// sshStream is the session that runs git-upload-pack.
type sshStream struct {
	io.WriteCloser
	io.Reader
	client *ssh.Client
	ended  func() error // waits for the end of the session, its standard error read
	said   tail
}

func (s *sshStream) CloseWrite() error { return s.WriteCloser.Close() }

// Close ends the connection and waits for its goroutines.
func (s *sshStream) Close() error {
	err := s.client.Close()
	_ = s.client.Wait()
	_ = s.ended()
	return err
}

// failure is what git-upload-pack, or what stands in its place, said on its standard error.
func (s *sshStream) failure() error {
	// The words come on their own way: they are whole when the session has ended.
	exit := s.ended()
	if text := s.said.String(); text != "" {
		return remoteError(text)
	}
	var missing *ssh.ExitMissingError
	if exit == nil || errors.As(exit, &missing) {
		return nil
	}
	e := problem(ErrServer, "git-upload-pack ended without a word: look at the server's log")
	e.Err = exit
	return e
}

// tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if extra := len(t.b) - tailBytes; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// signers gives the keys to offer; release ends the agent's connection when they are used no more.
func (s SSH) signers(o *operation) (keys []ssh.Signer, release func(), err error) {
	release = func() {}
	if s.Key != nil {
		key, err := s.configured(o)
		if err != nil {
			return nil, release, err
		}
		return []ssh.Signer{key}, release, nil
	}
	if socket := s.agent(); socket != "" {
		c, err := (&net.Dialer{}).DialContext(o.ctx, "unix", socket)
		if err == nil {
			unhook := context.AfterFunc(o.ctx, func() { c.Close() })
			release = func() { unhook(); c.Close() }
			keys, err = agent.NewClient(c).Signers()
		}
		if err != nil && s.Agent != "" {
			release()
			return nil, func() {}, problem(ErrAuth, "ssh: the agent at %s does not answer: start it, or configure ssh_key", printable(socket))
		}
	}
	return append(keys, ownKeys()...), release, nil
}

func (s SSH) agent() string {
	if s.Agent != "" {
		return s.Agent
	}
	return os.Getenv("SSH_AUTH_SOCK")
}

// configured reads the key that was configured.
func (s SSH) configured(o *operation) (ssh.Signer, error) {
	pem, err := s.Key(o.ctx)
	if err != nil {
		return nil, unreadableKey(err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && s.Passphrase != nil {
		passphrase, failed := s.Passphrase(o.ctx)
		if failed != nil {
			return nil, unreadableKey(failed)
		}
		key, err = ssh.ParsePrivateKeyWithPassphrase(pem, passphrase)
	}
	switch {
	case err == nil:
		return key, nil
	case errors.As(err, &locked):
		return nil, problem(ErrAuth, "ssh: the key needs a passphrase: configure ssh_key_passphrase (--ssh-key-passphrase-file)")
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, problem(ErrAuth, "ssh: the passphrase does not open the key: correct ssh_key_passphrase (--ssh-key-passphrase-file)")
	}
	return nil, problem(ErrAuth, "ssh: the key is in no form that is known: give a private key as ssh-keygen writes it, or PEM")
}

func unreadableKey(err error) error {
	e := problem(ErrAuth, "ssh: the key cannot be read")
	e.Err = err
	return e
}

// ownKeys are the keys in the user's ~/.ssh that need no passphrase, as ssh(1) offers them.
func ownKeys() []ssh.Signer {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	var keys []ssh.Signer
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		pem, err := os.ReadFile(filepath.Join(home, ".ssh", name))
		if err != nil {
			continue
		}
		if key, err := ssh.ParsePrivateKey(pem); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// quote makes one word of a path for the shell that runs the command on the server, as git does.
func quote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}
