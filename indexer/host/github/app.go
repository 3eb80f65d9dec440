package github

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const (
	// jwtLife is how long the App's own token is good; GitHub allows ten minutes by its own clock.
	jwtLife = 8 * time.Minute
	// jwtSkew is how far the host's clock may be behind.
	jwtSkew = time.Minute
	// renewBefore is how long before its end an installation's token, good for an hour, is no longer given out: a fetch begun with
	// it must be able to end.
	renewBefore = 10 * time.Minute
	// refreshAfter is how long a list of installations is believed when a repository's owner is not on it.
	refreshAfter = time.Minute
)

// app is a GitHub App: one account for each organisation or user that has it installed.
type app struct {
	config host.Config
	api    *hostapi.Client // as the App itself

	mu            sync.Mutex
	installations map[int64]*installation
	owners        map[string]int64 // login in lower case: the installation
	refreshed     time.Time        // when owners was learnt
}

// installation is an App at one organisation or user.
type installation struct {
	id  int64
	app *app
	api *hostapi.Client // as the installation

	turn chan struct{} // holds one while a token is asked for, so that it is asked for once

	mu      sync.Mutex
	secret  string
	expires time.Time
}

// NewApp makes the host of a GitHub App. It takes URL, API, AppID, PrivateKey and InstallationID.
func NewApp(c host.Config) (host.Host, error) {
	if c.AppID == "" || c.PrivateKey == nil {
		return nil, host.Problem(host.ErrConfig, "a github-app integration needs app_id and private_key: they are on the App's settings page")
	}
	a := &app{config: c, installations: map[int64]*installation{}, owners: map[string]int64{}}
	var err error
	if a.api, err = newClient(c, hostapi.Bearer(a.sign)); err != nil {
		return nil, err
	}
	if c.InstallationID != 0 {
		a.installation(c.InstallationID)
	}
	return newHost(c, a), nil
}

// sign makes the token by which the App proves itself (RFC 7519, RS256).
func (a *app) sign(ctx context.Context) (string, error) {
	pem, err := a.config.PrivateKey(ctx)
	if err != nil {
		return "", err
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
	if err != nil {
		return "", host.Problem(host.ErrAuth, "the private_key is not an RSA key in PEM form: download one from the App's settings page")
	}
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer:    a.config.AppID,
		IssuedAt:  jwt.NewNumericDate(now.Add(-jwtSkew)),
		ExpiresAt: jwt.NewNumericDate(now.Add(jwtLife)),
	}).SignedString(key)
}

// list joins the repositories of all installations in the envelope of one.
func (a *app) list(ctx context.Context) (any, error) {
	installations, err := a.refresh(ctx)
	if err != nil {
		return nil, err
	}
	all := []any{}
	for _, in := range installations {
		some, err := in.api.Collect(ctx, "/installation/repositories?per_page="+pageSize(a.config), "repositories", hostapi.LinkNext)
		if errors.Is(err, host.ErrAuth) {
			in.forget("") // a token has the rights that the App had when it was made
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return map[string]any{"total_count": float64(len(all)), "repositories": all}, nil
}

// refresh learns where the App is installed. A suspended installation has no repositories to give.
func (a *app) refresh(ctx context.Context) ([]*installation, error) {
	if id := a.config.InstallationID; id != 0 {
		return []*installation{a.installation(id)}, nil
	}
	list, err := a.api.Collect(ctx, "/app/installations?per_page="+pageSize(a.config), "", hostapi.LinkNext)
	if err != nil {
		return nil, err
	}
	elements, err := host.Elements(list)
	if err != nil {
		return nil, err
	}
	var found []*installation
	owners := map[string]int64{}
	for _, o := range elements {
		id, err := strconv.ParseInt(o.ID("id"), 10, 64)
		if err != nil {
			return nil, host.Problem(host.ErrAnswer, "an installation of the App has no id: look at the host")
		}
		if o.Has("suspended_at") {
			continue
		}
		owners[strings.ToLower(o.String("account.login"))] = id
		found = append(found, a.installation(id))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owners, a.refreshed = owners, time.Now()
	return found, nil
}

// installation gives the one of an id, which keeps its token.
func (a *app) installation(id int64) *installation {
	a.mu.Lock()
	defer a.mu.Unlock()
	in, ok := a.installations[id]
	if !ok {
		in = &installation{id: id, app: a, turn: make(chan struct{}, 1)}
		in.api = a.api.As(hostapi.Bearer(in.token)).Renewing(in.refused)
		a.installations[id] = in
	}
	return in
}

// of gives the installation that a repository belongs to.
func (a *app) of(ctx context.Context, r host.Repository) (*installation, error) {
	if id := a.config.InstallationID; id != 0 {
		return a.installation(id), nil
	}
	owner, _, _ := strings.Cut(strings.ToLower(r.Name), "/")
	id, ok, isFresh := a.owner(owner)
	if !ok && !isFresh {
		if _, err := a.refresh(ctx); err != nil {
			return nil, err
		}
		id, ok, _ = a.owner(owner)
	}
	if !ok {
		return nil, host.Problem(host.ErrGone, "the App is not installed at %s, or suspended there: install it, or let %s be retired", owner, r.Name)
	}
	return a.installation(id), nil
}

// owner gives the installation at a login, and whether what is known of that is of now.
func (a *app) owner(login string) (id int64, ok, isFresh bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok = a.owners[login]
	return id, ok, time.Since(a.refreshed) < refreshAfter
}

func (a *app) client(ctx context.Context, r host.Repository) (*hostapi.Client, error) {
	in, err := a.of(ctx, r)
	if err != nil {
		return nil, err
	}
	return in.api, nil
}

// serving has the installation's token before it gives the client: who waits must not wait for it longer than for the rest.
func (a *app) serving(ctx context.Context, r host.Repository, c host.Caller) (*hostapi.Client, error) {
	in, err := a.of(ctx, r)
	if err != nil {
		return nil, err
	}
	if !c.HasToken() {
		if _, err := in.tokenBy(ctx, a.api.For(c, hostapi.Bearer)); err != nil {
			return nil, err
		}
	}
	return in.api.For(c, hostapi.Bearer), nil
}

func (a *app) token(ctx context.Context, r host.Repository) (string, error) {
	in, err := a.of(ctx, r)
	if err != nil {
		return "", err
	}
	return in.token(ctx)
}

// token gives the installation's token, a new one when the last is about to end.
func (in *installation) token(ctx context.Context) (string, error) {
	return in.tokenBy(ctx, in.app.api)
}

// tokenBy asks for a new one as patiently as a client of the App does.
func (in *installation) tokenBy(ctx context.Context, api *hostapi.Client) (string, error) {
	select {
	case in.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-in.turn }()
	if secret := in.current(); secret != "" {
		return secret, nil
	}
	answer, err := api.Do(ctx, hostapi.Request{
		Method: http.MethodPost, Ref: "/app/installations/" + strconv.FormatInt(in.id, 10) + "/access_tokens", Repeatable: true,
	})
	if err != nil {
		return "", err
	}
	var granted struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires_at"`
	}
	if err := answer.Decode(&granted); err != nil {
		return "", err
	}
	if granted.Token == "" {
		return "", host.Problem(host.ErrAnswer, "the host gave no token for installation %d: look at the host", in.id)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.secret, in.expires = granted.Token, granted.Expires
	return in.secret, nil
}

// current gives the token while it is good for long enough; empty when it is not.
func (in *installation) current() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if time.Until(in.expires) <= renewBefore {
		return ""
	}
	return in.secret
}

// refused drops the token that a request was sent with.
func (in *installation) refused(sent http.Header) {
	if secret, ok := strings.CutPrefix(sent.Get("Authorization"), "Bearer "); ok {
		in.forget(secret)
	}
}

// forget drops a token, or any if none is given. One that was renewed meanwhile stays.
func (in *installation) forget(secret string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if secret == "" || secret == in.secret {
		in.secret, in.expires = "", time.Time{}
	}
}
