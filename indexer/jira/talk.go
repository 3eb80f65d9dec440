package jira

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// Work is time that was spent on an issue.
type Work struct {
	Spent   string    // in Jira's notation, as "1d 4h"
	Started time.Time // when it began; zero: now
	Comment string
}

// Comment adds a comment to an issue.
func (c *Client) Comment(ctx context.Context, issue, text string) error {
	return c.change(ctx, http.MethodPost, hostapi.Path("/issue/%s/comment", issue), map[string]string{"body": text})
}

// LogWork adds a worklog to an issue.
func (c *Client) LogWork(ctx context.Context, issue string, w Work) error {
	body := map[string]string{"timeSpent": w.Spent, "comment": w.Comment}
	if !w.Started.IsZero() {
		body["started"] = w.Started.Format("2006-01-02T15:04:05.000-0700")
	}
	return c.change(ctx, http.MethodPost, hostapi.Path("/issue/%s/worklog", issue), body)
}

// HasComment tells whether a comment of an issue ends with a line that begins with a marker.
func (c *Client) HasComment(ctx context.Context, issue, marker string) (bool, error) {
	return c.has(ctx, hostapi.Path("/issue/%s/comment", issue), marker)
}

// HasWork tells whether the comment of a worklog of an issue ends with a line that begins with a marker.
func (c *Client) HasWork(ctx context.Context, issue, marker string) (bool, error) {
	return c.has(ctx, hostapi.Path("/issue/%s/worklog", issue), marker)
}

const (
	textsPage = 100
	maxTexts  = 1000 // pages of comments or worklogs that are searched
)

// has searches all comments, or worklogs, of an issue. Older Jiras give all worklogs on the first page.
func (c *Client) has(ctx context.Context, ref, marker string) (bool, error) {
	type text struct {
		Body    string `json:"body"`    // of a comment
		Comment string `json:"comment"` // of a worklog
	}
	read := 0
	for range maxTexts {
		query := url.Values{"startAt": {strconv.Itoa(read)}, "maxResults": {strconv.Itoa(textsPage)}}
		page, err := hostapi.Ask[struct {
			Total    int    `json:"total"`
			Comments []text `json:"comments"`
			Worklogs []text `json:"worklogs"`
		}](ctx, c.api, hostapi.Request{Ref: ref + "?" + query.Encode()})
		if err != nil {
			return false, err
		}
		texts := append(page.Comments, page.Worklogs...)
		for _, t := range texts {
			if isMarked(t.Body, marker) || isMarked(t.Comment, marker) {
				return true, nil
			}
		}
		read += len(texts)
		if len(texts) == 0 || read >= page.Total {
			return false, nil
		}
	}
	return false, host.Problem(host.ErrTooLarge, "the issue has more than %d pages of comments or worklogs: look at it in Jira", maxTexts)
}

// isMarked tells whether the last line of a text begins with a marker.
func isMarked(text, marker string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:]), marker)
}
