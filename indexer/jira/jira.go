// Package jira asks Jira, by its REST API of version 2, which Data Center and Cloud have alike, and does in it what smart commits say.
//
//	j, err := jira.New(jira.Options{URL: "https://jira.example.com", Token: token})
//	me, err := j.Myself(ctx)
//	err = j.Comment(ctx, "ACME-1", "Fixed.")
//
// Requests go by package hostapi: what only reads is repeated when Jira fails, what changes something is sent once, and it is for the caller
// to find out whether it was done ([Client.HasComment], [Client.HasWork], [Client.Status]) before it asks again. Errors are those of
// hostapi, each a [*host.Error], and [ErrNoUser]. No error holds a secret.
//
// In the files: jira.go is the client and who it is; project.go reads project keys; user.go finds users; issue.go reads and changes an
// issue; talk.go writes comments and worklogs and finds them again.
//
// Sources: https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/ and
// https://developer.atlassian.com/cloud/jira/platform/rest/v2/.
package jira

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Options of a Client.
type Options struct {
	URL       string      // where Jira's pages begin, with its context path
	Token     host.Secret // personal access token, or with a Username the password or API token that goes with it
	Username  string      // empty: the token is sent as a bearer token
	Transport http.RoundTripper
	Limits    host.Limits
}

// Client asks one Jira as one account. It is for use by many goroutines.
type Client struct {
	api  *hostapi.Client
	kind atomic.Int32 // a kind, once it is known
}

// The kinds of Jira.
const (
	unknown = iota
	dataCenter
	cloud
)

// base is where the API begins below the URL of a Jira.
const base = "/rest/api/2"

// New makes a client. It asks nothing.
func New(o Options) (*Client, error) {
	authorize := hostapi.Bearer(o.Token)
	if o.Username != "" {
		authorize = hostapi.Basic(o.Username, o.Token)
	}
	api, err := hostapi.New(hostapi.Options{
		Base: strings.TrimRight(o.URL, "/") + base, Authorize: authorize, Transport: o.Transport, Limits: o.Limits, Means: means,
	})
	if err != nil {
		return nil, err
	}
	return &Client{api: api}, nil
}

// means tells a login that Jira bars, as after too many wrong ones, from an act that the account may not do: both are 403.
func means(a hostapi.Answer) int {
	if a.Status == http.StatusForbidden && a.Header.Get("X-Authentication-Denied-Reason") != "" {
		return http.StatusUnauthorized
	}
	return a.Status
}

// Myself gives the account that the client is.
func (c *Client) Myself(ctx context.Context) (User, error) {
	u, err := hostapi.Ask[wireUser](ctx, c.api, hostapi.Request{Ref: "/myself"})
	return u.user(), err
}

// isCloud tells Jira Cloud from Data Center, by the account that the client is.
func (c *Client) isCloud(ctx context.Context) (bool, error) {
	if c.kind.Load() == unknown {
		me, err := c.Myself(ctx)
		if err != nil {
			return false, err
		}
		kind := int32(dataCenter)
		if me.IsCloud() {
			kind = cloud
		}
		c.kind.Store(kind)
	}
	return c.kind.Load() == cloud, nil
}

// change sends what changes something, once.
func (c *Client) change(ctx context.Context, method, ref string, body any) error {
	_, err := c.api.Do(ctx, hostapi.Request{Method: method, Ref: ref, Body: body})
	return err
}
