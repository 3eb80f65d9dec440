package daemon

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/daemon/config"
	"keytrail/indexer/discovery"
	"keytrail/indexer/host"
)

// emptyHost is a host of any type whose account has no repositories. Its first request fails.
func emptyHost(t *testing.T) *httptest.Server {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		io.WriteString(w, "[]")
	}))
	t.Cleanup(server.Close)
	return server
}

func TestAListThatIsEmptySaysWhatToCheckAndWhatIsWaitedForIsShown(t *testing.T) {
	server := emptyHost(t)
	transports := newTransports()
	defer transports.close()
	text := fmt.Sprintf("integrations: [{name: acme, type: gitea, url: %q, token: {env: T}}]\nrepositories: [{name: shop, url: /srv/shop.git}]", server.URL)
	t.Setenv("T", "secret")
	p := planOf(t, text, transports)
	var out, progress bytes.Buffer
	if err := p.list(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	want := "+ shop\t/srv/shop.git\nacme: 0 of 0 repositories\n! the host lists none: check organisation or api_path, that the token has the scope read:repository, " +
		"and that its account may see the repositories\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", &out, want)
	}
	lines := strings.Split(progress.String(), "\n")
	if len(lines) != 3 || lines[0] != "asking acme …" || !strings.HasPrefix(lines[1], "asking acme …: HTTP status 500") {
		t.Errorf("progress: %q", lines)
	}
}

func TestAFilterThatLeavesOutAllSaysHowValuesAreWritten(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"id": 1, "name": "shop", "full_name": "acme/shop", "clone_url": "http://%s/acme/shop.git"}]`, r.Host)
	}))
	defer server.Close()
	transports := newTransports()
	defer transports.close()
	t.Setenv("T", "secret")
	p := planOf(t, fmt.Sprintf("integrations: [{name: acme, type: gitea, url: %q, token: {env: T}, filter: '[?name==shop]'}]", server.URL), transports)
	var out bytes.Buffer
	if err := p.list(t.Context(), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "acme: 0 of 1 repository\n! the filter leaves out all: ") || !strings.HasSuffix(got, "\n- acme/shop\n") {
		t.Errorf("got:\n%s", got)
	}
}

func TestEveryTypeOfHostHasItsOwnToCheck(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range config.Types() {
		seen[whatHides(kind)] = true
	}
	if want := len(config.Types()) - 1; len(seen) != want { // Azure DevOps is two
		t.Errorf("%d texts, want %d: %v", len(seen), want, seen)
	}
	if !strings.Contains(whatHides(config.TypeFolder), "depth") {
		t.Error("a folder has no depth to check")
	}
}

func TestADiscoveryThatRunsTellsSinceWhenAndWhyItIsNotDone(t *testing.T) {
	a := &actions{}
	in := &integration{config: config.Integration{Name: "acme"}, attempts: &attempts{}}
	a.set(plan{integrations: []*integration{in}})
	began := time.Now()
	if err := a.failureSince("acme", began); err != nil {
		t.Errorf("before a request: %v", err)
	}
	in.attempts.note(host.Call{Err: host.Problem(host.ErrServer, "status 500")})
	in.attempts.note(host.Call{InBackground: true})
	if err := a.failureSince("acme", began); err == nil || err.Error() != "status 500" {
		t.Errorf("after a failure: %v", err)
	}
	for name, begin := range map[string]time.Time{"acme": time.Now().Add(time.Hour), "other": began} {
		if err := a.failureSince(name, begin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	running := discovery.State{Name: "acme", IsRunning: true, Began: began}
	if got := (discoverer{actions: a}).shown(running); got.Trying == nil || !got.Trying.Since.Equal(began) || got.Trying.Error != "status 500" {
		t.Errorf("got %+v", got.Trying)
	}
	if got := (discoverer{actions: a}).shown(discovery.State{Name: "acme"}); got.Trying != nil {
		t.Errorf("while none runs: %+v", got.Trying)
	}
	in.attempts.note(host.Call{})
	if err := a.failureSince("acme", began); err != nil {
		t.Errorf("after a success: %v", err)
	}
}
