package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"keytrail/httpapi"
	"keytrail/storage"
)

type queryCommand struct {
	source
	JSON  bool     `name:"json" help:"Print a JSON line for each commit, with the field names of the API."`
	Limit int      `help:"Most commits to show for each key; 0: all." default:"0" placeholder:"N"`
	Key   []string `arg:"" help:"Issue keys, as KAFKA-16845."`
}

// pageSize is how many commits are asked for at a time.
const pageSize = 500

// Run shows the commits of each key.
func (c *queryCommand) Run(ctx context.Context, p Process) (err error) {
	if c.Limit < 0 {
		return usageError{fmt.Errorf("--limit %d: want 0 for all, or a number of commits", c.Limit)}
	}
	client, err := c.open(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	for _, key := range c.Key {
		if err := c.show(ctx, client, p.Stdout, key); err != nil {
			return err
		}
	}
	return nil
}

func (c *queryCommand) show(ctx context.Context, client *client, out io.Writer, key string) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	shown, cursor := 0, ""
	for {
		query := url.Values{"limit": {strconv.Itoa(c.pageAfter(shown))}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		var page httpapi.Commits
		if err := client.get(ctx, "/api/v1/issues/"+url.PathEscape(key)+"/commits", query, &page); err != nil {
			return err
		}
		for _, commit := range page.Commits {
			var err error
			if c.JSON {
				err = encoder.Encode(struct {
					Key storage.IssueKey `json:"key"`
					httpapi.Commit
				}{page.Key, commit})
			} else {
				_, err = io.WriteString(out, commitText(page.Key, &commit))
			}
			if err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
		shown += len(page.Commits)
		if cursor = page.Next; cursor == "" || c.Limit > 0 && shown >= c.Limit {
			break
		}
	}
	if shown == 0 && !c.JSON {
		_, err := fmt.Fprintf(out, "%s: no commits\n", key)
		return err
	}
	return nil
}

// pageAfter says how many commits to ask for next.
func (c *queryCommand) pageAfter(shown int) int {
	if c.Limit == 0 {
		return pageSize
	}
	return min(pageSize, c.Limit-shown)
}

// commitText shows a commit to people: a line of what it is, a line of where it is.
func commitText(key storage.IssueKey, c *httpapi.Commit) string {
	subject, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  %s  %s\n", key, c.SHA, c.Committer.Date.Format("2006-01-02 15:04 -0700"), c.Author.Name, printable(subject))
	fmt.Fprintf(&b, "    in %s", c.Repository.Name)
	if len(c.Branches) > 0 {
		fmt.Fprintf(&b, ", on %s", some(c.Branches))
	}
	if len(c.Tags) > 0 {
		fmt.Fprintf(&b, ", tagged %s", some(c.Tags))
	}
	b.WriteByte('\n')
	return b.String()
}

// printable keeps what a commit's author wrote from steering the reader's terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
