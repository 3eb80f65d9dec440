package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

func TestEveryFormOfAnSSHKeyOpensTheDoor(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	tip := repo.Commit("ABC-1")
	maker := gittest.ServeSSH(t, gittest.SSHOptions{})
	const passphrase = "open sesame"
	keys := map[string]string{
		"ed25519":               maker.KeyGen(t, "a", "ed25519", ""),
		"ed25519 locked":        maker.KeyGen(t, "b", "ed25519", passphrase),
		"rsa":                   maker.KeyGen(t, "c", "rsa", "", "-b", "2048"),
		"rsa in PEM":            maker.KeyGen(t, "d", "rsa", "", "-b", "2048", "-m", "PEM"),
		"rsa in PEM locked":     maker.KeyGen(t, "e", "rsa", passphrase, "-b", "2048", "-m", "PEM"),
		"ecdsa in PKCS8":        maker.KeyGen(t, "f", "ecdsa", "", "-m", "PKCS8"),
		"ed25519 needlessly so": maker.KeyGen(t, "g", "ed25519", ""), // a passphrase is configured that it does not need
	}
	var public []string
	for _, key := range keys {
		public = append(public, key+".pub")
	}
	server := gittest.ServeSSH(t, gittest.SSHOptions{Keys: public})
	for name, key := range keys {
		o := SSH{Key: contents(key), KnownHosts: server.KnownHosts}
		if strings.HasSuffix(name, "locked") || strings.HasSuffix(name, "so") {
			o.Passphrase = func(context.Context) ([]byte, error) { return []byte(passphrase), nil }
		}
		a, err := dial(t, server.URL(repo), Options{SSH: o}).ListRefs(t.Context(), nil)
		if err != nil || a.HeadOID != tip {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		passphrase string
		says       string
	}{
		"none":  {"", "ssh_key_passphrase"},
		"wrong": {"open barley", "does not open the key"},
	} {
		for _, key := range []string{"ed25519 locked", "rsa in PEM locked"} {
			o := SSH{Key: contents(keys[key]), KnownHosts: server.KnownHosts}
			if test.passphrase != "" {
				o.Passphrase = func(context.Context) ([]byte, error) { return []byte(test.passphrase), nil }
			}
			_, err := dial(t, server.URL(repo), Options{SSH: o}).ListRefs(t.Context(), nil)
			wantError(t, err, ErrAuth, test.says)
			if test.passphrase != "" && strings.Contains(err.Error(), test.passphrase) {
				t.Errorf("%s: the passphrase is shown: %v", name, err)
			}
		}
	}
}

func TestAKeyThatCannotBeUsedIsSaidSo(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	stranger := server.KeyGen(t, "stranger", "ed25519", "")
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("-----BEGIN "+password+" KEY-----"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ key, says string }{
		"not accepted": {stranger, "add the public key to the account"},
		"not a key":    {garbage, "no form that is known"},
		"not there":    {filepath.Join(t.TempDir(), "none"), "no such file"},
	} {
		_, err := dial(t, server.URL(repo), Options{SSH: SSH{Key: contents(test.key), KnownHosts: server.KnownHosts}}).ListRefs(t.Context(), nil)
		if e := wantError(t, err, ErrAuth, test.says, server.Address); e == nil {
			t.Error(name)
		}
	}
}

func TestTheAgentsKeysAreOffered(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	tip := repo.Commit("ABC-1")
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Skipf("no ssh-agent: %v", err)
	}
	t.Cleanup(func() {
		agent.Process.Kill()
		agent.Wait()
	})
	o := Options{SSH: SSH{Agent: socket, KnownHosts: server.KnownHosts}}
	var out []byte
	err := errors.New("not asked yet")
	for range 100 {
		add := exec.Command("ssh-add", "-q", server.Key)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if out, err = add.CombinedOutput(); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("ssh-add: %v\n%s", err, out)
	}
	if a := list(t, dial(t, server.URL(repo), o)); a.HeadOID != tip {
		t.Error(a)
	}
	o.SSH.Agent = filepath.Join(t.TempDir(), "nobody")
	_, err = dial(t, server.URL(repo), o).ListRefs(t.Context(), nil)
	wantError(t, err, ErrAuth, "does not answer")
}

func TestAServerWhoseKeyIsNotTheKnownOneIsRefused(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	tip := repo.Commit("ABC-1")
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	other := server.KeyGen(t, "other", "ed25519", "")
	rsa := server.KeyGen(t, "rsa", "rsa", "", "-b", "2048")
	known := server.HostLine(t, server.HostKey)
	for name, test := range map[string]struct {
		lines string
		says  []string // empty: it is let in
	}{
		"known":                    {known, nil},
		"known among others":       {server.HostLine(t, other) + known, nil},
		"known, and a line for CA": {known + "@cert-authority *.example.com " + strings.SplitN(server.HostLine(t, rsa), " ", 2)[1], nil},
		"unknown":                  {"", []string{"is not known", "ssh-keyscan -p", "SHA256:"}},
		"changed":                  {server.HostLine(t, other), []string{"CHANGED", "known_hosts:1", "ask who runs it"}},
		"changed in kind":          {server.HostLine(t, rsa), nil},
		"revoked":                  {"@revoked " + known, []string{"revoked"}},
		"nonsense":                 {"not a line at all ===\n", []string{"cannot be used"}},
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, []byte(test.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := dial(t, server.URL(repo), Options{SSH: SSH{Key: contents(server.Key), KnownHosts: file}}).ListRefs(t.Context(), nil)
		switch {
		case name == "changed in kind":
			// The server has no key of the kind that is known, so that nothing can be compared.
			wantError(t, err, ErrUnreachable, "no algorithm")
		case test.says == nil:
			if err != nil || a.HeadOID != tip {
				t.Errorf("%s: %v", name, err)
			}
		default:
			wantError(t, err, ErrHostKey, test.says...)
		}
	}
	_, err := dial(t, server.URL(repo), Options{SSH: SSH{Key: contents(server.Key), KnownHosts: filepath.Join(t.TempDir(), "none")}}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrHostKey, "known_hosts")
}

func TestARepositoryThatAnSSHServerDoesNotHaveIsSaidInItsWords(t *testing.T) {
	t.Parallel()
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	missing := "ssh://" + server.User + "@" + server.Address + "/no'such! place.git"
	_, err := dial(t, missing, Options{SSH: trusting(server)}).ListRefs(t.Context(), nil)
	wantError(t, err, ErrNotFound, "does not appear to be a git repository", "no'such! place.git")
}

func TestPathsWithOddCharactersArriveWhole(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	tip := repo.Commit("ABC-1")
	odd := &gittest.Repo{Path: filepath.Join(t.TempDir(), `it's "odd"! $HOME & ü.git`)}
	if err := os.CopyFS(odd.Path, os.DirFS(repo.Path)); err != nil {
		t.Fatal(err)
	}
	server := gittest.ServeSSH(t, gittest.SSHOptions{})
	host, port, _ := net.SplitHostPort(server.Address)
	for _, url := range []string{
		server.URL(odd),
		server.User + "@[" + host + ":" + port + "]:" + odd.Path,
		strings.TrimSuffix(gittest.ServeGit(t, odd), filepath.Base(odd.Path)) + strings.ReplaceAll(filepath.Base(odd.Path), " ", "%20"),
	} {
		if a := list(t, dial(t, url, Options{SSH: trusting(server)})); a.HeadOID != tip {
			t.Errorf("%s: %+v", url, a)
		}
	}
}

// fakeSSH is an ssh server whose sessions do as told.
func fakeSSH(t *testing.T, run func(ssh.Channel)) (url string, o SSH) {
	t.Helper()
	maker := gittest.ServeSSH(t, gittest.SSHOptions{})
	pem, err := os.ReadFile(maker.HostKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	address := accepting(t, func(c net.Conn) {
		conn, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		defer conn.Close()
		go ssh.DiscardRequests(requests)
		for n := range channels {
			channel, requests, err := n.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := range requests {
					r.Reply(r.Type == "exec", nil)
					if r.Type == "exec" {
						go run(channel)
					}
				}
			}()
		}
	})
	host, port, _ := net.SplitHostPort(address)
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := "[" + host + "]:" + port + " " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return "ssh://git@" + address + "/r.git", SSH{Key: contents(maker.Key), KnownHosts: known}
}

// accepting serves each connection until the test ends.
func accepting(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go serve(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

func TestAStreamThatHangsAnywhereIsStalledAndCancellable(t *testing.T) {
	t.Parallel()
	greeting := string(packets("version 2\n", "ls-refs=unborn\n", "fetch=filter\n", "0000"))
	fakes := map[string]func(*testing.T) (string, SSH){
		"ssh handshake": func(t *testing.T) (string, SSH) {
			_, o := fakeSSH(t, nil)
			return "ssh://git@" + accepting(t, func(net.Conn) {}) + "/r.git", o
		},
		"ssh greeting": func(t *testing.T) (string, SSH) { return fakeSSH(t, func(ssh.Channel) {}) },
		"ssh within the greeting": func(t *testing.T) (string, SSH) {
			return fakeSSH(t, func(c ssh.Channel) { c.Write([]byte(greeting[:20])) })
		},
		"ssh answer": func(t *testing.T) (string, SSH) {
			return fakeSSH(t, func(c ssh.Channel) { c.Write([]byte(greeting)) })
		},
		"git greeting": func(t *testing.T) (string, SSH) {
			return "git://" + accepting(t, func(net.Conn) {}) + "/r.git", SSH{}
		},
		"git answer": func(t *testing.T) (string, SSH) {
			return "git://" + accepting(t, func(c net.Conn) { c.Write([]byte(greeting)) }) + "/r.git", SSH{}
		},
	}
	for name, fake := range fakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, o := fake(t)
			_, err := dial(t, url, Options{SSH: o, Stall: 200 * time.Millisecond}).ListRefs(t.Context(), nil)
			wantError(t, err, ErrStalled, "nothing moved")

			ctx, cancel := context.WithCancelCause(t.Context())
			mine := errors.New("mine")
			time.AfterFunc(50*time.Millisecond, func() { cancel(mine) })
			began := time.Now()
			_, err = dial(t, url, Options{SSH: o, Stall: time.Minute}).ListRefs(ctx, nil)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, mine) || time.Since(began) > 20*time.Second {
				t.Errorf("cancelled: %v after %v", err, time.Since(began))
			}
		})
	}
}

func TestAStreamThatEndsEarlyIsSaidSo(t *testing.T) {
	t.Parallel()
	greeting := string(packets("version 2\n", "ls-refs=unborn\n", "fetch=filter\n", "0000"))
	says := func(out, err string) func(*testing.T) (string, SSH) {
		return func(t *testing.T) (string, SSH) {
			return fakeSSH(t, func(c ssh.Channel) {
				c.Write([]byte(out))
				c.Stderr().Write([]byte(err))
				c.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{128}))
				c.Close()
			})
		}
	}
	for name, test := range map[string]struct {
		fake func(*testing.T) (string, SSH)
		kind error
		says string
	}{
		"nothing":               {says("", ""), ErrServer, "ended without a word"},
		"no such repository":    {says("", "ERROR: Repository not found.\nfatal: no\n"), ErrNotFound, "Repository not found"},
		"no access":             {says("", "remote: Permission denied\n"), ErrAuth, "Permission denied"},
		"no command":            {says("", "sh: git-upload-pack: not found\n"), ErrServer, "git-upload-pack: not found"},
		"within the greeting":   {says(greeting[:10], ""), ErrTruncated, "ended within"},
		"before the answer":     {says(greeting, "fatal: out of memory"), ErrServer, "out of memory"},
		"a shell that greets":   {says("Welcome to example.com!\n", ""), ErrProtocol, "Welcome"},
		"git daemon says no":    {raw(packets("ERR access denied or repository not exported: /r.git")), ErrNotFound, "not exported"},
		"git daemon closes":     {raw(nil), ErrTruncated, "ended"},
		"git daemon cut":        {raw([]byte(greeting[:10])), ErrTruncated, "ended"},
		"git daemon, then none": {raw([]byte(greeting)), ErrProtocol, "empty answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, o := test.fake(t)
			_, err := dial(t, url, Options{SSH: o}).ListRefs(t.Context(), nil)
			wantError(t, err, test.kind, test.says)
		})
	}
}

// raw answers on git:// with these bytes and ends.
func raw(b []byte) func(*testing.T) (string, SSH) {
	return func(t *testing.T) (string, SSH) {
		return "git://" + accepting(t, func(c net.Conn) {
			c.Read(make([]byte, 1000))
			c.Write(b)
			c.(*net.TCPConn).CloseWrite()
		}) + "/r.git", SSH{}
	}
}

func TestAThousandHavesGoOverEveryCarrier(t *testing.T) {
	t.Parallel()
	for name, c := range carriers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gittest.Init(t)
			tip := repo.Commits("refs/heads/main", "ABC-1", 5)
			haves := make([]storage.OID, 5000)
			for i := range haves {
				haves[i] = storage.OID{byte(i >> 8), byte(i), 1}
			}
			s := store{gittest.Init(t)}
			r := FetchRequest{Wants: []storage.OID{tip}, Haves: haves, Filter: "tree:0"}
			if n := s.add(t, fetch(t, c.serve(t, repo), r)); n != 5 {
				t.Errorf("%d objects", n)
			}
		})
	}
}

func TestURLsOfEveryKindAreUnderstood(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]place{
		"ssh://git@git.example.com/acme/shop.git":      {"git", "git.example.com:22", "git.example.com", "/acme/shop.git"},
		"ssh://git.example.com:2222/acme/shop.git":     {"", "git.example.com:2222", "git.example.com:2222", "/acme/shop.git"},
		"git+ssh://git@[::1]:22/~bot/shop":             {"git", "[::1]:22", "[::1]:22", "~bot/shop"},
		"git@git.example.com:acme/shop.git":            {"git", "git.example.com:22", "git.example.com", "acme/shop.git"},
		"git.example.com:/acme/shop.git":               {"", "git.example.com:22", "git.example.com", "/acme/shop.git"},
		"git@[git.example.com:7999]:acme/shop.git":     {"git", "git.example.com:7999", "git.example.com:7999", "acme/shop.git"},
		"git@[::1]:acme/shop.git":                      {"git", "[::1]:22", "::1", "acme/shop.git"},
		"git://git.example.com/acme/shop.git":          {"", "git.example.com:9418", "git.example.com", "/acme/shop.git"},
		"git://git.example.com:1234/acme/shop%20x.git": {"", "git.example.com:1234", "git.example.com:1234", "/acme/shop x.git"},
	} {
		r, err := parseRemote(raw)
		if err != nil || r.place != want {
			t.Errorf("%s: %+v, %v", raw, r.place, err)
		}
	}
}
