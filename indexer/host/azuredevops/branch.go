package azuredevops

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

const heads = "refs/heads/"

// as gives the client for what a caller makes.
func (h *Host) as(c host.Caller) *hostapi.Client {
	return h.api.For(c, func(token host.Secret) hostapi.Authorize { return authorize("", token) })
}

// tip gives the commit that a branch is at. The host's filter is a prefix: other branches may be among the answer.
func (h *Host) tip(ctx context.Context, api *hostapi.Client, r host.Repository, branch string) (string, error) {
	answer, err := negotiated(h, func(version string) (hostapi.Answer, error) {
		return api.Get(ctx, versioned(h.site.repository(r)+"/refs", version, "filter", "heads/"+branch))
	})
	if err != nil {
		return "", err
	}
	refs, err := values[struct {
		Name string `json:"name"`
		OID  string `json:"objectId"`
	}](answer)
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		if ref.Name == heads+branch {
			return ref.OID, nil
		}
	}
	return "", host.Problem(host.ErrGone, "%s has no branch %s: choose another base", r.Name, branch)
}

// CreateBranch makes a branch at the tip of another. The host answers status 200 also when it refuses, with its reason beside the ref.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	api := h.as(c)
	base, err := h.tip(ctx, api, r, b.Base)
	if err != nil {
		return host.Branch{}, err
	}
	ref := h.site.repository(r) + "/refs"
	answer, err := api.Do(ctx, hostapi.Request{Method: http.MethodPost, Ref: versioned(ref, h.version()), Body: []map[string]string{
		{"name": heads + b.Name, "oldObjectId": strings.Repeat("0", 40), "newObjectId": base},
	}})
	if err != nil {
		return host.Branch{}, err
	}
	made, err := values[struct {
		Name    string `json:"name"`
		Success bool   `json:"success"`
		Status  string `json:"updateStatus"`
		Message string `json:"customMessage"`
	}](answer)
	if err != nil {
		return host.Branch{}, err
	}
	if len(made) != 1 || made[0].Name != heads+b.Name {
		return host.Branch{}, host.Problem(host.ErrAnswer, "the answer does not hold the branch: look at the host, or at a proxy before it")
	}
	if !made[0].Success {
		refusal := host.Problem(host.ErrRefused, "the host did not make the branch %s: it may exist already, or a policy forbids it", b.Name)
		refusal.Said = strings.TrimSpace(made[0].Status + " " + made[0].Message)
		return host.Branch{}, refusal
	}
	return host.Branch{Name: b.Name, OID: base, WebURL: r.WebURL + "?version=GB" + url.QueryEscape(b.Name)}, nil
}
