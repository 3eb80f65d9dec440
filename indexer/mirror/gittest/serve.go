package gittest

import (
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Options of a served repository. The zero value is an open server that speaks the protocol version it is asked for.
type Options struct {
	// User and Password, when User is set, are demanded by basic authentication; 401 otherwise.
	User, Password string
	// Protocol replaces the client's Git-Protocol header: "none" gives protocol version 0, "version=1" version 1.
	Protocol string
	// Middleware, when set, wraps git http-backend: to fail, to hang, to look at requests.
	Middleware func(http.Handler) http.Handler
	// Requests, when set, counts what arrived, refused requests included.
	Requests *atomic.Int64
	// TLS serves https with httptest's certificate; see Start for the client that trusts it.
	TLS bool
}

// Serve runs git http-backend for one repository on 127.0.0.1 until the test ends and gives the repository's URL.
func Serve(t testing.TB, r *Repo, o Options) string {
	t.Helper()
	return Start(t, filepath.Dir(r.Path), o).URL + "/" + filepath.Base(r.Path)
}

// Start serves every repository under root; a repository's URL is the server's URL, a slash, and its path below root. The
// server's Client trusts its certificate. It is closed when the test ends, cutting requests that still run.
func Start(t testing.TB, root string, o Options) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(o.wrap(Backend(t, root)))
	if o.TLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// Backend is git http-backend over the repositories under root, for a server of the test's own.
func Backend(t testing.TB, root string) http.Handler {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatalf("git --exec-path: %v: install git", err)
	}
	env := append(environment(t.TempDir()), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1")
	return &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  env,
		// Tests of failures would fill the log with what is said of them.
		Stderr: io.Discard,
		Logger: log.New(io.Discard, "", 0),
	}
}

func (o Options) wrap(backend http.Handler) http.Handler {
	if o.Middleware != nil {
		backend = o.Middleware(backend)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Requests != nil {
			o.Requests.Add(1)
		}
		if o.User != "" {
			if user, password, ok := r.BasicAuth(); !ok || user != o.User || password != o.Password {
				w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
		}
		switch o.Protocol {
		case "":
		case "none":
			r.Header.Del("Git-Protocol")
		default:
			r.Header.Set("Git-Protocol", o.Protocol)
		}
		backend.ServeHTTP(w, r)
	})
}
