package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"keytrail/daemon/config"
	"keytrail/indexer/host"
	"keytrail/indexer/host/filter"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Validate a configuration file."`
}

type configCheckCommand struct {
	File string `arg:"" help:"The configuration file."`
	List bool   `help:"Ask the integrations for their repositories, and show what their filters select and leave out."`
}

// Help is the text below the summary of config check.
func (configCheckCommand) Help() string {
	return `With --list, each integration's host is asked; nothing is written and no repository is fetched. A line begins with
"+" for a repository that would be indexed, with "-" for one that the filter leaves out, and with "!" for what the filter
probably does not do that was meant.`
}

// Run validates a configuration file, the secrets it names among them.
func (c *configCheckCommand) Run(ctx context.Context, p Process) error {
	settings, err := config.Load(c.File, checks())
	if err != nil {
		return usageError{err}
	}
	if err := settings.CheckSecrets(); err != nil {
		return usageError{fmt.Errorf("%s: %w", c.File, err)}
	}
	transports := newTransports()
	defer transports.close()
	plan, err := newPlan(settings, transports)
	if err != nil {
		return usageError{err}
	}
	for _, w := range warnings(settings, machine()) {
		if _, err := fmt.Fprintln(p.Stderr, "keytrail: warning:", w); err != nil {
			return err
		}
	}
	if !c.List {
		_, err = fmt.Fprintln(p.Stdout, c.File, "is valid:", plan.text())
		return err
	}
	return plan.list(ctx, p.Stdout, p.Stderr)
}

// text counts what a plan has.
func (p *plan) text() string {
	var parts []string
	if len(p.integrations) > 0 {
		parts = append(parts, plural(len(p.integrations), "integration"))
	}
	if len(p.targets) > 0 || len(parts) == 0 {
		parts = append(parts, plural(len(p.targets), "repository"))
	}
	return strings.Join(parts, ", ")
}

// list prints the repositories of a plan, and to progress what is waited for. An integration that cannot be asked does not keep the
// others from being.
func (p *plan) list(ctx context.Context, w, progress io.Writer) error {
	for _, t := range p.targets {
		if _, err := fmt.Fprintf(w, "+ %s\t%s\n", t.Spec.Name, t.Spec.URL); err != nil {
			return err
		}
	}
	var errs []error
	for _, in := range p.integrations {
		fmt.Fprintf(progress, "asking %s …\n", in.config.Name)
		in.attempts.tell(func(err error) { fmt.Fprintf(progress, "asking %s …: %v\n", in.config.Name, err) })
		if err := in.list(ctx, w); err != nil {
			errs = append(errs, fmt.Errorf("integration %q: %w", in.config.Name, err))
		}
	}
	return errors.Join(errs...)
}

// list asks the host and prints what it has and what the filter selects of it.
func (in *integration) list(ctx context.Context, w io.Writer) error {
	var narrow host.Filter
	var warnings []string
	if in.filter != nil {
		narrow, warnings = in.filter, in.filter.Warnings()
		defer in.filter.Wait()
	}
	found, err := host.Discover(ctx, in.host, narrow)
	if err != nil {
		return err
	}
	compared := filter.Compare(names(found.Listed), names(found.Selected))
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d of %s\n", in.config.Name, len(found.Selected), plural(len(found.Listed), "repository"))
	if len(found.Listed) == 0 {
		fmt.Fprintln(&text, "! the host lists none: check", whatHides(in.config.Type))
	} else if len(found.Selected) == 0 {
		fmt.Fprintln(&text, "! the filter leaves out all: text is written 'so', a boolean or a number with backticks, as `false`; a bare word or \"one\" is the "+
			"name of a field, which is null where the host has none; and texts are compared with case")
	}
	for _, group := range []struct {
		mark  string
		lines []string
	}{{"!", warnings}, {"+", compared.Selected}, {"+", compared.Made}, {"-", compared.LeftOut}} {
		for _, line := range group.lines {
			fmt.Fprintln(&text, group.mark, line)
		}
	}
	for _, r := range found.Selected {
		if _, err := in.target(r); err != nil {
			fmt.Fprintf(&text, "! %s: %v\n", r.Name, err)
		}
	}
	_, err = io.WriteString(w, text.String())
	return err
}

// whatHides gives what to check when a host of a type lists no repositories, which is no error: the account may have none.
func whatHides(kind string) string {
	switch kind {
	case config.TypeAzureDevOps, config.TypeAzureDevOpsServer:
		return "organisation and project in url, and that the token is good for them and has the scope Code (Read)"
	case config.TypeGitHub:
		return "organisation or api_path, and the rights of the token: the scope repo, or the repositories that a fine-grained one is for"
	case config.TypeGitHubApp:
		return "installation_id, and that the App is installed there with the right to read the contents of repositories"
	case config.TypeGitLab:
		return "organisation or api_path, that the token has the scope read_api, and that its account is a member of the projects"
	case config.TypeBitbucketServer:
		return "organisation, which is the key of a project, and that the account may read its repositories"
	case config.TypeGerrit:
		return "that the account has the access right Read on the refs of the projects"
	case config.TypeCodeCommit:
		return "region, and that the access key is allowed codecommit:ListRepositories in it"
	case config.TypeGitea:
		return "organisation or api_path, that the token has the scope read:repository, and that its account may see the repositories"
	}
	return "path and depth, and that this user may read the directories"
}

func names(repositories []host.Repository) []string {
	list := make([]string, len(repositories))
	for i, r := range repositories {
		list[i] = r.Name
	}
	return list
}
