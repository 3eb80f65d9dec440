package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"keytrail/httpapi"
)

type explainCommand struct {
	Text   []string `arg:"" optional:"" help:"A commit message or a part of one."`
	Commit string   `help:"Explain this commit instead of a text; needs --data or --url." placeholder:"SHA"`
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
			err = printFinding(p.Stdout, f)
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
	fmt.Fprintf(p.Stdout, "%s: %s\n", e.SHA, e.Reason)
	for _, h := range e.Repositories {
		fmt.Fprintf(p.Stdout, "in %s: on %s; tagged %s\n", h.Repository.Name, orNone(h.Branches), orNone(h.Tags))
		for _, f := range h.Findings {
			if err := printFinding(p.Stdout, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return some(names)
}

// printFinding shows one place of a text and what the rules make of it.
func printFinding(out io.Writer, f httpapi.Finding) error {
	line := fmt.Sprintf("%q is not a key: %s\n", f.Text, f.Reason)
	if f.Found {
		line = fmt.Sprintf("%q is the key %s", f.Text, f.Key)
		if f.Reason != "" {
			line += ": " + f.Reason
		}
		line += "\n"
	}
	_, err := io.WriteString(out, line)
	return err
}
