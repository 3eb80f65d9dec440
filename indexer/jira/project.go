package jira

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Project is a project by its keys.
type Project struct {
	Key    string
	Former []string // keys that it had before; sorted
}

type wireProject struct {
	Key         string   `json:"key"`
	ProjectKeys []string `json:"projectKeys"` // the present one and the former ones; absent where the list does not tell them
}

func (p wireProject) project() Project {
	former := slices.DeleteFunc(slices.Clone(p.ProjectKeys), func(key string) bool { return key == p.Key })
	slices.Sort(former)
	return Project{Key: p.Key, Former: slices.Compact(former)}
}

const (
	projectsPage = 50   // Cloud gives no more
	maxProjects  = 5000 // pages of them
	maxAsked     = 500  // projects whose former keys are asked for one by one
)

// Projects gives the projects that the account sees, with their former keys, those that are archived too: Jira goes on showing their issues.
// A project that it may not see is not there.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	isCloud, err := c.isCloud(ctx)
	if err != nil {
		return nil, err
	}
	var told []wireProject
	if isCloud {
		told, err = c.projectPages(ctx)
	} else {
		told, err = hostapi.Ask[[]wireProject](ctx, c.api, hostapi.Request{Ref: "/project?expand=projectKeys&includeArchived=true"})
	}
	if err != nil {
		return nil, err
	}
	if told, err = c.withFormer(ctx, told); err != nil {
		return nil, err
	}
	projects := make([]Project, len(told))
	for i, p := range told {
		projects[i] = p.project()
	}
	slices.SortFunc(projects, func(a, b Project) int { return strings.Compare(a.Key, b.Key) })
	return projects, nil
}

// projectPages reads the list of Cloud, which is paged.
func (c *Client) projectPages(ctx context.Context) ([]wireProject, error) {
	var all []wireProject
	for range maxProjects {
		query := url.Values{
			"expand": {"projectKeys"}, "status": {"live", "archived"}, "startAt": {strconv.Itoa(len(all))}, "maxResults": {strconv.Itoa(projectsPage)},
		}
		page, err := hostapi.Ask[struct {
			Values []wireProject `json:"values"`
			IsLast bool          `json:"isLast"`
		}](ctx, c.api, hostapi.Request{Ref: "/project/search?" + query.Encode()})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Values...)
		if page.IsLast || len(page.Values) == 0 {
			return all, nil
		}
	}
	return nil, host.Problem(host.ErrTooLarge, "the list of projects has more than %d pages: look at Jira", maxProjects)
}

// withFormer asks for the former keys of each project, where the list tells those of none, as older Jiras do.
func (c *Client) withFormer(ctx context.Context, list []wireProject) ([]wireProject, error) {
	if len(list) > maxAsked || slices.ContainsFunc(list, func(p wireProject) bool { return p.ProjectKeys != nil }) {
		return list, nil
	}
	for i, p := range list {
		one, err := hostapi.Ask[wireProject](ctx, c.api, hostapi.Request{Ref: hostapi.Path("/project/%s", p.Key) + "?expand=projectKeys"})
		var made *host.Error
		if errors.As(err, &made) && made.Status == http.StatusNotFound {
			continue // it has gone since the list was read
		}
		if err != nil {
			return nil, err
		}
		list[i].ProjectKeys = one.ProjectKeys
	}
	return list, nil
}
