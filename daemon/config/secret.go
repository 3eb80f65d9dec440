package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	redacted  = "[redacted]"
	maxSecret = 64 << 10 // bytes; the largest in use are private keys of a few KiB
)

// Secret says where a secret is: in an environment variable or in a file. It never holds the secret's text, and it prints
// as [redacted] in every form, so that not even the place of a secret reaches a log. The zero Secret is none.
type Secret struct {
	env  string
	file string
}

// SecretFromEnv is the secret in the environment variable name.
func SecretFromEnv(name string) Secret { return Secret{env: name} }

// SecretFromFile is the secret in the file at path.
func SecretFromFile(path string) Secret { return Secret{file: path} }

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s == Secret{} }

// Value reads the secret. A file is read anew at each call, so that a rotated secret needs no restart; one trailing line
// end is not part of it. A file that its group may write or others may access is refused.
func (s Secret) Value() (string, error) {
	switch {
	case s.env != "":
		v, ok := os.LookupEnv(s.env)
		if !ok || v == "" {
			return "", fmt.Errorf("environment variable %s is not set: set it where keytrail is started", s.env)
		}
		return v, nil
	case s.file != "":
		return readSecret(s.file)
	default:
		return "", errors.New("no secret is configured")
	}
}

func readSecret(path string) (string, error) {
	// Before it is opened: to open a named pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("secret file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return "", fmt.Errorf("secret file %s has mode %04o, open to more than its owner and group: chmod 0600 it, or 0640", path, mode)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("secret file %s is over %d bytes: is it the right file?", path, maxSecret)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) == 0 {
		return "", fmt.Errorf("secret file %s is empty", path)
	}
	return string(b), nil
}

// String gives "[redacted]".
func (s Secret) String() string { return redacted }

// GoString gives "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText gives "[redacted]", and so do all encoders that ask for text, JSON and with it zerolog among them.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
