package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// server serves repositories through git-http-backend(1) on the loopback.
type server struct {
	url      string // of the repository, or of the folder of them
	http     *http.Server
	done     chan error
	busy     atomic.Int64 // requests that are being answered
	answered atomic.Int64
}

// serve starts a server of one repository on a free port; close it. The settings, such as uploadpack.allowFilter=true, are
// git's of the server.
func serve(repo string, settings ...string) (*server, error) {
	parent, name := filepath.Split(repo)
	return startServer(parent, "/"+name, settings)
}

// serveFolder starts a server of all repositories in a folder.
func serveFolder(folder string, settings ...string) (*server, error) {
	return startServer(folder, "", settings)
}

func startServer(root, path string, settings []string) (*server, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("find git-http-backend: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  append(environment(settings...), "GIT_PROJECT_ROOT="+filepath.Clean(root), "GIT_HTTP_EXPORT_ALL=1"),
	}
	mux := http.NewServeMux()
	s := &server{
		url:  "http://" + listener.Addr().String() + path,
		http: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute},
		done: make(chan error, 1),
	}
	mux.Handle(path+"/", s.counted(withLength(backend)))
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// counted keeps count of requests, for those who wait until nothing happens.
func (s *server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer func() {
			s.answered.Add(1)
			s.busy.Add(-1)
		}()
		next.ServeHTTP(w, r)
	})
}

// close ends the server; requests that are still being answered get a few seconds.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	if end := <-s.done; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// maxRequest bounds a request's body: it names the wanted and the known objects, some 50 bytes each.
const maxRequest = 64 << 20

// withLength gives chunked requests, which git sends when it names many objects, the length that CGI wants (RFC 3875, section 4.1.2).
func withLength(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
			if err != nil {
				http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			r.TransferEncoding = nil
		}
		next.ServeHTTP(w, r)
	})
}
