package azuredevops

import (
	"context"
	"errors"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// organisations gives those that the account is a member of.
func organisations(ctx context.Context, profiles *hostapi.Client) ([]string, error) {
	const version = "7.1"
	answer, err := profiles.Get(ctx, versioned("/_apis/profile/profiles/me", version))
	if err != nil {
		return nil, unseen(err)
	}
	var me struct {
		ID string `json:"id"`
	}
	if err := answer.Decode(&me); err != nil {
		return nil, err
	}
	if me.ID == "" {
		return nil, host.Problem(host.ErrAnswer, "the host does not tell who the account is: check the url of the integration")
	}
	if answer, err = profiles.Get(ctx, versioned("/_apis/accounts", version, "memberId", me.ID)); err != nil {
		return nil, unseen(err)
	}
	accounts, err := values[struct {
		Name string `json:"accountName"`
	}](answer)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(accounts))
	for i, a := range accounts {
		names[i] = a.Name
	}
	return atLeastOne(names)
}

// unseen tells of a token that may not list organisations why that is.
func unseen(err error) error {
	var e *host.Error
	if !errors.As(err, &e) || !errors.Is(err, host.ErrAuth) {
		return err
	}
	return &host.Error{Kind: host.ErrAuth, Status: e.Status, Err: err, Text: "the organisations of the account cannot be listed: only a token of " +
		"Microsoft Entra ID, or a personal access token for all organisations, which Microsoft retires, may do that: " +
		"name the organisation in the url, as https://" + cloud + "/acme"}
}

// collections gives all of a Server. The resource is still in preview.
func (h *Host) collections(ctx context.Context) ([]string, error) {
	all, err := list[struct {
		Name string `json:"name"`
	}](ctx, h, h.api, "/_apis/projectCollections", "-preview.2")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return atLeastOne(names)
}

// atLeastOne refuses no owner at all, or one without a name: the repositories would look deleted.
func atLeastOne(owners []string) ([]string, error) {
	for _, owner := range owners {
		if owner == "" {
			return nil, host.Problem(host.ErrAnswer, "the host lists an organisation or collection without a name: name one in the url of the integration")
		}
	}
	if len(owners) == 0 {
		return nil, host.Problem(host.ErrAuth, "the account sees no organisation or collection: grant it access, or name one in the url of the integration")
	}
	return owners, nil
}
