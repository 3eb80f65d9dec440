package hosttest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/host"
)

// What the hosts under test are given.
const (
	Token       = "canary-integration-token"
	CallerToken = "canary-caller-token"
	HookSecret  = "example-webhook-secret"
	TenantName  = "canary-tenant-name" // in the header X-Tenant
)

// Case is a host and what its recordings say.
type Case struct {
	Dir  string   // the recordings
	More []string // folders whose exchanges are replayed too
	New  func(host.Config) (host.Host, error)
	// Config completes what New is given, if it must be: it comes with Token, Password, HookSecret, Limits and the server's URL.
	Config  func(c *host.Config, s *Server)
	Ignore  []string          // parameters of queries that may differ from the recorded, as the size of pages
	First   map[string]string // parameters of queries that may be missing on the first page, with the value they then have
	Secrets []string          // what must not be shown, beside the tokens that Run gives
	// Missing answers what is not recorded; nil: that fails the test.
	Missing http.HandlerFunc
	// Allows tells whether a request holds a token, for hosts that Holds does not fit.
	Allows func(r *http.Request, token string) bool

	// IsList tells a request for a page of the list from those by which a host gets its tokens; nil when there are none of these.
	IsList func(r *http.Request) bool

	Listed         []host.Repository // all that the recordings list, in order; URLs as recorded
	EmptyList      string            // the body of a list without repositories
	CloneOrigin    string            // the recorded origin of clone URLs, when it is not that of the API
	Filter         string            // an expression as the host's users write it
	Filtered       []string          // the names of what it leaves
	NameIsIdentity bool              // for a host that has no other, where a rename is another repository
	Throttled      []string          // exchanges that are a limit of requests
	Paused         []string          // exchanges that are a whole list, and ask to wait before the next request

	// Sign gives a recorded delivery its signature, for hosts whose recordings cannot hold one.
	Sign       func(host.Delivery) host.Delivery
	HookHeader string                // the header that proves a delivery; empty: the URL does
	IsSigned   bool                  // the header is made from the body
	Events     map[string]host.Event // by id of the recorded webhook; Delivery and URLs need not be given

	Repository   host.Repository // for all below
	Caller       string          // the token of a caller, where the host has a form for it; empty: CallerToken
	PullRequests []host.PullRequest

	NewBranch      host.NewBranch
	Branch         host.Branch
	BranchRefusal  Refusal
	NewPullRequest host.NewPullRequest
	PullRequest    host.PullRequest
	PullRefusal    Refusal
}

// Refusal is an exchange by which the host refuses, and words of its own that must be passed on.
type Refusal struct{ Exchange, Said string }

// start makes the server and the host of a case.
func (c Case) start(t *testing.T, change ...func(*host.Config)) (*Server, host.Host) {
	t.Helper()
	s := NewServer(t, c)
	config := host.Config{
		Name: "acme", URL: s.URL, Origins: []string{s.URL},
		Username: "bot", Token: Secret(Token), Password: Secret(Token),
		HookSecret: Secret(HookSecret),
		Headers:    func(context.Context) (http.Header, error) { return http.Header{"X-Tenant": {TenantName}}, nil },
		Transport:  transport(t),
		Limits:     host.Limits{Backoff: time.Millisecond, Wait: time.Millisecond, Rate: 1000, Body: 1 << 20},
	}
	if c.CloneOrigin != "" {
		config.Origins = []string{c.CloneOrigin}
	}
	if c.Config != nil {
		c.Config(&config, s)
	}
	for _, f := range change {
		f(&config)
	}
	h, err := c.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

// transport makes connections that end with the test.
func transport(t *testing.T) *http.Transport {
	own := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(own.CloseIdleConnections)
	return own
}

// Secret is one that is known.
func Secret(text string) host.Secret {
	return func(context.Context) (string, error) { return text, nil }
}

// mustBe holds an error to a kind and to silence about the tokens.
func (c Case) mustBe(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want: %v", err, kind)
	}
	for _, secret := range append([]string{Token, CallerToken, HookSecret, TenantName}, c.Secrets...) {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a secret is in the error: %v", err)
		}
	}
}
