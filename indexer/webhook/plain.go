package webhook

import (
	"context"
	"encoding/json"

	"keytrail/indexer/host"
)

// Plain are the webhooks of repositories that are of no integration: whoever knows the secret, as a build does, calls with it in the
// URL and names a repository by its URL.
type Plain struct{ Secret host.Secret }

// Verify checks the secret in the URL.
func (p Plain) Verify(ctx context.Context, d host.Delivery) error {
	return host.VerifyURL(ctx, p.Secret, d)
}

// Event reads {"origin": URL} or {"repository": {"git_http_url": URL}}, or another of the names that hosts have for it. It is about a
// push. A body without any is an error.
func (Plain) Event(d host.Delivery) (host.Event, error) {
	e, isPlain := plainEvent(d.Body)
	switch {
	case isPlain:
		return e, nil
	case !json.Valid(d.Body):
		return host.Event{}, host.Problem(host.ErrAnswer, `the webhook's body is not JSON: send {"origin": URL of the repository}`)
	}
	return host.Event{}, host.Problem(host.ErrAnswer, `the webhook's body names no repository by its URL: send {"origin": URL of the repository}`)
}

// Guide tells how to call.
func (Plain) Guide() host.Guide {
	return host.Guide{
		Where:  "whatever knows of a push, as a hook of the git server or a build",
		Events: []string{"a push"},
		Secret: "in the URL",
		InURL:  true,
		Note:   `POST {"origin": URL of the repository} as JSON; without a body all repositories are looked at`,
	}
}

// named is a repository as builds and hosts name it, see [plainEvent].
type named struct {
	Origin    string `json:"origin"`
	HTTP      string `json:"git_http_url"`
	SSH       string `json:"git_ssh_url"`
	Clone     string `json:"clone_url"`
	CloneSSH  string `json:"ssh_url"`
	Git       string `json:"git_url"`
	SVN       string `json:"svn_url"`
	Page      string `json:"html_url"`
	RemoteURL string `json:"remoteUrl"`
	Links     struct {
		Page struct {
			Href string `json:"href"`
		} `json:"html"`
	} `json:"links"`
}

func (n named) urls() (all []string) {
	for _, u := range []string{n.Origin, n.HTTP, n.SSH, n.Clone, n.CloneSSH, n.Git, n.SVN, n.Page, n.RemoteURL, n.Links.Page.Href} {
		if u != "" {
			all = append(all, u)
		}
	}
	return all
}

// plainEvent reads a body that names a repository by a URL, whatever else it holds, as a push to it.
func plainEvent(body []byte) (host.Event, bool) {
	var p struct {
		Origin     string `json:"origin"`
		Repository named  `json:"repository"`
		Resource   struct {
			Repository named `json:"repository"`
		} `json:"resource"`
	}
	if isDeep(body) || json.Unmarshal(body, &p) != nil {
		return host.Event{}, false
	}
	urls := append(named{Origin: p.Origin}.urls(), append(p.Repository.urls(), p.Resource.Repository.urls()...)...)
	if len(urls) == 0 {
		return host.Event{}, false
	}
	return host.Event{Kind: host.EventPush, Subjects: []host.Subject{{URLs: urls}}}, true
}
