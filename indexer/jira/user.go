package jira

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"keytrail/indexer/host/hostapi"
)

// ErrNoUser says that there is not exactly one active user of a description; the text that wraps it says which.
var ErrNoUser = errors.New("not exactly one active user")

// User is an account of Jira. Data Center knows it by its name, Cloud by its account id.
type User struct {
	Name        string
	AccountID   string // of Cloud; empty on Data Center
	Mail        string // empty where the client may not see it
	DisplayName string
	IsActive    bool
}

// IsCloud tells that the user is one of Jira Cloud.
func (u User) IsCloud() bool { return u.AccountID != "" }

type wireUser struct {
	Name         string `json:"name"`
	AccountID    string `json:"accountId"`
	EmailAddress string `json:"emailAddress"`
	DisplayName  string `json:"displayName"`
	Active       bool   `json:"active"`
}

func (u wireUser) user() User {
	return User{Name: u.Name, AccountID: u.AccountID, Mail: u.EmailAddress, DisplayName: u.DisplayName, IsActive: u.Active}
}

// UserByMail finds the only active user with a mail address, in any case. On Cloud, the client must be allowed to see it.
func (c *Client) UserByMail(ctx context.Context, mail string) (User, error) {
	if mail == "" {
		return User{}, fmt.Errorf("a user without a mail address: %w", ErrNoUser)
	}
	return c.only(ctx, mail, func(u User) bool { return strings.EqualFold(u.Mail, mail) })
}

// UserByName finds the only active user with a name, in any case: the login name on Data Center, the account id or the name that is shown
// on Cloud.
func (c *Client) UserByName(ctx context.Context, name string) (User, error) {
	return c.only(ctx, name, func(u User) bool {
		return strings.EqualFold(u.Name, name) || u.IsCloud() && (u.AccountID == name || strings.EqualFold(u.DisplayName, name))
	})
}

// maxUsers is how many users one search gives; Jira's own limit is the same.
const maxUsers = 1000

// only searches users and gives the only active one that is meant. Jira's search finds by parts of names too.
func (c *Client) only(ctx context.Context, text string, isMeant func(User) bool) (User, error) {
	isCloud, err := c.isCloud(ctx)
	if err != nil {
		return User{}, err
	}
	by := "username"
	if isCloud {
		by = "query"
	}
	query := url.Values{by: {text}, "maxResults": {fmt.Sprint(maxUsers)}}
	told, err := hostapi.Ask[[]wireUser](ctx, c.api, hostapi.Request{Ref: "/user/search?" + query.Encode()})
	if err != nil {
		return User{}, err
	}
	var meant []User
	for _, t := range told {
		if u := t.user(); u.IsActive && isMeant(u) {
			meant = append(meant, u)
		}
	}
	if len(meant) != 1 {
		return User{}, fmt.Errorf("%d active users of Jira are %.100q: %w", len(meant), text, ErrNoUser)
	}
	return meant[0], nil
}
