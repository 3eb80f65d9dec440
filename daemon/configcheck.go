package daemon

import (
	"fmt"

	"keytrail/daemon/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Validate a configuration file."`
}

type configCheckCommand struct {
	File string `arg:"" help:"The configuration file."`
	List bool   `help:"Show the repositories that would be indexed."`
}

// Run validates a configuration file, the secrets it names among them.
func (c *configCheckCommand) Run(p Process) error {
	settings, err := config.Load(c.File, checks())
	if err != nil {
		return usageError{err}
	}
	if err := settings.CheckSecrets(); err != nil {
		return usageError{fmt.Errorf("%s: %w", c.File, err)}
	}
	plan, err := newPlan(settings, newTransports())
	if err != nil {
		return usageError{err}
	}
	if c.List {
		for _, t := range plan.targets {
			if _, err := fmt.Fprintf(p.Stdout, "%s\t%s\n", t.Spec.Name, t.Spec.URL); err != nil {
				return err
			}
		}
		return nil
	}
	_, err = fmt.Fprintf(p.Stdout, "%s is valid: %s\n", c.File, plural(len(plan.targets), "repository"))
	return err
}
