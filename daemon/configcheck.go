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
	if !c.List {
		_, err = fmt.Fprintln(p.Stdout, c.File, "is valid:", plan.text())
		return err
	}
	return plan.list(ctx, p.Stdout)
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

// list prints the repositories of a plan. An integration that cannot be asked does not keep the others from being.
func (p *plan) list(ctx context.Context, w io.Writer) error {
	for _, t := range p.targets {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", t.Spec.Name, t.Spec.URL); err != nil {
			return err
		}
	}
	var errs []error
	for _, in := range p.integrations {
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

func names(repositories []host.Repository) []string {
	list := make([]string, len(repositories))
	for i, r := range repositories {
		list[i] = r.Name
	}
	return list
}
