package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/indexer/host/hosttest"
	"keytrail/indexer/mirror/gittest"
)

// hostServer is a git host: its API answers as a real one was recorded, and at the clone URLs of those answers is git
// http-backend. One of its repositories, that of the recorded webhooks, is the test's; all others are one and the same.
type hostServer struct {
	*hosttest.Server
	hostKind
	t       *testing.T
	repo    *gittest.Repo
	backend http.Handler

	removed atomic.Bool  // the repository is gone from the host
	failing atomic.Int64 // the status of all answers; 0: they are well
}

func newHostServer(t *testing.T, kind hostKind) *hostServer {
	t.Helper()
	h := &hostServer{hostKind: kind, t: t, repo: gittest.Init(t)}
	other := gittest.Init(t)
	other.Commit("no key here")
	root := t.TempDir()
	for name, repo := range map[string]*gittest.Repo{"own": h.repo, "other": other} {
		if err := os.Symlink(repo.Path, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	h.backend = gittest.Backend(t, root)
	h.Server = hosttest.NewServer(t, hosttest.Case{
		Dir: kind.recordings(), More: kind.more(), Ignore: kind.ignore, First: map[string]string{"page": "1", "start": "0", "S": "0"},
		Missing: h.missing, Allows: func(r *http.Request, _ string) bool { return kind.allows(r, h.token()) },
	})
	h.Script(h.serve)
	return h
}

// token is the secret by which keytrail is known to the host.
func (k hostKind) token() string { return "canary-token-of-" + k.name }

// hookSecret is the secret by which the host is known to keytrail.
func (k hostKind) hookSecret() string { return "canary-hook-secret-of-" + k.name }

// recordings is the folder of what was recorded of such a host.
func (k hostKind) recordings() string { return filepath.Join("../../../indexer/host", k.dir) }

func (k hostKind) more() (dirs []string) {
	for _, dir := range k.also {
		dirs = append(dirs, filepath.Join("../../../indexer/host", dir))
	}
	return dirs
}

// serve answers for git and for the API.
func (h *hostServer) serve(w http.ResponseWriter, r *http.Request) bool {
	if status := int(h.failing.Load()); status != 0 {
		h.fail(w, r, status)
		return true
	}
	for _, service := range []string{"/info/refs", "/git-upload-pack"} {
		if place, ok := strings.CutSuffix(r.URL.Path, service); ok {
			h.serveGit(w, r, place, service)
			return true
		}
	}
	answer := httptest.NewRecorder()
	h.Replay(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(h.adapt(answer.Body.Bytes()))
	return true
}

// fail answers with a status, and says all that a request can have told: its header as it is, and the password in it.
func (h *hostServer) fail(w http.ResponseWriter, r *http.Request, status int) {
	_, password, _ := r.BasicAuth()
	said, err := json.Marshal(fmt.Sprint("not now, ", password, " ", r.Header))
	if err != nil {
		h.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message": %[1]s, "error": %[1]s, "__type": %[1]s, "errors": [{"message": %[1]s}]}`, said)
}

func (h *hostServer) serveGit(w http.ResponseWriter, r *http.Request, place, service string) {
	if !h.allowsGit(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	name := "/other"
	if place == h.clone {
		name = "/own"
	}
	inner := r.Clone(r.Context())
	inner.URL.Path = name + service
	h.backend.ServeHTTP(w, inner)
}

// allowsGit holds a request of git to the token.
func (h *hostServer) allowsGit(r *http.Request) bool {
	if h.git != nil {
		return h.git(r)
	}
	return hosttest.Holds(r, h.token())
}

// missing answers what is not recorded. That are lists without the repository on hosts that ask for the rest of a list by what
// they have seen of it, and details of the other repositories, of which there are none.
func (h *hostServer) missing(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchGetRepositories"):
		h.Answer(w, "batch-get-repositories")
	case r.URL.Path == "/a/projects/":
		h.Answer(w, "list-repos-page2")
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "{}")
	}
}

var recordedOrigin = regexp.MustCompile(`https://([\w.-]+@)?[\w.-]+\.example\.com`)

// adapt puts the server's own address into a recorded text, and takes the repository out when it is gone.
func (h *hostServer) adapt(text []byte) []byte {
	text = recordedOrigin.ReplaceAll(text, []byte("http://${1}"+strings.TrimPrefix(h.URL, "http://")))
	if !h.removed.Load() {
		return text
	}
	before, document := []byte(nil), text
	if i := bytes.IndexByte(text, '\n'); bytes.HasPrefix(text, []byte(")]}'")) {
		before, document = text[:i+1], text[i+1:]
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return text
	}
	left, err := json.Marshal(h.without(v))
	if err != nil {
		h.t.Error(err)
	}
	return append(bytes.Clone(before), left...)
}

// without gives a JSON value without the objects that are the repository.
func (h *hostServer) without(v any) any {
	switch v := v.(type) {
	case []any:
		v = slices.DeleteFunc(v, func(element any) bool {
			o, _ := element.(map[string]any)
			return fmt.Sprint(o["id"]) == h.id || o["repositoryId"] == h.id
		})
		for i := range v {
			v[i] = h.without(v[i])
		}
		return v
	case map[string]any:
		delete(v, h.id)
		for name := range v {
			v[name] = h.without(v[name])
		}
	}
	return v
}

// push has the host tell keytrail of a push, as it was recorded and as it signs now.
func (h *hostServer) push(d *daemon) {
	h.t.Helper()
	sent := hosttest.Delivery(h.t, h.recordings(), h.hook)
	sent.Body = h.adapt(sent.Body)
	path := "/webhooks/" + h.name
	if h.sign == nil {
		path += "/" + h.hookSecret()
	} else {
		h.sign(sent, h.hookSecret())
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, d.url+path, bytes.NewReader(sent.Body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header = sent.Header
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusAccepted {
		h.t.Fatalf("the delivery is answered %s: %s, %v", answer.Status, said, err)
	}
}
