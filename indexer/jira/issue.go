package jira

import (
	"context"
	"net/http"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Transition is a step of the workflow that an issue can go now.
type Transition struct {
	ID   string
	Name string
	To   string // the name of the status it leads to
}

// Status gives the name of the status that an issue has.
func (c *Client) Status(ctx context.Context, issue string) (string, error) {
	told, err := hostapi.Ask[struct {
		Fields struct {
			Status named `json:"status"`
		} `json:"fields"`
	}](ctx, c.api, hostapi.Request{Ref: hostapi.Path("/issue/%s", issue) + "?fields=status"})
	if err == nil && told.Fields.Status.Name == "" {
		err = host.Problem(host.ErrAnswer, "Jira tells no status of %s: check the url", issue)
	}
	return told.Fields.Status.Name, err
}

type named struct {
	Name string `json:"name"`
}

// Transitions gives the steps that an issue can go now, as the account may.
func (c *Client) Transitions(ctx context.Context, issue string) ([]Transition, error) {
	told, err := hostapi.Ask[struct {
		Transitions []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			To   named  `json:"to"`
		} `json:"transitions"`
	}](ctx, c.api, hostapi.Request{Ref: hostapi.Path("/issue/%s/transitions", issue)})
	transitions := make([]Transition, len(told.Transitions))
	for i, t := range told.Transitions {
		transitions[i] = Transition{t.ID, t.Name, t.To.Name}
	}
	return transitions, err
}

// Transition has an issue go a step.
func (c *Client) Transition(ctx context.Context, issue, id string) error {
	type ref struct {
		ID string `json:"id"`
	}
	return c.change(ctx, http.MethodPost, hostapi.Path("/issue/%s/transitions", issue), struct {
		Transition ref `json:"transition"`
	}{ref{id}})
}

// Assign gives an issue to a user.
func (c *Client) Assign(ctx context.Context, issue string, to User) error {
	body := map[string]string{"name": to.Name}
	if to.IsCloud() {
		body = map[string]string{"accountId": to.AccountID}
	}
	return c.change(ctx, http.MethodPut, hostapi.Path("/issue/%s/assignee", issue), body)
}

// AddFixVersion adds a version to those that an issue is fixed in. One that is there already stays.
func (c *Client) AddFixVersion(ctx context.Context, issue, version string) error {
	return c.add(ctx, issue, "fixVersions", named{version})
}

// AddAffectedVersion adds a version to those that an issue affects.
func (c *Client) AddAffectedVersion(ctx context.Context, issue, version string) error {
	return c.add(ctx, issue, "versions", named{version})
}

// AddLabels adds labels to those of an issue.
func (c *Client) AddLabels(ctx context.Context, issue string, labels []string) error {
	values := make([]any, len(labels))
	for i, l := range labels {
		values[i] = l
	}
	return c.add(ctx, issue, "labels", values...)
}

// add adds values to a field that holds a set.
func (c *Client) add(ctx context.Context, issue, field string, values ...any) error {
	type addition struct {
		Add any `json:"add"`
	}
	additions := make([]addition, len(values))
	for i, v := range values {
		additions[i] = addition{v}
	}
	return c.change(ctx, http.MethodPut, hostapi.Path("/issue/%s", issue), map[string]any{"update": map[string]any{field: additions}})
}
