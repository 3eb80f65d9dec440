package codecommit

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	region  = "eu-west-1"
	console = "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/"
	git     = "https://git-codecommit.eu-west-1.amazonaws.example.com"
	keyID   = "AKIAEXAMPLE"
	branch  = "feature/ACME-42-invoice-export"
	tip     = "927fe883b109a738a00d73176430c20da2ea10ef"
)

func repository(id, name, branch string) host.Repository {
	return host.Repository{
		ID: id, Name: name, CloneHTTP: git + "/v1/repos/" + name, WebURL: console + name, DefaultBranch: branch, Empty: branch == "",
	}
}

func billing() host.Repository {
	return repository("c3ed5787-c1a8-5cec-9c96-a5a1b93fb805", "billing-api", "main")
}

// pull5 is open, and pull4 was merged.
func pull5() host.PullRequest {
	at := time.Unix(1795340000, 0).UTC()
	return host.PullRequest{
		ID: "5", Number: 5, Title: "ACME-42 Add invoice export", Description: "Exports invoices. See ACME-42.",
		Source: branch, Target: "main", State: host.PullRequestOpen, Author: "robin.doe", Created: at, Updated: at,
		WebURL: console + "billing-api/pull-requests/5/details?region=eu-west-1",
	}
}

func pull4() host.PullRequest {
	p := pull5()
	p.ID, p.Number, p.Title, p.State = "4", 4, "ACME-41 Round totals", host.PullRequestMerged
	p.WebURL = strings.Replace(p.WebURL, "/5/", "/4/", 1)
	return p
}

func push(id, ref string) host.Event {
	return host.Event{Kind: host.EventPush, Subjects: []host.Subject{{ID: id, Name: "billing-api"}}, Refs: []string{ref}}
}

func pulled() host.Event {
	return host.Event{Kind: host.EventPullRequest, Subjects: []host.Subject{{Name: "billing-api"}}, Number: 5}
}

func TestCodeCommitKeepsTheContract(t *testing.T) {
	all := []host.Repository{
		billing(), repository("e95c2101-a23a-55cb-93c4-ff31f10a5ad3", "infra", ""),
		repository("efc11648-19ba-5293-b2c9-66083f069d46", "legacy-web", "master"),
	}
	signer := newSigner(t)
	hosttest.Run(t, hosttest.Case{
		Dir: "testdata/codecommit", More: []string{"testdata/codecommit-more"}, New: New,
		Config: func(c *host.Config, s *hosttest.Server) {
			c.URL, c.API, c.Region, c.Username, c.Limits.PageSize = "", s.URL, region, keyID, 1
			c.Transport = signer.before(c.Transport)
		},
		Allows: isSignedBy,
		Caller: "AKIACALLER:" + hosttest.CallerToken,
		Listed: all, EmptyList: `{"repositories": []}`, CloneOrigin: git,
		Filter: "repositories[?defaultBranch=='main']", Filtered: []string{"billing-api"},
		Throttled: []string{"error-400-throttled"},
		Sign:      signer.sign,
		Events: map[string]host.Event{
			"webhook-sns-notification":                        push("", "refs/heads/main"),
			"webhook-sns-subscription-confirmation":           {Kind: host.EventConfirmation},
			"webhook-eventbridge-reference-updated":           push(billing().ID, "refs/heads/main"),
			"webhook-eventbridge-reference-created":           push(billing().ID, "refs/heads/"+branch),
			"webhook-eventbridge-reference-deleted":           push(billing().ID, "refs/heads/old"),
			"webhook-eventbridge-pull-request-created":        pulled(),
			"webhook-eventbridge-pull-request-source-updated": pulled(),
			"webhook-eventbridge-pull-request-merged":         pulled(),
		},
		Repository:     billing(),
		PullRequests:   []host.PullRequest{pull5(), pull4()},
		NewBranch:      host.NewBranch{Base: "main", Name: branch},
		Branch:         host.Branch{Name: branch, OID: tip, WebURL: console + "billing-api/browse/refs/heads/" + branch + "?region=eu-west-1"},
		BranchRefusal:  hosttest.Refusal{Exchange: "error-400-branch-exists", Said: "Branch name " + branch + " already exists"},
		NewPullRequest: host.NewPullRequest{Title: pull5().Title, Description: pull5().Description, Source: branch, Target: "main"},
		PullRequest:    pull5(),
		PullRefusal:    hosttest.Refusal{Exchange: "error-400-same-branches", Said: "branch for the pull request are the same"},
	})
}

// isSignedBy signs a request as it came with the secret of a key, or with ID:SECRET, and compares.
func isSignedBy(r *http.Request, token string) bool {
	held := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: token, SessionToken: token}
	if id, secret, ok := strings.Cut(token, ":"); ok {
		held = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	}
	sent := r.Header.Get("Authorization")
	_, names, _ := strings.Cut(sent, "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	again := r.Clone(r.Context())
	again.URL.Host, again.Header = r.Host, http.Header{}
	for name := range strings.SplitSeq(names, ";") {
		if value := r.Header.Get(name); value != "" {
			again.Header.Set(name, value)
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || again.Header.Get("X-Amz-Security-Token") != held.SessionToken {
		return false
	}
	again.Header.Del("Content-Length") // is written from the request's length
	err = v4.NewSigner().SignHTTP(r.Context(), held, again, bodyHash(r), "codecommit", region, at)
	return err == nil && again.Header.Get("Authorization") == sent
}

func TestErrorsAreKnownByTheirNames(t *testing.T) {
	for name, kind := range map[string]error{
		"UnrecognizedClientException": host.ErrAuth, "ExpiredTokenException": host.ErrAuth, "AccessDeniedException": host.ErrAuth,
		"com.amazonaws.codecommit#InvalidSignatureException": host.ErrAuth, "IncompleteSignatureException": host.ErrAuth,
		"RepositoryDoesNotExistException": host.ErrGone, "BranchDoesNotExistException": host.ErrGone,
		"TooManyRequestsException": host.ErrThrottled, "InternalFailure": host.ErrServer, "EncryptionKeyAccessDeniedException": host.ErrAuth,
		"MaximumRepositoryNamesExceededException": host.ErrRefused, "InvalidContinuationTokenException:https://example.com/": host.ErrRefused, "": host.ErrRefused,
	} {
		h := answering(t, func(string, string) (int, string) {
			return http.StatusBadRequest, `{"__type": "` + name + `", "message": "No."}`
		})
		document, err := h.List(t.Context())
		var e *host.Error
		if !errors.As(err, &e) || !errors.Is(err, kind) || e.Said != "No." || document != nil {
			t.Errorf("%s: got %v, want %v", name, err, kind)
		}
	}
}

func TestRepositoriesAreDescribedAHundredAtATimeAndNoneIsLost(t *testing.T) {
	var asked []int
	h := answering(t, func(operation, body string) (int, string) {
		if operation == "ListRepositories" {
			return http.StatusOK, listOf(250)
		}
		var in struct{ RepositoryNames []string }
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Error(err)
		}
		asked = append(asked, len(in.RepositoryNames))
		return http.StatusOK, `{"repositories": [], "repositoriesNotFound": ["r7"],
			"errors": [{"repositoryId": "8", "repositoryName": "r8", "errorCode": "EncryptionKeyDisabledException"}]}`
	})
	document, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{100, 100, 50}, asked); diff != "" {
		t.Error(diff)
	}
	repositories, err := h.Select(document)
	want := host.Repository{
		ID: "8", Name: "r8", CloneHTTP: "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/r8", WebURL: console + "r8",
	}
	if err != nil || len(repositories) != 250 || repositories[8] != want {
		t.Errorf("%d repositories, among them %+v; %v", len(repositories), repositories[8], err)
	}
}

func TestAListInCirclesOrWithoutEndIsStopped(t *testing.T) {
	h := answering(t, func(string, string) (int, string) { return http.StatusOK, `{"repositories": [], "nextToken": "again"}` })
	if _, err := h.List(t.Context()); !errors.Is(err, host.ErrAnswer) {
		t.Errorf("got %v", err)
	}
	page := 0
	h = answering(t, func(string, string) (int, string) {
		page++
		return http.StatusOK, `{"repositories": [], "nextToken": "` + strings.Repeat("x", page) + `"}`
	})
	h.config.Limits.Pages = 3
	if _, err := h.List(t.Context()); !errors.Is(err, host.ErrTooLarge) || page != 3 {
		t.Errorf("got %v after %d pages", err, page)
	}
}

func TestTheAddressesFollowTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":     "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop",
		"us-gov-west-1": "https://git-codecommit.us-gov-west-1.amazonaws.com/v1/repos/shop",
		"cn-north-1":    "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/shop",
	} {
		h, err := New(host.Config{Region: region, Username: keyID, Password: hosttest.Secret("s")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Select([]any{map[string]any{"repositoryId": "1", "repositoryName": "shop"}})
		if err != nil || got[0].CloneHTTP != want {
			t.Errorf("%s: got %+v, %v; want %s", region, got, err, want)
		}
	}
}

func TestAnIncompleteConfigurationIsRefused(t *testing.T) {
	secret := hosttest.Secret("s")
	for name, c := range map[string]host.Config{
		"no key":        {Region: region},
		"no secret":     {Region: region, Username: keyID},
		"no region":     {Username: keyID, Password: secret},
		"an odd region": {Region: "eu west/1", Username: keyID, Password: secret},
		"a url":         {Region: region, Username: keyID, Password: secret, URL: "https://console.example.com"},
		"an odd api":    {Region: region, Username: keyID, Password: secret, API: "ftp://example.com"},
	} {
		if _, err := New(c); !errors.Is(err, host.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The passwords were made by the signer of botocore 1.43, in the way of git-remote-codecommit.
func TestGitPasswordsAreThoseOfTheRemoteHelperOfAWS(t *testing.T) {
	for _, c := range []struct{ clone, region, at, want string }{
		{
			"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/billing-api", "eu-west-1", "2026-11-22T13:00:00+01:00",
			"20261122T120000Zb84d9a3fada4bd042b809aac1df480ce86cccd3bd1f827fbf6b008de85da38f8",
		},
		{
			"https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/My.Demo_Repo-1", "cn-north-1", "2024-02-29T23:59:59Z",
			"20240229T235959Z13991d13e4d8936634f59414c6dbad248da2e4de4dc8837cf397e80e74db783c",
		},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		clone, err := url.Parse(c.clone)
		if err != nil {
			t.Fatal(err)
		}
		if got := gitPassword("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", c.region, clone, at); got != c.want {
			t.Errorf("%s: got %s, want %s", c.clone, got, c.want)
		}
	}
}

func TestATemporaryKeyAddsItsSessionToTheUserName(t *testing.T) {
	for session, want := range map[string]string{"": keyID, "abc+/=": keyID + "%abc+/="} {
		h, err := New(host.Config{Region: region, Username: keyID, Password: hosttest.Secret("s"), Token: hosttest.Secret(session)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Credentials(t.Context(), billing())
		if err != nil || got.Username != want || len(got.Password) != len("20060102T150405Z")+64 {
			t.Errorf("got user name %q, %v; want %q", got.Username, err, want)
		}
	}
}
