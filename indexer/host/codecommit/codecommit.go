// Package codecommit is AWS CodeCommit, in one region of one account of AWS.
//
// The API is https://docs.aws.amazon.com/codecommit/latest/APIReference: every call is a POST that names its operation in a header and is
// signed (AWS Signature Version 4). It takes the id of an access key, its secret, and a session token when the key is a temporary one.
// Git over https is sent a user name and a password that are made from the same, for each URL and each moment anew. The key needs the
// rights codecommit:ListRepositories, BatchGetRepositories and GitPull, for pull requests ListPullRequests and GetPullRequest, and for
// making things GetBranch, CreateBranch and CreatePullRequest.
//
// The list of CodeCommit holds names and ids alone, so the document that filters see is {repositories}, the metadata of them all, as
// BatchGetRepositories answers it. The API tells of no page for people: those of the console of AWS are made by package link.
//
// CodeCommit tells of changes in two ways, see webhook.go: by the rules of Amazon EventBridge, which know of all, and by
// triggers, which send pushes through Amazon SNS.
package codecommit

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
	"keytrail/indexer/host/link"
)

// Host is CodeCommit in a region, as the user of an access key sees it. It is for use by many goroutines.
type Host struct {
	config  host.Config
	keys    keys
	api     *hostapi.Client
	topics  *topics
	origins host.Origins // of clone URLs

	mu     sync.Mutex
	closed map[string]time.Time // by id, when pull requests last changed that never will again
}

// New makes the host of an access key. It takes Region, Username (the key's id), Password (its secret), Token (the session token of
// a temporary key) and API (an endpoint of one's own, as of a private network; else the region's public one).
func New(c host.Config) (host.Host, error) {
	switch {
	case c.Username == "" || c.Password == nil:
		return nil, host.Problem(host.ErrConfig, "a codecommit integration needs an access key: "+
			"write its id as username: ID and its secret as password: {env: NAME} or {file: PATH}")
	case c.URL != "":
		return nil, host.Problem(host.ErrConfig, "a codecommit integration has no url: take it out; an endpoint other than the region's is api: URL")
	}
	if _, err := link.CodeCommitPage(c.Region, "any"); err != nil {
		return nil, &host.Error{Kind: host.ErrConfig, Text: "write the region as region: eu-west-1", Err: err}
	}
	h := &Host{
		config:  c,
		keys:    keys{id: c.Username, secret: c.Password, session: c.Token},
		origins: append(host.Origins{"https://" + address("git-codecommit", c.Region), "https://" + address("git-codecommit-fips", c.Region)}, c.Origins...),
		closed:  map[string]time.Time{},
	}
	var err error
	if h.api, err = newClient(c, h.keys); err != nil {
		return nil, err
	}
	h.topics, err = newTopics(c)
	return h, err
}

// address is that of a service in a region. The regions of China are a partition of AWS with a domain of its own.
func address(service, region string) string {
	domain := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = ".amazonaws.com.cn"
	}
	return service + "." + region + domain
}

// Select reads repositories. It gives no URL for ssh, where the user is the id of an ssh key, which the configuration does not know.
func (h *Host) Select(document any) ([]host.Repository, error) {
	return host.Repositories(document, func(o host.Object) (host.Repository, error) {
		name, clone, branch := o.String("repositoryName"), o.String("cloneUrlHttp"), o.String("defaultBranch")
		r := host.Repository{
			ID: o.ID("repositoryId"), Name: name, DefaultBranch: branch,
			// The first push makes the default branch.
			Empty: clone != "" && branch == "",
		}
		if name != "" {
			clone, r.WebURL = cmp.Or(clone, h.clone(name)), h.page(name)
		}
		var err error
		r.CloneHTTP, err = h.origins.Clone(clone)
		return r, err
	})
}

// clone is the usual URL of a repository.
func (h *Host) clone(name string) string {
	return "https://" + address("git-codecommit", h.config.Region) + "/v1/repos/" + hostapi.Path("%s", name)
}

// page is a repository's in the console.
func (h *Host) page(name string) string {
	page, err := link.CodeCommitPage(h.config.Region, name)
	if err != nil {
		return "" // New has refused such a region
	}
	return page
}

// pages makes the addresses of what is in a repository; none where it has no page.
func (h *Host) pages(name string) link.Maker {
	pages, err := link.For("codecommit", link.Repository{WebURL: h.page(name), Region: h.config.Region})
	if err != nil {
		return link.Maker{}
	}
	return pages
}

// Credentials signs the clone URL. AWS takes the signature for a quarter of an hour.
func (h *Host) Credentials(ctx context.Context, r host.Repository) (host.Credentials, error) {
	clone, err := url.Parse(r.CloneHTTP)
	if err != nil || clone.Host == "" {
		return host.Credentials{}, host.Problem(host.ErrShape, "the clone URL of %s cannot be signed, for it names no host", r.Name)
	}
	held, err := h.keys.read(ctx)
	if err != nil {
		return host.Credentials{}, err
	}
	username := held.AccessKeyID
	if held.SessionToken != "" {
		username += "%" + held.SessionToken
	}
	return host.Credentials{Username: username, Password: gitPassword(held.SecretAccessKey, h.config.Region, clone, time.Now())}, nil
}
