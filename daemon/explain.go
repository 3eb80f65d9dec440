package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"keytrail/httpapi"
)

type explainCommand struct {
	Text   []string `arg:"" optional:"" help:"A commit message or a part of one."`
	Commit string   `help:"Explain this commit instead of a text, by its id or at least the first seven digits of it; needs --data or --url." placeholder:"SHA"`
	Name   bool     `help:"The text is the name of a branch or the like, where keys count in any case."`
	Config string   `help:"Configuration whose key rules apply; without one, the defaults." placeholder:"FILE" type:"path"`
	JSON   bool     `name:"json" help:"Print JSON, a line for each finding."`

	Data      string `help:"Data directory to read, for --commit." placeholder:"DIR"`
	URL       string `help:"Running daemon to ask, for --commit." placeholder:"URL"`
	TokenFile string `help:"File with the daemon's bearer token; else the environment variable KEYTRAIL_TOKEN." placeholder:"FILE"`
}

// Run explains a text by the key rules, or a commit by the index.
func (c *explainCommand) Run(ctx context.Context, p Process) error {
	text := strings.Join(c.Text, " ")
	switch {
	case (text == "") == (c.Commit == ""):
		return usageError{errors.New("give either a text or --commit SHA")}
	case c.Commit != "":
		return c.explainCommit(ctx, p)
	}
	rules, err := keyRules(c.Config)
	if err != nil {
		return usageError{err}
	}
	found := findings(rules, text, c.Name)
	if !c.JSON && len(found) == 0 {
		_, err := fmt.Fprintln(p.Stdout, "nothing here looks like an issue key: a project key, a hyphen and a number, as KAFKA-16845")
		return err
	}
	encoder := json.NewEncoder(p.Stdout)
	for _, f := range found {
		if c.JSON {
			err = encoder.Encode(f)
		} else {
			_, err = io.WriteString(p.Stdout, findingText(f))
		}
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

func (c *explainCommand) explainCommit(ctx context.Context, p Process) (err error) {
	if (c.Data == "") == (c.URL == "") {
		return usageError{errors.New("--commit needs the index to ask: give --data DIR or --url URL")}
	}
	from := source{Data: c.Data, URL: c.URL, Config: c.Config, TokenFile: c.TokenFile}
	client, err := from.open(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	var e httpapi.CommitExplanation
	if err := client.get(ctx, "/api/v1/explain", url.Values{"sha": {c.Commit}}, &e); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(e)
	}
	_, err = io.WriteString(p.Stdout, explanationText(&e))
	return err
}

// explanationText shows an explanation to people: what is wrong, then a paragraph for each repository that is concerned.
func explanationText(e *httpapi.CommitExplanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", e.SHA, e.Reason)
	for _, h := range e.Repositories {
		var keys []string
		for _, k := range h.Keys {
			keys = append(keys, string(k))
		}
		fmt.Fprintf(&b, "in %s: linked to %s; on %s; tagged %s\n", h.Repository.Name, orNone(keys), orNone(h.Branches), orNone(h.Tags))
		for _, ref := range h.Refs {
			fmt.Fprintf(&b, "  %s reaches it%s\n", printable(ref.Name), after(", fetched by ", ref.Refspec))
		}
		if h.RefsTruncated {
			b.WriteString("  and other refs\n")
		}
		for _, f := range h.Findings {
			b.WriteString("  " + findingText(f))
		}
		for _, note := range h.Notes {
			for _, f := range note.Findings {
				fmt.Fprintf(&b, "  in the note of %s: %s", printable(note.Ref), findingText(f))
			}
		}
		for _, d := range h.Decided {
			fmt.Fprintf(&b, "  decided by hand: %s %s%s%s at %s%s\n", d.Verdict, d.Key, after(", by ", d.By), after(", with the token ", d.Token),
				d.At.Format(time.RFC3339), after(": ", d.Reason))
		}
		b.WriteString(lookText(h.LookedAt))
	}
	for _, l := range e.Unreached {
		fmt.Fprintf(&b, "%s: it was fetched, and no indexed ref reaches it; fetched are %s\n%s", l.Repository.Name, orNone(l.Refspecs), lookText(l))
	}
	for _, l := range e.Suspects {
		fmt.Fprintf(&b, "%s may have it unseen\n%s", l.Repository.Name, lookText(l))
	}
	if more := e.SuspectsTotal - len(e.Suspects); more > 0 {
		fmt.Fprintf(&b, "and %s more that are failing or not indexed yet\n", plural(more, "repository"))
	}
	return b.String()
}

// lookText tells how looks at a repository went.
func lookText(l httpapi.LookedAt) string {
	text := fmt.Sprintf("  it is %s", l.State)
	if l.LastSuccess != nil {
		text += ", last looked at with success " + l.LastSuccess.Format(time.RFC3339)
	}
	if l.Error != nil {
		text += fmt.Sprintf("; since %s its looks fail (%s, %s): %s", l.Error.Since.Format(time.RFC3339), l.Error.Class, plural(l.Error.Count, "time"), printable(l.Error.Text))
	}
	return text + "\n"
}

// after gives a text with words before it; nothing for an empty one.
func after(words, text string) string {
	if text == "" {
		return ""
	}
	return words + printable(text)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return some(names)
}

// findingText shows one place of a text and what the rules make of it.
func findingText(f httpapi.Finding) string {
	if !f.Found {
		return fmt.Sprintf("%q is not a key: %s\n", f.Text, f.Reason)
	}
	return fmt.Sprintf("%q is the key %s%s\n", f.Text, f.Key, after(": ", f.Reason))
}
