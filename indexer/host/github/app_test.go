package github

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// appKey makes the key of an App, and its PEM form.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

// isSigned tells whether a request holds a token of App 5001 that GitHub would take.
func isSigned(r *http.Request) bool {
	key, _ := appKey()
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("5001"), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	return err == nil && claims.ExpiresAt.Sub(claims.IssuedAt.Time) <= 10*time.Minute
}

// grant is the installation's token in the recordings.
const grant = "ghs_exampleInstallationToken"

func TestGitHubAppKeepsTheContract(t *testing.T) {
	const web = "https://github.example.com"
	_, key := appKey()
	c := contract("github-app", web, "github.example.com")
	c.More = []string{"testdata/github"}
	c.New = NewApp
	c.CloneOrigin = web
	c.EmptyList = `{"total_count": 0, "repositories": []}`
	c.Filter = "repositories[] | [?!archived && !starts_with(name, 'infra')]"
	c.Throttled = []string{"error-429"}
	c.Secrets = []string{grant}
	c.Config = func(c *host.Config, s *hosttest.Server) {
		c.API, c.AppID, c.PrivateKey = s.URL, "5001", hosttest.Secret(key)
	}
	c.IsList = func(r *http.Request) bool { return r.URL.Path == "/installation/repositories" }
	c.Allows = func(r *http.Request, token string) bool {
		switch {
		case strings.HasPrefix(r.URL.Path, "/app/"):
			return isSigned(r)
		case token == hosttest.Token:
			return hosttest.Holds(r, grant)
		}
		return hosttest.Holds(r, token)
	}
	space := []host.Subject{{ID: "1004", Name: "acme/Space"}}
	c.Events = map[string]host.Event{
		"webhook-push":                              push("refs/tags/release-1"),
		"webhook-pull-request-opened":               changed(),
		"webhook-installation-created":              {Kind: host.EventCreated, Subjects: []host.Subject{{ID: "1004", Name: "acme/billing-api"}}},
		"webhook-installation-deleted":              {Kind: host.EventDeleted, Subjects: []host.Subject{{ID: "1003", Name: "acme/billing-api"}}},
		"webhook-installation-suspend":              {Kind: host.EventDeleted},
		"webhook-installation-repositories-added":   {Kind: host.EventCreated, Subjects: space},
		"webhook-installation-repositories-removed": {Kind: host.EventDeleted, Subjects: []host.Subject{{ID: "1003", Name: "acme/billing-api"}}},
	}
	hosttest.Run(t, c)
}

// github is an App's side of GitHub with two installations and a suspended one.
type github struct {
	mu      sync.Mutex
	granted int
	revoked string // how tokens begin that are not taken any more
	asked   []string
}

func (g *github) answer(r *http.Request) (int, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.Method+" "+r.URL.Path)
	switch path := r.URL.Path; {
	case path == "/app/installations":
		return 200, `[{"id": 1, "account": {"login": "Acme"}}, {"id": 2, "account": {"login": "globex"}},
			{"id": 3, "account": {"login": "initech"}, "suspended_at": "2026-01-01T00:00:00Z"}]`
	case strings.HasSuffix(path, "/access_tokens"):
		g.granted++
		id := strings.Split(path, "/")[3]
		return 201, fmt.Sprintf(`{"token": "grant-%s-%d", "expires_at": %q}`, id, g.granted, time.Now().Add(time.Hour).Format(time.RFC3339))
	case g.revoked != "" && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+g.revoked):
		return 401, `{"message": "Bad credentials"}`
	case strings.HasSuffix(path, "/shop/pulls") && r.Method == http.MethodGet:
		return 200, `[]`
	case strings.HasSuffix(path, "/shop/pulls"):
		return 201, `{"number": 1}`
	case path == "/installation/repositories":
		id := strings.Split(r.Header.Get("Authorization"), "-")[1]
		return 200, fmt.Sprintf(`{"total_count": 1, "repositories": [{"id": %s, "full_name": "owner%s/shop"}]}`, id, id)
	}
	return 404, `{}`
}

// newApp makes an App over a scripted GitHub.
func newApp(t *testing.T, g *github, installation int64) host.Host {
	t.Helper()
	_, key := appKey()
	h, err := NewApp(host.Config{
		URL: "https://github.com", AppID: "5001", InstallationID: installation, PrivateKey: hosttest.Secret(key), Transport: hosttest.RoundTrip(g.answer),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAnAppListsAllInstallationsThatAreNotSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found, err := host.Discover(t.Context(), newApp(t, &github{}, 0), nil)
		if err != nil || len(found.Listed) != 2 || found.Listed[0].Name != "owner1/shop" || found.Listed[1].Name != "owner2/shop" {
			t.Errorf("got %+v, %v", found.Listed, err)
		}
	})
}

func TestAnAppWithAnInstallationListsThatOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{}
		found, err := host.Discover(t.Context(), newApp(t, g, 2), nil)
		if err != nil || len(found.Listed) != 1 || found.Listed[0].Name != "owner2/shop" {
			t.Errorf("got %+v, %v", found.Listed, err)
		}
		if g.asked[0] != "POST /app/installations/2/access_tokens" {
			t.Errorf("asked for %v", g.asked)
		}
	})
}

func TestAnInstallationsTokenIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{}
		h := newApp(t, g, 0)
		password := func() string {
			c, err := h.Credentials(t.Context(), host.Repository{Name: "acme/shop"})
			if err != nil || c.Username != "x-access-token" {
				t.Fatalf("got user %q, %v", c.Username, err)
			}
			return c.Password
		}
		first := password()
		time.Sleep(49 * time.Minute)
		if got := password(); got != first || g.granted != 1 {
			t.Errorf("after 49 of 60 minutes it is another, of %d", g.granted)
		}
		time.Sleep(2 * time.Minute)
		if got := password(); got == first || g.granted != 2 {
			t.Errorf("after 51 of 60 minutes it is the same, of %d", g.granted)
		}
	})
}

func TestManyWhoNeedATokenAskForItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{}
		h := newApp(t, g, 1)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := h.Credentials(t.Context(), host.Repository{Name: "acme/shop"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if g.granted != 1 {
			t.Errorf("%d tokens were asked for", g.granted)
		}
	})
}

func TestATokenThatIsNotTakenAnyMoreIsRenewedOnce(t *testing.T) {
	ask := map[string]func(context.Context, host.Host) error{
		"repositories": func(ctx context.Context, h host.Host) error { _, err := h.List(ctx); return err },
		"pull requests": func(ctx context.Context, h host.Host) error {
			_, err := h.(host.PullRequests).PullRequests(ctx, shop(), time.Time{})
			return err
		},
		"a new pull request": func(ctx context.Context, h host.Host) error {
			_, err := h.(host.PullRequestCreator).CreatePullRequest(ctx, shop(), host.NewPullRequest{}, host.Caller{})
			return err
		},
	}
	for name, ask := range ask {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &github{revoked: "grant-1-1"}
				h := newApp(t, g, 1)
				if err := ask(t.Context(), h); err != nil || g.granted != 2 {
					t.Errorf("got %v with token %d", err, g.granted)
				}
				if c, err := h.Credentials(t.Context(), shop()); err != nil || c.Password != "grant-1-2" {
					t.Errorf("git does not get the new token: %v", err)
				}
				g.revoked = "grant"
				if err := ask(t.Context(), h); !errors.Is(err, host.ErrAuth) || g.granted != 3 || strings.Contains(err.Error(), "grant-") {
					t.Errorf("where no token is taken: got %v with token %d", err, g.granted)
				}
			})
		})
	}
}

func TestACallersTokenThatIsNotTakenRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{revoked: "robin"}
		h := newApp(t, g, 1)
		_, err := h.(host.PullRequestCreator).CreatePullRequest(t.Context(), shop(), host.NewPullRequest{}, host.Caller{Token: "robin"})
		if !errors.Is(err, host.ErrAuth) || g.granted != 0 || len(g.asked) != 1 {
			t.Errorf("got %v, asked for %v", err, g.asked)
		}
	})
}

func TestManyWhoseTokenIsNotTakenAnyMoreGetOneNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{}
		h := newApp(t, g, 1)
		if _, err := h.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.revoked = "grant-1-1"
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := h.List(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if g.granted != 2 {
			t.Errorf("%d tokens were asked for", g.granted)
		}
	})
}

// shop is a repository of the first installation.
func shop() host.Repository { return host.Repository{Name: "acme/shop"} }

func TestWhoWaitsIsNotKeptWaitingForTheInstallationsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, key := appKey()
		status := http.StatusTooManyRequests
		h, err := NewApp(host.Config{
			URL: "https://github.com", AppID: "5001", InstallationID: 1, PrivateKey: hosttest.Secret(key),
			Transport: hosttest.RoundTrip(func(*http.Request) (int, string) { return status, `{}` }),
		})
		if err != nil {
			t.Fatal(err)
		}
		began, caller := time.Now(), host.Caller{Making: func() { t.Error("the question for a token is taken for making something") }}
		for _, c := range []struct {
			status int
			kind   error
		}{{http.StatusInternalServerError, host.ErrServer}, {http.StatusTooManyRequests, host.ErrThrottled}} {
			status = c.status
			_, err := h.(host.BranchCreator).CreateBranch(t.Context(), host.Repository{Name: "acme/shop"}, host.NewBranch{Base: "main", Name: "x"}, caller)
			if waited := time.Since(began); !errors.Is(err, c.kind) || waited > 5*time.Second {
				t.Errorf("got %v after %v", err, waited)
			}
		}
	})
}

func TestARepositoryWhoseOwnerHasNoInstallationIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &github{}
		h := newApp(t, g, 0)
		for range 10 {
			if _, err := h.Credentials(t.Context(), host.Repository{Name: "initech/shop"}); !errors.Is(err, host.ErrGone) {
				t.Errorf("got %v", err)
			}
		}
		if len(g.asked) != 1 {
			t.Errorf("the installations were asked for %d times", len(g.asked))
		}
		time.Sleep(refreshAfter)
		if _, err := h.Credentials(t.Context(), host.Repository{Name: "initech/shop"}); !errors.Is(err, host.ErrGone) || len(g.asked) != 2 {
			t.Errorf("a minute later: %v, asked for %d times", err, len(g.asked))
		}
	})
}

func TestAKeyThatIsNoneIsNamedWithoutItsText(t *testing.T) {
	h, err := NewApp(host.Config{URL: "https://github.com", AppID: "1", InstallationID: 1, PrivateKey: hosttest.Secret("canary")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.List(t.Context())
	if !errors.Is(err, host.ErrAuth) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	unreadable := func(context.Context) (string, error) { return "", errors.New("no such file") }
	h, err = NewApp(host.Config{URL: "https://github.com", AppID: "1", InstallationID: 1, PrivateKey: unreadable})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = h.List(t.Context()); !errors.Is(err, host.ErrAuth) {
		t.Errorf("got %v", err)
	}
}
