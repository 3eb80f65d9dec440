package daemon

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"keytrail/daemon/config"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/wire"
)

// transports are the connections to git hosts over http and https: one transport for each way to reach them, which all
// repositories that are reached so share, also across reloads.
type transports struct {
	mu  sync.Mutex
	way map[way]*http.Transport
}

// way is what makes two transports differ.
type way struct {
	ca    string // certificates in PEM form, so that a changed file makes another transport
	proxy config.Proxy
}

func newTransports() *transports { return &transports{way: map[way]*http.Transport{}} }

// to gives the transport for what is configured.
func (t *transports) to(r config.Reach) (*http.Transport, error) {
	w := way{proxy: r.Proxy}
	if r.CA != "" {
		pem, err := readCA(r.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		w.ca = string(pem)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if made, ok := t.way[w]; ok {
		return made, nil
	}
	profile := wire.Profile{CA: []byte(w.ca)}
	var err error
	switch {
	case w.proxy.URL != "":
		if profile.Proxy, err = wire.FixedProxy(w.proxy.URL, basicAuth(w.proxy.Username, w.proxy.Password)); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	case !w.proxy.None:
		profile.Proxy = http.ProxyFromEnvironment
	}
	made, err := wire.NewTransport(profile)
	if err != nil {
		return nil, fmt.Errorf("ca: %s %w", r.CA, err)
	}
	t.way[w] = made
	return made, nil
}

// checkCA tells whether the file of a ca holds certificates.
func checkCA(file string) error {
	pem, err := readCA(file)
	if err != nil {
		return err
	}
	if _, err := wire.NewTransport(wire.Profile{CA: pem}); err != nil {
		return fmt.Errorf("%s %w", file, err)
	}
	return nil
}

// readCA refuses an empty file, which would else be as good as none.
func readCA(file string) ([]byte, error) {
	pem, err := os.ReadFile(file)
	if err == nil && len(pem) == 0 {
		return nil, fmt.Errorf("%s is empty: write the certificates to trust, or take it out", file)
	}
	return pem, err
}

// close ends the connections that are not in use.
func (t *transports) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, made := range t.way {
		made.CloseIdleConnections()
	}
}

// remoteOptions are how a repository is reached, read and fetched.
func remoteOptions(r config.Repository, c *config.Config, t *transports) (mirror.RemoteOptions, error) {
	transport, err := t.to(r.Reach)
	if err != nil {
		return mirror.RemoteOptions{}, err
	}
	return mirror.RemoteOptions{
		Options: mirror.Options{Roots: c.Local.Roots, Memory: memoryOf(c.Limits).walk},
		IsFull:  r.Objects == config.ObjectsFull,
		Engine:  string(r.Fetch.Engine),
		Wire: wire.Options{
			Transport:        transport,
			Credentials:      credentials(r.Credentials),
			Headers:          headers(r.Credentials),
			SSH:              wire.SSH{Key: contents(r.SSHKey), Passphrase: contents(r.SSHKeyPassphrase), KnownHosts: r.KnownHosts},
			Connect:          c.Limits.Connect,
			Stall:            c.Limits.Stall,
			Total:            c.Limits.Total,
			MaxAdvertisement: c.Limits.Advertisement,
			MaxRefs:          c.Limits.Refs,
			MaxPack:          c.Limits.Pack,
		},
	}, nil
}

// credentials reads what is configured for http and https at each use; nil when nothing is.
func credentials(c config.Credentials) func(context.Context) (wire.Credentials, error) {
	if c.Token.IsZero() {
		return basicAuth(c.Username, c.Password)
	}
	return func(context.Context) (wire.Credentials, error) {
		token, err := c.Token.Value()
		return wire.Credentials{Bearer: token}, err
	}
}

func basicAuth(username string, secret config.Secret) func(context.Context) (wire.Credentials, error) {
	if secret.IsZero() {
		return nil
	}
	return func(context.Context) (wire.Credentials, error) {
		password, err := secret.Value()
		return wire.Credentials{Username: username, Password: password}, err
	}
}

func headers(c config.Credentials) func(context.Context) (http.Header, error) {
	if len(c.Headers) == 0 {
		return nil
	}
	return func(context.Context) (http.Header, error) {
		fields := make(http.Header, len(c.Headers))
		for _, h := range c.Headers {
			value, err := h.Value.Value()
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", h.Name, err)
			}
			fields.Set(h.Name, value)
		}
		return fields, nil
	}
}

func contents(secret config.Secret) func(context.Context) ([]byte, error) {
	if secret.IsZero() {
		return nil
	}
	return func(context.Context) ([]byte, error) {
		text, err := secret.Value()
		return []byte(text), err
	}
}
