package main_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// hostKind is a kind of host and what was recorded of one.
type hostKind struct {
	name   string   // of the integration
	config string   // its keys; URL, TOKEN, HOOK and KEY are put in
	dir    string   // the recordings, below indexer/host
	also   []string // further ones
	ignore []string // parameters of queries that may differ from the recorded

	id, repository string // of the repository of the recorded webhooks: the host's own id, and its name
	clone          string // the path of its clone URL
	page           string // that of its page; a whole address where it is elsewhere
	commit         string // what follows that, before a commit's id, on the commit's page
	key            string // of a recorded pull request; empty: none of it are recorded

	hook string                                   // the recorded push
	sign func(d host.Delivery, secret string)     // nil: the URL holds the secret
	may  func(r *http.Request, token string) bool // what API requests must hold; nil: the token
	git  func(r *http.Request) bool               // what git's must; nil: the token
}

func (k hostKind) allows(r *http.Request, token string) bool {
	if k.may != nil {
		return k.may(r, token)
	}
	return hosttest.Holds(r, token)
}

// signedIn signs a delivery's body in a header.
func signedIn(header, prefix string) func(host.Delivery, string) {
	return func(d host.Delivery, secret string) {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(d.Body)
		d.Header.Set(header, prefix+hex.EncodeToString(mac.Sum(nil)))
	}
}

// sentIn puts the secret into a header.
func sentIn(header string) func(host.Delivery, string) {
	return func(d host.Delivery, secret string) { d.Header.Set(header, secret) }
}

// sentAsPassword puts the secret beside a user name (RFC 7617).
func sentAsPassword(d host.Delivery, secret string) {
	r := http.Request{Header: d.Header}
	r.SetBasicAuth("hookuser", secret)
}

const (
	grantedToken = "ghs_exampleInstallationToken" // of the recorded installation of a GitHub App
	accessKey    = "AKIAEXAMPLE"
)

var gitSignature = regexp.MustCompile(`^\d{8}T\d{6}Z[0-9a-f]{64}$`)

// appKey makes the private key of a GitHub App in PEM form, and what holds requests to it.
func appKey(t *testing.T) (text string, signed func(r *http.Request, token string) bool) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return text, func(r *http.Request, _ string) bool {
		if !strings.HasPrefix(r.URL.Path, "/app/") {
			return hosttest.Holds(r, grantedToken)
		}
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := jwt.Parse(bearer, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithIssuer("5001"))
		return err == nil
	}
}

// hostKinds are the hosts that have an API. What is signed with a GitHub App's key is held to signed.
func hostKinds(signed func(r *http.Request, token string) bool) []hostKind {
	const azureID = "8176fa5e-696e-52e9-a8db-ba9095ab504c"
	github := hostKind{
		ignore: []string{"per_page", "sort", "direction"}, id: "1001", repository: "acme/billing-api", clone: "/acme/billing-api.git",
		page: "/acme/billing-api", commit: "/commit/", key: "ACME-42", hook: "webhook-push", sign: signedIn("X-Hub-Signature-256", "sha256="),
	}
	com, enterprise, app := github, github, github
	com.name, com.dir, com.config = "github", "github/testdata/github", "type: github, api: URL, origins: ['URL'], token: TOKEN"
	enterprise.name, enterprise.dir = "github-enterprise", "github/testdata/github-enterprise-server"
	enterprise.config = "type: github, url: URL, token: TOKEN"
	app.name, app.dir, app.also = "github-app", "github/testdata/github-app", []string{"github/testdata/github"}
	app.config, app.may = "type: github-app, api: URL, origins: ['URL'], app_id: 5001, private_key: KEY", signed
	app.git = func(r *http.Request) bool { return hosttest.Holds(r, grantedToken) }
	return []hostKind{com, enterprise, app, {
		name: "azure-devops", config: "type: azure-devops, url: URL/acme, token: TOKEN",
		dir: "azuredevops/testdata/azure-devops", ignore: []string{"$top"},
		id: azureID, repository: "acme/Payments/billing-api", clone: "/acme/Payments/_git/billing-api",
		page: "/acme/Payments/_git/billing-api", commit: "/commit/", key: "ACME-42", hook: "webhook-git-push", sign: sentAsPassword,
	}, {
		name: "azure-devops-server", config: "type: azure-devops-server, url: URL/tfs/DefaultCollection, token: TOKEN",
		dir: "azuredevops/testdata/azure-devops-server", ignore: []string{"$top"},
		id: azureID, repository: "DefaultCollection/Payments/billing-api", clone: "/tfs/DefaultCollection/Payments/_git/billing-api",
		page: "/tfs/DefaultCollection/Payments/_git/billing-api", commit: "/commit/", key: "ACME-42", hook: "webhook-git-push", sign: sentAsPassword,
	}, {
		name: "gitlab", config: "type: gitlab, url: URL, token: TOKEN",
		dir: "gitlab/testdata/gitlab", ignore: []string{"per_page", "order_by", "sort"},
		id: "1001", repository: "acme/payments/billing-api", clone: "/acme/payments/billing-api.git",
		page: "/acme/payments/billing-api", commit: "/-/commit/", key: "ACME-42", hook: "webhook-push", sign: sentIn("X-Gitlab-Token"),
	}, {
		name: "gitea", config: "type: gitea, url: URL, token: TOKEN",
		dir: "gitea/testdata/gitea", ignore: []string{"limit", "sort"},
		id: "1001", repository: "acme/billing-api", clone: "/acme/billing-api.git",
		page: "/acme/billing-api", commit: "/commit/", key: "ACME-42", hook: "webhook-push", sign: signedIn("X-Gitea-Signature", ""),
	}, {
		name: "bitbucket-server", config: "type: bitbucket-server, url: URL, token: TOKEN",
		dir: "bitbucket/testdata/bitbucket-data-center", ignore: []string{"limit", "archived", "withAttributes", "withProperties"},
		id: "1001", repository: "PAY/billing-api", clone: "/scm/pay/billing-api.git",
		page: "/projects/PAY/repos/billing-api", commit: "/commits/", key: "ACME-42", hook: "webhook-refs-changed",
		sign: signedIn("X-Hub-Signature", "sha256="),
	}, {
		name: "gerrit", config: "type: gerrit, url: URL, username: bot, password: TOKEN",
		dir: "gerrit/testdata/gerrit", ignore: []string{"o", "n"},
		id: "payments/billing-api", repository: "payments/billing-api", clone: "/a/payments/billing-api",
		page: "/plugins/gitiles/payments/billing-api", commit: "/+/", key: "ACME-42", hook: "webhook-ref-updated",
	}, {
		name: "codecommit", config: "type: codecommit, api: URL, origins: ['URL'], region: eu-west-1, username: " + accessKey + ", password: TOKEN",
		dir: "codecommit/testdata/codecommit", also: []string{"codecommit/testdata/codecommit-more"},
		id: "c3ed5787-c1a8-5cec-9c96-a5a1b93fb805", repository: "billing-api", clone: "/v1/repos/billing-api",
		page: "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/billing-api", commit: "/commit/",
		hook: "webhook-eventbridge-reference-updated", sign: sentIn("X-Api-Key"),
		may: func(r *http.Request, _ string) bool {
			return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+accessKey+"/")
		},
		git: func(r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user == accessKey && gitSignature.MatchString(password)
		},
	}}
}
