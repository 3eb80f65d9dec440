package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeys are the known hosts of one connection.
type hostKeys struct {
	callback       ssh.HostKeyCallback
	files          []string
	hasAuthorities bool // there are lines for certificates
}

// systemKnownHosts is where ssh(1) looks beside the user's own file.
const systemKnownHosts = "/etc/ssh/ssh_known_hosts"

// knownHosts reads the files, at each connection, so that a key added is seen.
func (s SSH) knownHosts() (*hostKeys, error) {
	h := &hostKeys{files: []string{s.KnownHosts}}
	if s.KnownHosts == "" {
		h.files = nil
		if home, err := os.UserHomeDir(); err == nil {
			h.files = append(h.files, filepath.Join(home, ".ssh", "known_hosts"))
		}
		h.files = append(h.files, systemKnownHosts)
	}
	var there []string
	for _, file := range h.files {
		content, err := os.ReadFile(file)
		if err == nil {
			there = append(there, file)
			h.hasAuthorities = h.hasAuthorities || bytes.Contains(content, []byte("@cert-authority"))
		} else if s.KnownHosts != "" {
			return nil, h.unusable(err)
		}
	}
	var err error
	if h.callback, err = knownhosts.New(there...); err != nil {
		return nil, h.unusable(err)
	}
	return h, nil
}

func (h *hostKeys) unusable(err error) error {
	e := problem(ErrHostKey, "ssh: the file of known hosts cannot be used: correct it, or configure another known_hosts")
	e.Err = err
	return e
}

// check refuses every server whose key is not known.
func (h *hostKeys) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := h.callback(address, remote, key)
	var unknown *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return problem(ErrHostKey, "ssh: the server's key %s is marked as revoked at %s:%d: ask who runs the server",
			shown, revoked.Revoked.Filename, revoked.Revoked.Line)
	case errors.As(err, &unknown) && len(unknown.Want) > 0:
		var lines []string
		for _, w := range unknown.Want {
			lines = append(lines, w.String())
		}
		return problem(ErrHostKey, "ssh: THE SERVER'S KEY CHANGED: it is %s, and known is another one: %s; somebody may stand between, "+
			"or the server has a new key: ask who runs it, then replace that line", shown, strings.Join(lines, "; "))
	case errors.As(err, &unknown):
		return problem(ErrHostKey, "ssh: the server's key %s is not known: compare it with what the server's owner publishes, "+
			"then add it to %s (ssh-keyscan%s prints the line)", shown, h.files[0], scanArguments(address))
	}
	e := problem(ErrHostKey, "ssh: the server's key %s is refused", shown)
	e.Err = err
	return e
}

func scanArguments(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == sshPort {
		return " " + host
	}
	return " -p " + port + " " + host
}

// algorithms are those of the keys known for an address, in order of preference, so that the server shows a key that can be
// compared; nil, which is the library's own choice, when none is known.
func (h *hostKeys) algorithms(address string) []string {
	var unknown *knownhosts.KeyError
	none, err := ssh.NewPublicKey(make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err != nil || !errors.As(h.callback(address, &net.TCPAddr{IP: net.IPv4zero}, none), &unknown) {
		return nil
	}
	var known []string
	for _, w := range unknown.Want {
		switch t := w.Key.Type(); t {
		case ssh.KeyAlgoRSA:
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			known = append(known, t)
		}
	}
	if len(known) == 0 || !h.hasAuthorities {
		return slices.Compact(slices.Sorted(slices.Values(known)))
	}
	certificates := []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	}
	return append(certificates, known...)
}
