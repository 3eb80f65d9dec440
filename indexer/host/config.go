package host

import (
	"context"
	"net/http"
	"time"
)

// Secret reads a secret at each use, so that a rotated one needs no restart. Its error names where the secret is kept, never the
// secret. Nil is no secret.
type Secret func(ctx context.Context) (string, error)

// Config is what a host is made from: what the configuration says of an integration. A host takes the fields that it has a use for and
// refuses in New what it cannot do without.
type Config struct {
	Name string // of the integration, for errors

	// How the host is reached.
	URL       string            // where its web pages begin, as "https://github.com"; New adds the path of the API
	API       string            // where its API begins, for a host that has it elsewhere than URL tells; empty: as usual
	Origins   []string          // further origins, as "https://git.example.com", that clone URLs may have
	Transport http.RoundTripper // TLS, proxy and connections; nil is http.DefaultTransport
	Limits    Limits
	Observe   func(Call) // told of every request to the API, from the goroutine of the caller; nil tells nobody

	// Who we are. Most hosts take a token; some a user name and a password.
	Username string
	Password Secret
	Token    Secret
	// Headers are further fields of every request to the API, as a gateway before the host wants them. They are secrets, read at each
	// use; nil is none.
	Headers func(ctx context.Context) (http.Header, error)

	// What is taken of it.
	Organisation string // organisation, group, or collection; empty: all that the account sees
	APIPath      string // what to list instead of the usual, as "/orgs/acme/repos" (GitHub, GitLab)
	Region       string // of AWS

	// GitHub App.
	AppID          string // its number, or its client id
	InstallationID int64  // 0: all installations
	PrivateKey     Secret // RSA, in PEM form

	// Tracked folder.
	Path  string // absolute
	Depth int    // 1 to 5

	// Webhooks.
	HookSecret   Secret
	HookUsername string // for hosts whose webhooks come with a user name and a password; empty: any
}

// Limits of the requests to an API. The zero value has those of package hostapi.
type Limits struct {
	Exchange time.Duration // for one request and its answer
	Total    time.Duration // for one request with all its retries
	Wait     time.Duration // the longest wait that a host may ask for; beyond it a call ends with ErrThrottled
	Backoff  time.Duration // before the first retry; each next one waits twice as long
	Rate     float64       // requests a second
	Body     int64         // bytes of one answer, decompressed
	Pages    int           // of one list
	PageSize int           // entries to ask for of a page; 0: the most that the host gives
}

// Call is a request to an API that has ended.
type Call struct {
	Status   int // 0 when there was no answer
	Duration time.Duration
	Received int64 // bytes of the body, decompressed
	Err      error // nil, or what the caller gets or retries
	// InBackground is a request that let others go first.
	InBackground bool
}
