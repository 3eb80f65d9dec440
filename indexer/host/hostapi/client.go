// Package hostapi is the HTTP client of all hosts' APIs: JSON over one origin, with everything bounded.
//
//	api, err := hostapi.New(hostapi.Options{Base: "https://api.example.com", Authorize: hostapi.Bearer(token)})
//	repositories, err := api.Collect(ctx, "/user/repos?per_page=100", "", hostapi.LinkNext)
//	answer, err := api.Do(ctx, hostapi.Request{Method: "POST", Ref: hostapi.Path("/repos/%s/pulls", name), Body: pull})
//
// What may be repeated is repeated, with back-off, when the host or the way to it fails. A host that asks to wait is not asked again
// before that, by any user of the client; a wait that is too long ends calls with host.ErrThrottled at once. All accounts on an API share
// its rate of requests, of which polls of pull requests, in the background, take what the others leave. Where a caller waits
// for what they have made (Client.For), nothing is waited for, and repeated once at most. A redirect or a link to
// a next page that leads to another origin is host.ErrOrigin. Every error is a [*host.Error], or wraps the context's, and all that
// authorises a request is taken out of its text.
//
// In the files: client.go is one request with its retries; exchange.go is one attempt; answer.go reads what came; pages.go follows lists;
// pullrequests.go is such a list; status.go tells what a status means; gate.go keeps the waits that hosts ask for; turn.go says who goes
// next; redact.go takes out secrets; authorize.go has the usual ways to say who we are.
package hostapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keytrail/indexer/host"
)

// Authorize adds to a request's header what says who we are. It is asked before every attempt. A signature over the body reads
// that by request.GetBody.
type Authorize func(ctx context.Context, request *http.Request) error

// Options of a Client.
type Options struct {
	// Base is where the API begins, as "https://ghe.example.com/api/v3". Its origin is the only one that is spoken to.
	Base string
	// Authorize says who we are; nil is nobody.
	Authorize Authorize
	// Header is sent with every request.
	Header http.Header
	// Headers gives secret fields that are sent with every request; nil is none.
	Headers func(ctx context.Context) (http.Header, error)
	// Transport carries the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Limits of time, size and number; zero fields are the defaults below.
	Limits host.Limits
	// Observe is told of every attempt; nil tells nobody.
	Observe func(host.Call)
	// Prefix stands before every JSON answer, as Gerrit's, and is taken off.
	Prefix string
	// Means gives the status that a refusal stands for, for hosts that have one status for all and say the reason in the body. Nil
	// leaves it at the refusal's own.
	Means func(Answer) int
	// Throttled tells whether a refusal (status 400 and above) is a limit of requests and when it ends, for hosts with signs of
	// their own; the zero time is not told. Nil, or false, leaves it to the signs that hosts have in common.
	Throttled func(Answer) (until time.Time, is bool)
}

// For gives the options that a configuration has for the API at base.
func For(c host.Config, base string, a Authorize) Options {
	return Options{Base: base, Authorize: a, Headers: c.Headers, Transport: c.Transport, Limits: c.Limits, Observe: c.Observe}
}

// The defaults of limits.
const (
	defaultExchange = time.Minute
	defaultTotal    = 10 * time.Minute
	defaultWait     = 2 * time.Minute
	defaultBackoff  = time.Second
	defaultRate     = 10
	defaultBody     = 32 << 20
	defaultPages    = 10_000
)

const (
	maxTries     = 5
	maxBackoff   = 30 * time.Second
	maxRedirects = 3
	userAgent    = "keytrail"
)

// Client speaks to one API as one account. It is for use by many goroutines.
type Client struct {
	options Options
	base    string // without a slash at its end
	origin  string
	http    *http.Client
	turns   *turns
	gate    *gate
	lane    lane
	renew   func(refused http.Header)
	caller  *host.Caller // who waits; nil: nobody
}

// New makes a client. It asks nothing.
func New(o Options) (*Client, error) {
	origin := host.Origin(o.Base)
	u, err := url.Parse(o.Base)
	if err != nil || origin == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, host.Problem(host.ErrConfig, "the url is not one of http or https without credentials and query: write it as https://git.example.com")
	}
	o.Limits = withDefaults(o.Limits)
	c := &Client{
		options: o,
		base:    strings.TrimRight(o.Base, "/"),
		origin:  origin,
		turns:   newTurns(o.Limits.Rate),
		gate:    &gate{},
	}
	c.http = &http.Client{Transport: o.Transport, CheckRedirect: c.checkRedirect}
	return c, nil
}

func withDefaults(l host.Limits) host.Limits {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&l.Exchange, defaultExchange)
	set(&l.Total, defaultTotal)
	set(&l.Wait, defaultWait)
	set(&l.Backoff, defaultBackoff)
	if l.Rate == 0 {
		l.Rate = defaultRate
	}
	if l.Body == 0 {
		l.Body = defaultBody
	}
	if l.Pages == 0 {
		l.Pages = defaultPages
	}
	return l
}

// As gives a client for another account, whose waits are its own.
func (c *Client) As(a Authorize) *Client {
	other := *c
	other.options.Authorize = a
	other.gate = &gate{}
	other.renew = nil
	return &other
}

// For gives a client for what a caller makes: with their token, by which authorize says who they are, or as the integration when they
// gave none. Because they wait, a limit of requests ends calls with host.ErrThrottled at once however short it is, and what failed is
// repeated once.
func (c *Client) For(caller host.Caller, authorize func(token host.Secret) Authorize) *Client {
	served := *c
	served.caller = &caller
	if !caller.HasToken() {
		return &served
	}
	return served.As(authorize(Constant(caller.Token)))
}

// Renewing gives a client of the same account whose credentials can be renewed. Where the host does not accept them, with status 401, renew
// is told the header that was sent, and the request, of which nothing was done, is sent once more with what then authorises it.
func (c *Client) Renewing(renew func(refused http.Header)) *Client {
	other := *c
	other.renew = renew
	return &other
}

// InBackground gives a client of the same account for what nobody waits for: while any user of the API has a request that is not in
// the background, that goes first, but for one in eight.
func (c *Client) InBackground() *Client {
	other := *c
	other.lane = background
	return &other
}

// Request is what to ask.
type Request struct {
	Method string // empty is GET
	Ref    string // path below the base with its query, as Path makes it, or an absolute URL at the same origin
	Body   any    // sent as JSON; nil sends none
	Header http.Header
	// Repeatable tells that the request may be sent again: it changes nothing, or Makes what the host makes once. GET always is.
	Repeatable bool
	// Makes tells of a repeatable request that it may change something. What is not repeatable always may.
	Makes bool
}

func (r Request) isRepeatable() bool { return r.Repeatable || r.Method == http.MethodGet }

// makes tells whether the request may change something.
func (r Request) makes() bool { return r.Makes || !r.isRepeatable() }

// Get asks for a path below the base.
func (c *Client) Get(ctx context.Context, ref string) (Answer, error) {
	return c.Do(ctx, Request{Ref: ref})
}

// Do sends a request, again and again if it may be repeated, and gives the answer of a status below 300.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	at, err := c.resolve(r.Ref)
	if err != nil {
		return Answer{}, err
	}
	deadline, cancel := context.WithTimeout(ctx, c.options.Limits.Total)
	defer cancel()
	answer, err := backoff.Retry(deadline, func() (Answer, error) {
		a, err := c.exchange(deadline, r, at)
		return a, c.whether(deadline, err)
	}, backoff.WithMaxTries(c.tries(r)), backoff.WithMaxElapsedTime(c.options.Limits.Total), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: c.options.Limits.Backoff, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: maxBackoff,
	}))
	return answer, c.finish(ctx, r.Method+" "+shown(at), err)
}

// resolve gives the URL of a reference.
func (c *Client) resolve(ref string) (*url.URL, error) {
	raw := c.base + ref
	if strings.Contains(ref, "://") && !strings.HasPrefix(ref, "/") {
		raw = ref
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, host.Problem(host.ErrAnswer, "a link of the host is not a URL")
	case host.Origin(raw) != c.origin:
		return nil, host.Problem(host.ErrOrigin, "a link of %s leads to %s and is not followed: look at the host, or at a proxy before it",
			c.origin, originOr(raw))
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// tries is how often a request is sent at most.
func (c *Client) tries(r Request) uint {
	switch {
	case !r.isRepeatable():
		return 1
	case c.caller != nil:
		return 2
	}
	return maxTries
}

// patience is how long to wait at most for the end of a limit. A wait that the context would end is not begun.
func (c *Client) patience(ctx context.Context) time.Duration {
	if c.caller != nil {
		return 0
	}
	most := c.options.Limits.Wait
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(deadline))
	}
	return most
}

// whether says what backoff.Retry does about an error.
func (c *Client) whether(ctx context.Context, err error) error {
	var (
		e     *host.Error
		never *backoff.PermanentError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &never):
		return err
	case !errors.As(err, &e):
		return backoff.Permanent(err)
	}
	switch e.Kind {
	case host.ErrServer, host.ErrUnreachable:
		return err
	case host.ErrThrottled:
		if wait := time.Until(e.Until); wait <= c.patience(ctx) {
			return &again{e, &backoff.RetryAfterError{Duration: max(0, wait)}}
		}
	case host.ErrAnswer:
		if isCut(err) {
			return err
		}
	}
	return backoff.Permanent(err)
}

// again is an error together with the wait before the next try.
type again struct {
	err   *host.Error
	after *backoff.RetryAfterError
}

func (a *again) Error() string { return a.err.Error() }

func (a *again) Unwrap() []error { return []error{a.err, a.after} }

// finish gives an error its final form.
func (c *Client) finish(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", op, ended)
	}
	var e *host.Error
	if !errors.As(err, &e) {
		e = &host.Error{Kind: host.ErrUnreachable, Text: "no whole answer in the time allowed: look at the host if this stays", Err: err}
	}
	finished := *e
	if finished.Op == "" {
		finished.Op = op
	}
	return &finished
}

// checkRedirect follows a few redirects within the origin, of requests that change nothing. Credentials go to no other.
func (c *Client) checkRedirect(next *http.Request, before []*http.Request) error {
	switch {
	case host.Origin(next.URL.String()) != c.origin:
		return host.Problem(host.ErrOrigin, "a redirect to %s is not followed: correct the url of the integration", originOr(next.URL.String()))
	case before[0].Method != http.MethodGet:
		return host.Problem(host.ErrOrigin, "a redirect of a request that makes something is not followed: correct the url of the integration")
	case len(before) > maxRedirects:
		return host.Problem(host.ErrAnswer, "more than %d redirects: correct the url of the integration", maxRedirects)
	}
	return nil
}

// Path fills the values into a path, each as one segment whatever it holds.
func Path(format string, values ...string) string {
	escaped := make([]any, len(values))
	for i, v := range values {
		escaped[i] = url.PathEscape(v)
		if v == "." || v == ".." {
			escaped[i] = strings.ReplaceAll(v, ".", "%2E")
		}
	}
	return fmt.Sprintf(format, escaped...)
}

// shown is a URL for people: a query may hold what they should not see.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// originOr is the origin of a URL for people.
func originOr(raw string) string {
	if origin := host.Origin(raw); origin != "" {
		return origin
	}
	return "what is no URL of http or https"
}

// Segments escapes a name that holds slashes, as a branch's, for a path in which they stay slashes.
func Segments(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = Path("%s", part)
	}
	return strings.Join(parts, "/")
}
