package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"keytrail/daemon/config"
	"keytrail/indexer/host"
	"keytrail/indexer/webhook"
)

type webhooksCommand struct {
	Config string `required:"" help:"Configuration file." placeholder:"FILE" type:"path"`
	URL    string `name:"url" help:"Where the hosts reach this keytrail; without it, the address that it listens on, which hosts may not reach." placeholder:"https://keytrail.example.com"`
	JSON   bool   `name:"json" help:"Print JSON, a line for each integration."`
}

// Help is the text below the summary of webhooks.
func (webhooksCommand) Help() string {
	return `For each integration: the URL to enter at its host, where in the host's settings, which events to choose, and where the
secret goes. No host is asked and no secret is read: where SECRET stands in a URL, put what webhook.secret of the configuration
holds. Webhooks that were set up for Git Integration for Jira can stay as they are, but for the name of this server.`
}

// setup is how a webhook is set up.
type setup struct {
	Integration string   `json:"integration,omitempty"` // empty: the repositories named one by one
	Type        string   `json:"type,omitempty"`
	URL         string   `json:"url,omitempty"`
	Where       string   `json:"where,omitempty"`
	Events      []string `json:"events,omitempty"`
	Secret      string   `json:"secret,omitempty"` // where it goes
	Note        string   `json:"note,omitempty"`
	Missing     string   `json:"missing,omitempty"` // why there is no webhook, and the way out
}

// Run prints how webhooks are set up.
func (c *webhooksCommand) Run(p Process) error {
	known := checks()
	known.CA = nil // no host is reached
	settings, err := config.Load(c.Config, known)
	if err != nil {
		return usageError{err}
	}
	base := "http://" + reachable(settings.Listen)
	if c.URL == "" {
		if _, err := fmt.Fprintf(p.Stderr, "keytrail: warning: the URLs begin with %s, after the address that keytrail listens on, which the hosts do not "+
			"reach: give theirs with --url, as --url https://keytrail.example.com\n", base); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	} else {
		if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usageError{fmt.Errorf("--url %.100q: want http or https and a host, as https://keytrail.example.com", c.URL)}
		}
		base = strings.TrimRight(c.URL, "/")
	}
	setups, err := setupsOf(settings, base)
	if err != nil {
		return usageError{err}
	}
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetEscapeHTML(false)
	for _, s := range setups {
		if c.JSON {
			err = encoder.Encode(s)
		} else {
			err = s.print(p.Stdout)
		}
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// reachable gives a listening address as others may reach it: one that listens on all addresses has none of its own.
func reachable(listen string) string {
	name, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(name); err == nil && (name == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("keytrail.example.com", port)
	}
	return listen
}

// setupsOf gives how the webhook of each integration is set up.
func setupsOf(settings *config.Config, base string) ([]setup, error) {
	transports := newTransports()
	defer transports.close()
	var setups []setup
	for _, i := range settings.Integrations {
		i.CA = ""
		asked, err := hostConfig(i, transports)
		if err != nil {
			return nil, fmt.Errorf("integration %q: %w", i.Name, err)
		}
		h, err := newHost(i, asked)
		if err != nil {
			return nil, fmt.Errorf("integration %q: %w", i.Name, err)
		}
		setups = append(setups, setupOf(i, h, base))
	}
	if len(settings.Repositories) > 0 {
		s := setup{Missing: "set webhook.secret at the top of the configuration to have these looked at when something calls"}
		if !settings.Webhook.Secret.IsZero() {
			s = guided(webhook.Plain{}.Guide(), base+"/rest/gitplugin/webhook/1.0/reindex")
		}
		setups = append(setups, s)
	}
	return setups, nil
}

func setupOf(i config.Integration, h host.Host, base string) setup {
	s := setup{}
	switch by, ok := h.(host.Webhooks); {
	case !ok:
		s.Missing = "a " + i.Type + " sends no webhooks: its repositories are looked at on their interval"
	case i.Webhook.Secret.IsZero():
		s.Missing = "set webhook.secret of the integration: without it no delivery is taken"
	default:
		s = guided(by.Guide(), base+"/webhooks/"+i.Name)
	}
	s.Integration, s.Type = i.Name, i.Type
	return s
}

func guided(g host.Guide, at string) setup {
	if g.InURL {
		at += "/SECRET"
	}
	return setup{URL: at, Where: g.Where, Events: g.Events, Secret: g.Secret, Note: g.Note}
}

// print writes a setup for people.
func (s setup) print(w io.Writer) error {
	var text strings.Builder
	name := "repositories named one by one"
	if s.Integration != "" {
		name = s.Integration + " (" + s.Type + ")"
	}
	fmt.Fprintln(&text, name)
	for _, line := range []struct{ label, value string }{
		{"url", s.URL}, {"where", s.Where}, {"events", strings.Join(s.Events, ", ")}, {"secret", s.Secret}, {"note", s.Note}, {"none", s.Missing},
	} {
		if line.value != "" {
			fmt.Fprintf(&text, "  %-7s %s\n", line.label, line.value)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
