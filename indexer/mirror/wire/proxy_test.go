package wire

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

const proxyPassword = "pr0xy pass/word"

// proxy is an HTTP proxy that counts what goes through it. With a password it wants that of the user bot.
type proxy struct {
	*httptest.Server
	password          string
	tunnels, requests atomic.Int64
	pipes             sync.WaitGroup
}

func startProxy(t *testing.T, password string) *proxy {
	t.Helper()
	p := &proxy{password: password}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.end)
	return p
}

// startTLSProxy is startProxy over TLS, with its certificate.
func startTLSProxy(t *testing.T, password string) (p *proxy, ca []byte) {
	t.Helper()
	p = &proxy{password: password}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.end)
	return p, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
}

func (p *proxy) end() {
	p.CloseClientConnections()
	p.Close()
	p.pipes.Wait()
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := r.Header.Get("Proxy-Authorization")
	origin := &http.Request{Header: http.Header{"Authorization": {sent}}}
	if user, password, _ := origin.BasicAuth(); p.password != "" && (user != "bot" || password != p.password) {
		http.Error(w, "you sent "+sent+" or "+password, http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect {
		p.tunnels.Add(1)
		p.tunnel(w, r.Host)
		return
	}
	p.requests.Add(1)
	r.Header.Del("Proxy-Authorization")
	r.RequestURI = ""
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

func (p *proxy) tunnel(w http.ResponseWriter, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		http.Error(w, "no way", http.StatusBadGateway)
		return
	}
	p.pipes.Add(1) // before the server forgets the connection, and Close does not wait for it
	defer p.pipes.Done()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		server.Close()
		return
	}
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		p.pipes.Go(func() {
			io.Copy(way[0], way[1])
			way[0].Close()
		})
	}
}

// through makes the transport of a fixed proxy.
func through(t *testing.T, at, password string, ca []byte) *http.Transport {
	t.Helper()
	var credentials func(context.Context) (Credentials, error)
	if password != "" {
		credentials = func(context.Context) (Credentials, error) {
			return Credentials{Username: "bot", Password: password}, nil
		}
	}
	choose, err := FixedProxy(at, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return profiled(t, Profile{Proxy: choose, CA: ca})
}

func TestHTTPAndHTTPSGoThroughAProxyWithAndWithoutCredentials(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	plain := gittest.Serve(t, repo, gittest.Options{User: "bot", Password: password})
	secure, ca := serveWithPrivateCA(t, repo)
	overTLS, proxyCA := startTLSProxy(t, proxyPassword)
	ca = append(ca, proxyCA...)
	for _, p := range []*proxy{startProxy(t, ""), startProxy(t, proxyPassword), overTLS} {
		for _, at := range []string{withUser(plain), secure} {
			c := dial(t, at, Options{Transport: through(t, p.URL, p.password, ca)})
			list(t, c)
			fetch(t, c, FetchRequest{Wants: []storage.OID{oid}})
		}
		if p.tunnels.Load() != 1 || p.requests.Load() != 3 {
			t.Errorf("%d tunnels for https, want 1; %d requests for http, want 3", p.tunnels.Load(), p.requests.Load())
		}
	}
}

func TestAProxysRefusalSaysThatItIsTheProxys(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	plain := gittest.Serve(t, repo, gittest.Options{})
	secure, ca := serveWithPrivateCA(t, repo)
	strict := startProxy(t, proxyPassword)
	says := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "you sent "+r.Header.Get("Proxy-Authorization"), status)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, test := range []struct {
		at, proxy, password string
		kind                error
		text                string
	}{
		{plain, strict.URL, "", ErrAuth, "status 407: the proxy wants credentials"},
		{plain, strict.URL, "wrong", ErrAuth, "you sent Basic [redacted] or [redacted]"},
		{secure, strict.URL, "", ErrAuth, "status 407: the proxy wants credentials"},
		{secure, strict.URL, "wrong", ErrAuth, "status 407: the proxy does not accept"},
		{secure, says(403), "wrong", ErrAuth, "status 403 of the proxy"},
		{secure, says(502), "wrong", ErrUnreachable, "status 502 of the proxy"},
		{plain, says(502), "wrong", ErrServer, "you sent Basic [redacted]"},
		{secure, "http://" + closed.Addr().String(), "wrong", ErrUnreachable, "through the proxy"},
		{plain, "http://" + closed.Addr().String(), "wrong", ErrUnreachable, "through the proxy"},
		{plain, "socks5://" + closed.Addr().String(), "wrong", ErrUnreachable, "through the proxy"},
		{plain, "socks5://" + rawServer(t, "\x05\xff"), "", ErrAuth, "the proxy does not take"},
		{plain, "socks5://" + rawServer(t, "\x05\x02\x01\x01"), "wrong", ErrAuth, "the proxy does not take"},
	} {
		_, err := dial(t, test.at, Options{Transport: through(t, test.proxy, test.password, ca)}).ListRefs(t.Context(), nil)
		wantError(t, err, test.kind, test.text)
		for _, secret := range []string{"wrong", "Ym90Ond"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q shows the proxy's password", err)
			}
		}
	}
}

func TestASocksProxyIsGoneThrough(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	at := gittest.Serve(t, repo, gittest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Value
	var served sync.WaitGroup
	served.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		asked.Store(socks(client))
		server, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSuffix(at, "/repo.git"), "http://"))
		if err != nil {
			return
		}
		served.Go(func() { io.Copy(server, client); server.Close() })
		io.Copy(client, server)
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	list(t, dial(t, at, Options{Transport: through(t, "socks5://"+l.Addr().String(), proxyPassword, nil)}))
	if asked.Load() != "bot "+proxyPassword {
		t.Errorf("the proxy was told %q", asked.Load())
	}
}

// socks plays the proxy's part of RFC 1928 and 1929 until the tunnel, and gives user name and password.
func socks(c net.Conn) string {
	b := make([]byte, 512)
	c.Read(b)
	c.Write([]byte{5, 2})
	c.Read(b)
	user := b[2 : 2+b[1]]
	word := b[3+b[1]:]
	said := fmt.Sprintf("%s %s", user, word[:b[2+b[1]]])
	c.Write([]byte{1, 0})
	c.Read(b)
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return said
}

func TestTheCredentialsOfAProxyAreReadAtEachRequest(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	p := startProxy(t, proxyPassword)
	current, unreadable := "old", error(nil)
	choose, err := FixedProxy(p.URL, func(context.Context) (Credentials, error) {
		return Credentials{Username: "bot", Password: current}, unreadable
	})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, gittest.Serve(t, repo, gittest.Options{}), Options{Transport: profiled(t, Profile{Proxy: choose})})
	_, err = c.ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "407")
	current = proxyPassword
	list(t, c)
	unreadable = &os.PathError{Op: "open", Path: "/run/secrets/proxy", Err: os.ErrNotExist}
	_, err = c.ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "the proxy's credentials cannot be read", "/run/secrets/proxy")
}

func TestAProxyThatIsNoneIsRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"", "proxy", "proxy:3128", "ftp://proxy:3128", "http://", "http://bot:" + password + "@proxy:3128", "http://%zz" + password} {
		if _, err := FixedProxy(at, nil); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v", at, err)
		}
	}
	// As http.ProxyFromEnvironment fails.
	broken := func(*http.Request) (*url.URL, error) { return nil, errors.New("invalid proxy address bot:" + password) }
	_, err := dial(t, "http://git.example.com/r.git", Options{Transport: profiled(t, Profile{Proxy: broken})}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrUnreachable, "the proxy in the environment")
}

func TestAProxyThatHangsIsLeftAfterTheLimitOnConnecting(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, test := range []struct {
		at    string
		proxy func(*http.Request) (*url.URL, error)
		text  string
	}{
		{"https://git.example.com/r.git", fixed("http://" + l.Addr().String()), "the proxy or TLS"},
		{"https://git.example.com/r.git", fixed("https://" + l.Addr().String()), "the TLS handshake"},
		{"http://git.example.com/r.git", fixed("socks5://" + l.Addr().String()), "the proxy or TLS"},
		{"https://" + l.Addr().String() + "/r.git", nil, "the TLS handshake"},
	} {
		c := dial(t, test.at, Options{Transport: profiled(t, Profile{Proxy: test.proxy}), Connect: stall})
		_, err := c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrUnreachable, "no connection in 300ms", test.text)
		c = dial(t, test.at, Options{Transport: profiled(t, Profile{Proxy: test.proxy}), Stall: stall})
		_, err = c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrStalled, "nothing moved for 300ms")
	}
}

func TestAnSSHServerThatHangsIsLeftAfterTheLimitOnConnecting(t *testing.T) {
	t.Parallel()
	as := trusting(gittest.ServeSSH(t, gittest.SSHOptions{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = dial(t, "ssh://git@"+l.Addr().String()+"/r.git", Options{SSH: as, Connect: stall}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrUnreachable, "no connection in 300ms, still waiting for the ssh handshake")
}

func fixed(raw string) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(raw)
	return func(*http.Request) (*url.URL, error) { return u, err }
}
