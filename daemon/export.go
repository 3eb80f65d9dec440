package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
)

type exportCommand struct {
	source
	Project string `help:"Only this project's issues, as KAFKA." placeholder:"KEY"`
}

// Run prints every posting.
func (c *exportCommand) Run(ctx context.Context, p Process) (err error) {
	client, err := c.open(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	query := url.Values{}
	if c.Project != "" {
		query.Set("project", c.Project)
	}
	body, err := client.stream(ctx, "/api/v1/export", query)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(p.Stdout, body); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
